"""New distributions for authors of backends: the files of `convbench new-backend`, from the templates beside it."""

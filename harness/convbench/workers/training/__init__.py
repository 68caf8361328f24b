"""A network that is trained in a process of its own: the backend computes the cases, learning/ everything else."""

"""Whether backends are right on an item, and what is kept with what they get wrong."""

"""What can happen in a run, how it is written and read, and what it adds up to."""

"""Completion of words in bash, zsh and fish: the scripts of the shells, and the values that options may have."""

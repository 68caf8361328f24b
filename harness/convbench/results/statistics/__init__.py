"""Estimates, intervals and comparisons, as pure functions."""

"""Estimates, intervals and comparisons: pure functions."""

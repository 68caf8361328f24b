"""Sweeps: many runs by one plan, each made by `convbench compare` on one of many machines, all in one folder."""

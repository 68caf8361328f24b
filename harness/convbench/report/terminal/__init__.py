"""Runs on the terminal: one of them, or several beside each other."""

from convbench.report.terminal.run import print_run
from convbench.report.terminal.runs import print_runs

__all__ = ["print_run", "print_runs"]

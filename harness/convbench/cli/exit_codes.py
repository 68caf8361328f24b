"""Exit codes of every command; 0 says that all is fine."""

EXIT_WRONG = 1
"""A backend is wrong or failed."""
EXIT_USAGE = 2
"""The call or a file is at fault."""
EXIT_INTERRUPTED = 130
"""Ctrl-C, SIGTERM, SIGHUP."""

"""`python -m convbench`, where the command is not on the path."""

from __future__ import annotations

from convbench.cli.main import main

if __name__ == "__main__":
    main(prog_name="convbench")

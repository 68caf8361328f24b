"""The kernel table: this project's own kernels next to the frameworks, on 16 rows, a forward and a backward each.

    python tests/benchmarks/kernels.py OUTPUT                        # all of it, about four minutes on 2 cores
    python tests/benchmarks/kernels.py OUTPUT --parts times --rows c,e --rounds 15

Writes times.csv, memory.csv, book.csv and compile.csv into the folder OUTPUT, as far as the parts say, then kernels.md
from all that lies there; rows that are measured again replace the old ones. On a machine that does nothing else, or the
numbers mean nothing. Results are held against those of the first backend: one that disagrees is told and left out.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd
from kernel_measuring import (
    ENTRANTS,
    Bench,
    ceilings,
    measure_book,
    measure_compile,
    measure_memory,
    measure_times,
)
from kernel_table import kernel_page

from convbench.machine.facts import machine_facts, package_versions
from convbench.workers.plugins import find_backends
from convbench_specs import load_workload

WORKLOAD = load_workload(str(Path(__file__).with_name("kernels.toml")))
BATCH_SIZES = {"a": 32, "b": 16, "c": 16, "d": 16, "e": 16, "f": 64, "g": 16, "pool": 32}
PARTS = ("times", "memory", "book", "compile")


def main() -> None:
    options = _options()
    folder: Path = options.output
    folder.mkdir(parents=True, exist_ok=True)
    items = [(case, BATCH_SIZES[case.name]) for case in WORKLOAD.cases if case.name in options.rows]
    with Bench(options.entrants, threads=options.threads, log=folder / "workers.log") as bench:
        if "times" in options.parts:
            (folder / "machine.json").write_text(_facts(bench, WORKLOAD.cases[-1]), encoding="utf-8")
            _merge(folder / "times.csv", pd.DataFrame(measure_times(bench, items, options.rounds)))
        if "book" in options.parts:
            _merge(folder / "book.csv", pd.DataFrame(measure_book(bench)))
    if "memory" in options.parts:
        with Bench(options.entrants, threads=options.threads, log=folder / "workers.log", pinned=True) as bench:
            _merge(folder / "memory.csv", pd.DataFrame(measure_memory(bench, items)))
    if "compile" in options.parts:
        fresh = pd.DataFrame([measure_compile(options.threads, folder / "workers.log")])
        fresh.to_csv(folder / "compile.csv", index=False, lineterminator="\n")
    (folder / "kernels.md").write_text(kernel_page(folder), encoding="utf-8")
    (folder / "workers.log").unlink(missing_ok=True)


def _options() -> argparse.Namespace:
    def names(text: str) -> list[str]:
        return text.split(",")

    parser = argparse.ArgumentParser(description="Measure the kernel table.")
    parser.add_argument("output", type=Path, help="folder for the tables")
    parser.add_argument("--rows", type=names, default=list(BATCH_SIZES), help="such as a,pool")
    parser.add_argument("--entrants", type=names, default=list(ENTRANTS), help=f"of {','.join(ENTRANTS)}")
    parser.add_argument("--parts", type=names, default=list(PARTS), help=f"of {','.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=7, help="turns of every backend in a row")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    return parser.parse_args()


def _facts(bench: Bench, product: object) -> str:
    facts = {
        "machine": machine_facts(),
        "packages": package_versions(find_backends().packages),
        "threads": bench.settings.threads,
    }
    return json.dumps({**facts, **ceilings(bench, product), "backends": bench.facts()}, indent=1) + "\n"


def _merge(path: Path, fresh: pd.DataFrame) -> None:
    """Write a table, with the rows of an older one that were not measured again."""
    key = ["row", "pass", "backend"]
    if path.exists():
        fresh = pd.concat([pd.read_csv(path), fresh]).drop_duplicates(key, keep="last")
    fresh.sort_values(key[:2], kind="stable").to_csv(path, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()

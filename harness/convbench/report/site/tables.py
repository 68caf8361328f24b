"""The cells of all runs in one table, written run by run: measurements.csv, and measurements.parquet with pyarrow.

The columns are all that are declared, whether a run has them or not. `run` is the folder below the one that was
published; runs.csv tells when, where and how each was made.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd

from convbench.report.files import MEASUREMENTS as MEASUREMENTS_CSV
from convbench.report.files import ONLY_IN_FRAMES, write_csv
from convbench.report.site.machines import RunLine
from convbench.results.columns import MEASUREMENTS, Dtype
from convbench.results.run import Run

MEASUREMENTS_PARQUET = "measurements.parquet"
RUNS_CSV = "runs.csv"
COLUMNS = tuple(column for column in MEASUREMENTS if column.name not in ONLY_IN_FRAMES)
ROWS_AT_ONCE = 10_000
"""Rows that the Parquet file is written by: small pieces compress badly."""
PANDAS_TYPES: dict[Dtype, str] = {"text": "string", "number": "float64", "integer": "Int64", "flag": "boolean"}


class MergedTables:
    """Writes the tables into a folder, to be used in a with statement; OSError where that fails."""

    def __init__(self, folder: Path) -> None:
        """Open the files that are written run by run."""
        self.folder = folder
        self._rows: list[dict[str, object]] = []
        self._waiting: list[pd.DataFrame] = []
        self._is_begun = False
        self._open = ExitStack()
        self._parquet = self._parquet_writer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def files(self) -> list[str]:
        """The files that a site offers."""
        names = (MEASUREMENTS_CSV, MEASUREMENTS_PARQUET, RUNS_CSV)
        return [name for name in names if (self.folder / name).exists()]

    def add(self, run: Run, line: RunLine, *, machine: str) -> None:
        """Append the cells of a run."""
        absent = {
            column.name: "" for column in COLUMNS if column.dtype == "text" and column.name not in run.measurements
        }
        frame = run.measurements.assign(**(absent | {"run": line.label, "machine": machine}))
        frame = frame.reindex(columns=[column.name for column in COLUMNS])
        write_csv(frame, self.folder / MEASUREMENTS_CSV, append=self._is_begun)
        self._is_begun = True
        if self._parquet is not None:
            self._waiting.append(frame.astype({column.name: PANDAS_TYPES[column.dtype] for column in COLUMNS}))
            if sum(map(len, self._waiting)) >= ROWS_AT_ONCE:
                self._write_waiting()
        self._rows.append(
            {
                "run": line.label, "machine": machine, "machine_id": run.identity.get("id", ""),
                "started": line.started, "duration_s": line.duration_s, "settings": line.settings,
                "right": line.right, "wrong": line.wrong, "failed": line.failed, "measured": line.measured,
                "versions": ", ".join(f"{name} {version}" for name, version in line.versions.items()),
                "command": line.command,
            }
        )  # fmt: skip

    def finish(self) -> None:
        """Write the table of runs, and end the others."""
        write_csv(pd.DataFrame(self._rows), self.folder / RUNS_CSV)
        self._write_waiting()
        self._open.close()

    def _write_waiting(self) -> None:
        if self._parquet is None or not self._waiting:
            return
        import pyarrow as pa  # noqa: PLC0415  # an extra of its own

        frame = pd.concat(self._waiting, ignore_index=True)
        self._parquet.write_table(pa.Table.from_pandas(frame, schema=self._parquet.schema, preserve_index=False))
        self._waiting.clear()

    def _parquet_writer(self) -> Any:  # pyarrow has no types
        """None without pyarrow."""
        try:
            import pyarrow as pa  # noqa: PLC0415  # an extra of its own: it takes 170 MB
            import pyarrow.parquet as pq  # noqa: PLC0415
        except ImportError:
            return None
        types = {"text": pa.string(), "number": pa.float64(), "integer": pa.int64(), "flag": pa.bool_()}
        fields = [
            pa.field(column.name, types[column.dtype], metadata={"unit": column.unit, "meaning": column.meaning})
            for column in COLUMNS
        ]
        return self._open.enter_context(pq.ParquetWriter(self.folder / MEASUREMENTS_PARQUET, pa.schema(fields)))

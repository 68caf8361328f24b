"""The measurements as a Parquet file, with the unit and the meaning of every column in the file.

It is the frame `Run.measurements`, whole: a row a cell, the wrong ones too, each with its status.
"""

from __future__ import annotations

import io

from convbench.errors import UsageError
from convbench.results.columns import MEASUREMENTS
from convbench.results.run import Run
from convbench.text.strict_json import to_json

MISSING = 'parquet needs pyarrow: pip install "convbench[parquet]"'


def parquet(run: Run) -> bytes:
    """The bytes of the file; UsageError where pyarrow is not installed.

    A field's metadata has `unit` and `meaning` as UTF-8, and that of the schema has `convbench`: the command, the date,
    the machine and the packages of the run as JSON.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415  # an extra of its own: it takes 170 MB
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(MISSING) from error
    table = pa.Table.from_pandas(run.measurements, preserve_index=False)
    declared = {column.name: column for column in MEASUREMENTS}
    fields = [
        field.with_metadata({"unit": declared[field.name].unit, "meaning": declared[field.name].meaning})
        if field.name in declared
        else field
        for field in table.schema
    ]
    about = {name: run.header[name] for name in ("command", "started", "machine", "packages")}
    schema = pa.schema(fields, metadata={**(table.schema.metadata or {}), b"convbench": to_json(about).encode()})
    stream = io.BytesIO()
    pq.write_table(table.cast(schema), stream)
    return stream.getvalue()

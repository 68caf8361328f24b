"""A run in the formats of other tools."""

from convbench.report.export.formats import FORMATS, Format, format_named
from convbench.report.export.writing import export

__all__ = ["FORMATS", "Format", "export", "format_named"]

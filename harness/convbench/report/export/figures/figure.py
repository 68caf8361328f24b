"""A figure: what it shows as Vega-Lite, and its files.

Vega-Lite is JSON, and vl-convert makes SVG, PDF and PNG of it in this process: one package without dependencies, which
needs no browser, no Node and no network (the extra "plots"). Whoever wants to change a figure has its `spec`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convbench.errors import UsageError
from convbench.text.strict_json import to_json

if TYPE_CHECKING:
    from types import ModuleType

Part = dict[str, Any]  # of Vega-Lite: JSON of any depth
INSTALL = "pip install 'convbench[plots]'"
PNG_SCALE = 3.0
"""Pixels a point of a PNG file: about 216 dots per inch."""
SUFFIXES = (".svg", ".pdf", ".png", ".json")


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart of a run. A notebook shows it by itself; `save` writes it for a paper."""

    title: str
    spec: Part = field(repr=False)
    """Vega-Lite 6, with its data."""

    def save(self, path: str | Path) -> Path:
        """Write it as what the ending says: .svg, .pdf, .png, or .json for its Vega-Lite. Returns the path.

        UsageError for another ending, where the file cannot be written, or where vl-convert is not installed.
        """
        file = Path(path)
        if file.suffix not in SUFFIXES:
            raise UsageError(f"{file}: a figure is written as one of {', '.join(SUFFIXES)}")
        made = self._as(file.suffix)
        try:
            file.write_bytes(made)
        except OSError as error:
            raise UsageError(f"cannot write {file}: {error.strerror or error}") from error
        return file

    def svg(self) -> str:
        """The figure as SVG; UsageError where vl-convert is not installed."""
        return str(_converter().vegalite_to_svg(self.spec, allowed_base_urls=[]))

    def _as(self, suffix: str) -> bytes:
        match suffix:
            case ".json":
                return to_json(self.spec, indent=1).encode()
            case ".svg":
                return self.svg().encode()
            case ".pdf":
                return bytes(_converter().vegalite_to_pdf(self.spec, allowed_base_urls=[]))
        return bytes(_converter().vegalite_to_png(self.spec, scale=PNG_SCALE, allowed_base_urls=[]))

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """What a notebook shows: the figure, or what to install."""
        try:
            return {"image/svg+xml": self.svg(), "text/plain": repr(self)}
        except UsageError as error:
            return {"text/plain": f"{self.title}: {error}"}


def _converter() -> ModuleType:
    try:
        import vl_convert  # noqa: PLC0415  # an extra, and large
    except ImportError as error:
        raise UsageError(f"figures need vl-convert-python: {INSTALL}") from error
    return vl_convert

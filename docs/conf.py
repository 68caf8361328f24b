"""The documentation site: Sphinx with MyST. `sphinx-build -W docs build/site` builds it, without a network.

The pages are the Markdown files of this folder, as GitHub shows them. A link to a file that is no page, such as
../specs/convbench_specs/backend.py, becomes a download; a link to a folder becomes plain text.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import click
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT / name) for name in ("specs", "backends", "harness")]  # the sources, installed or not

project = "convbench"
author = "the convbench authors"
copyright = f"2026, {author}"  # noqa: A001  # the name that Sphinx reads
version = release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_click",
]
exclude_patterns = ["examples"]
html_theme = "furo"
html_title = f"convbench {release}"
html_copy_source = False
html_show_sourcelink = False

myst_heading_anchors = 4  # links to headings, as on GitHub: page.md#the-bound
myst_enable_extensions = ["deflist"]
suppress_warnings = ["toc.multiple_toc_parents"]  # see _only_once

INCLUDED = {
    "README": "index",
    "CHANGELOG": "changelog",
    "CONTRIBUTING": "contributing",
    "results/README": "published_runs",
    "results/kernels-2-cores/kernels": "kernel_table",
    "results/networks-2-cores/networks": "network_table",
}
"""Markdown files elsewhere in the repository, and the pages that have their text."""

RETURNED = {"Run", "Runs", "Diff", "History", "BackendTests", "MemoryCounter", "KeptMemoryCounter"}
"""Classes whose arguments tell a reader nothing: convbench or pytest makes their instances."""
ATTRIBUTES: dict[str, list[str]] = {}
"""Docstrings of attributes on their way past napoleon."""

default_role = "code"  # docstrings write `name`, as Markdown does
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
smartquotes = False  # --options keep their two hyphens
pygments_style = "friendly"
pygments_dark_style = "monokai"


def _only_once(app: Sphinx, doctree: nodes.document) -> None:
    """Take out of a glob of pages, `*`, those that another table of contents of the same page names.

    So a new page appears without being named, and one that has a place of its own does not appear twice.
    """
    trees = list(doctree.findall(addnodes.toctree))
    named = {page for tree in trees if not tree["glob"] for _, page in tree["entries"]}
    for tree in trees:
        if tree["glob"]:
            tree["entries"] = [(title, page) for title, page in tree["entries"] if page not in named]
            tree["includefiles"] = [page for page in tree["includefiles"] if page not in named]


def _outside(app: Sphinx, doctree: nodes.document) -> None:
    """Links to what is outside this folder: to the page that includes a file, and the text alone for a folder."""
    for node in list(doctree.findall(addnodes.pending_xref)):
        if node.get("reftype") != "myst":
            continue
        if node.get("refdomain") == "doc" and Path(node["reftarget"]).is_absolute():
            node["reftarget"] = INCLUDED[Path(node["reftarget"]).relative_to(ROOT).as_posix()]
        elif node.get("refdomain") is None and ((HERE / node["refdoc"]).parent / node["reftarget"]).is_dir():
            node.replace_self(node.children)


def _as_text(app: Sphinx, what: str, name: str, item: object, options: object, lines: list[str]) -> None:
    """Docstrings are plain text: a star in (N, C, *spatial) begins no emphasis."""
    lines[:] = [re.sub(r"(?<!\*)\*(?=\w)", r"\\*", line) for line in lines]
    if what in {"attribute", "data", "property"}:
        ATTRIBUTES[name] = list(lines)


def _without_types(app: Sphinx, what: str, name: str, item: object, options: object, lines: list[str]) -> None:
    """The text of an attribute as it was before napoleon took what stands before a colon for its type."""
    lines[:] = ATTRIBUTES.pop(name, lines)


def _only_made_by_convbench(
    app: Sphinx, what: str, name: str, item: object, options: object, signature: str | None, returns: str | None
) -> tuple[str, str] | None:
    """No arguments behind the name of a class that users get and never make."""
    return ("", "") if name.rpartition(".")[2] in RETURNED else None


def _examples_as_code(app: Sphinx, context: click.Context, lines: list[str]) -> None:
    """The examples of a command, which sphinx-click has as lines of text behind bars."""
    shown = [line.removeprefix("|").removeprefix(" ") for line in lines if line.startswith("|")]
    if shown:
        begin = next(number for number, line in enumerate(lines) if line.startswith("|"))
        code = ["Examples:", "", ".. code-block:: shell", "", *(f"   {line.strip()}" for line in shown[1:]), ""]
        lines[begin : begin + len(shown)] = code


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect what adapts the repository's files to the site."""
    app.connect("doctree-read", _only_once)
    app.connect("doctree-read", _outside)
    app.connect("autodoc-process-docstring", _as_text, priority=400)  # napoleon has 500
    app.connect("autodoc-process-docstring", _without_types, priority=600)
    app.connect("autodoc-process-signature", _only_made_by_convbench)
    app.connect("sphinx-click-process-description", _examples_as_code)
    return {"parallel_read_safe": True}

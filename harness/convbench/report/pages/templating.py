"""The templates of the pages, with the filters that they share and the files that are put into a page as they are."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from convbench.report.views.headline import join_names
from convbench.text import units
from convbench.text.glossary import GLOSSARY, word
from convbench.text.operations import operation_text

PACKAGE = "convbench.report"


@cache
def environment() -> Environment:
    """Where templates are found; a value that a template does not get is an error, and every text is escaped."""
    found = Environment(
        loader=PackageLoader(PACKAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    formats = (name for name in dir(units) if name.startswith("format_"))
    found.filters |= {name.removeprefix("format_"): getattr(units, name) for name in formats}
    found.filters |= {"names": join_names, "date": format_date, "word": link_word, "operation": operation_text}
    found.globals["glossary"] = GLOSSARY
    return found


def template_file(name: str) -> Markup:
    """A style sheet or script of ours, to be put into a page."""
    text = (resources.files(PACKAGE) / "templates" / name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704 -- our own file


def link_word(text: str) -> Markup:
    """A word of a page, linked to its entry in the glossary at the foot; KeyError where it has none.

    >>> print(link_word("Rounds").partition(" title")[0])
    <a class="word" href="#word-round"
    """
    entry = word(text.lower())
    return Markup('<a class="word" href="#{}" title="{}">{}</a>').format(entry.anchor, entry.meaning, text)


def format_date(text: str) -> str:
    """An ISO 8601 time as people write it; any other text stays as it is.

    >>> format_date("2026-11-20T13:24:05+00:00"), format_date("yesterday")
    ('20 November 2026, 13:24 UTC', 'yesterday')
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{moment.day} {moment:%B %Y, %H:%M} {moment.tzname() or ''}".strip()

"""What the search of a site looks through: a script that holds names, as a page that is a file may not fetch data.

window.convbenchIndex = {"machines": [[name, what it is, address], ...], "cases": [...], "backends": [...]};
"""

from __future__ import annotations

from collections.abc import Iterable

from convbench.report.pages.embed import script_safe_json
from convbench.report.site.backends import BackendLine
from convbench.report.site.cases import SiteCase
from convbench.report.site.machines import Machine


def search_index(machines: Iterable[Machine], cases: Iterable[SiteCase], backends: Iterable[BackendLine]) -> str:
    """The script."""
    entries = {
        "machines": [[each.name, each.kind, f"machines/{each.page}.html"] for each in machines],
        "backends": [[each.name, ", ".join(each.versions), f"index.html#{each.anchor}"] for each in backends],
        "cases": [
            [each.name, ", ".join(filter(None, (each.workload, each.operation, each.shape, each.dtype))),
             f"cases/{each.page}.html"]
            for each in cases
        ],
    }  # fmt: skip
    return f"window.convbenchIndex = {script_safe_json(entries)};\n"

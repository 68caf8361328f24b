"""A history as one HTML page, which needs neither scripts nor a network."""

from __future__ import annotations

from markupsafe import Markup

from convbench.report.history import figure
from convbench.report.history.terminal import latest_steps, version_change
from convbench.report.pages.templating import environment, template_file
from convbench.report.views.slots import slots
from convbench.results.events.state import BackendRecord
from convbench.results.history import History

STYLES = ("report.css", "comparing.css")


def render_history(history: History) -> str:
    """The whole page as text, to be written as UTF-8."""
    places = {name: place for machine in history.machines for name, place in machine.display_order.items()}
    colours = slots(BackendRecord(name=name, display_order=place) for name, place in places.items())
    shown = [
        {
            "machine": machine,
            "steps": [(series, step, version_change(step)) for series, step in latest_steps(machine)],
            "figures": figure.figures(machine, colours),
            "backends": list(dict.fromkeys(series.backend for series in machine.series)),
        }
        for machine in history.machines
    ]
    return (
        environment()
        .get_template("history.html.j2")
        .render(
            history=history,
            styles=Markup("").join(template_file(name) for name in STYLES),
            machines=shown,
            slots=colours,
            runs=sum(len(machine.runs) for machine in history.machines),
            steps=sum(len(series.steps) for machine in history.machines for series in machine.series),
            size=figure,
        )
    )

"""The page of a training: plain HTML and SVG, with styles and pictures inside, and nothing to be loaded."""

from __future__ import annotations

from markupsafe import Markup

from convbench.report.pages.templating import environment, template_file
from convbench.report.training import figure
from convbench.report.training.bars import bars_of
from convbench.report.training.curves import figures
from convbench.report.training.pictures import learned
from convbench.report.training.rows import answer, rows_of
from convbench.report.views.slots import slots
from convbench.results.events.state import BackendRecord
from convbench.results.training import Training
from convbench_specs.training import CaseLayer, TrainableLayer

PAGE_NAME = "training.html"
STYLES = ("report.css", "comparing.css", "training.css")


def render_training(training: Training) -> str:
    """The whole page as text, to be written as UTF-8."""
    recorded = [BackendRecord(name=each.name, display_order=each.display_order) for each in training.entrants]
    colours = slots(recorded)
    return (
        environment()
        .get_template("training.html.j2")
        .render(
            training=training,
            styles=Markup("").join(template_file(name) for name in STYLES),
            answer=answer(training),
            rows=rows_of(training),
            slots=colours,
            figures=figures(training, colours),
            bars=bars_of(training.entrants),
            learned=learned(training),
            layers=[(layer, _shape(layer)) for layer in training.network.layers],
            size=figure,
        )
    )


def _shape(layer: TrainableLayer) -> str:
    """The output of a layer for one image."""
    shape = layer.case.output_shape if isinstance(layer, CaseLayer) else (layer.units,)
    return " × ".join(f"{length:,}" for length in shape)

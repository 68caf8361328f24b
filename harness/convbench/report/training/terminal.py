"""A training on the terminal: a row for each entrant, and below it what needs a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from convbench.plan.status import Status
from convbench.report.console import plain_console
from convbench.report.tables import print_whole
from convbench.report.training.files import TABLE
from convbench.report.training.page import PAGE_NAME
from convbench.results.training.training import LARGEST_OWN_RATIO, Training, TrainingEntrant
from convbench.text.units import MISSING, format_duration, format_seconds, format_seconds_range, format_share

STYLES = {"agrees": "green", "disagrees": "bold red", "not judged": "dim"}


def print_training(training: Training, console: Console | None = None, *, folder: Path | None = None) -> None:
    """Print the table and what is said of it; it fits 80 columns. `folder` is where the files are."""
    console, folder = console or plain_console(), folder or training.folder
    whole = not console.is_terminal  # in a file or pipe a sentence is a line
    recipe, settings = training.network.recipe, training.header.settings
    console.print(
        f"{training.network.name} on {training.header.data.source}: {training.network.parameter_count:,} parameters, "
        f"{recipe.optimizer}, batches of {recipe.batch_size}, {settings.dtype}",
        highlight=False,
        soft_wrap=whole,
    )
    print_whole(training_rows(training), console)
    for line in sentences(training):
        console.print(Text(line), soft_wrap=whole)
    took = "" if training.elapsed_s is None else f" in {format_duration(training.elapsed_s)}"
    console.print(
        f"{max((each.steps for each in training.entrants), default=0):,} steps{took}, {settings.threads} threads, "
        f"{training.header.machine.get('processor', '')}",
        style="dim",
        highlight=False,
        soft_wrap=whole,
    )
    console.print(f"{folder / PAGE_NAME}\n{folder / TABLE}", highlight=False, soft_wrap=True)


def training_rows(training: Training) -> Table:
    """A row for each entrant that carried out a step."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("backend", no_wrap=True)
    for name in ("accuracy", "loss", "an epoch", "95 %", "conv, pool", "agrees"):
        table.add_column(name, justify="right", no_wrap=True)
    for entrant in training.entrants:
        if entrant.steps:
            table.add_row(*_row(entrant, is_reference=entrant.name == training.reference))
    return table


def _row(entrant: TrainingEntrant, *, is_reference: bool) -> Iterator[str | Text]:
    yield entrant.name
    yield MISSING if entrant.accuracy is None else f"{100 * entrant.accuracy:.1f} %"
    yield MISSING if entrant.loss is None else f"{entrant.loss:.4g}"
    epoch_s, shares = entrant.epoch_s, entrant.shares
    if epoch_s is None or shares is None or entrant.is_disturbed:
        yield from (MISSING,) * 3
    else:
        yield f"{'~' if entrant.is_extrapolated else ''}{format_seconds(epoch_s.median)}"
        yield format_seconds_range(epoch_s.ci_low, epoch_s.ci_high)
        yield format_share(shares[0])
    until = f"to {entrant.agrees_until:,}" if entrant.agreement != "not judged" else entrant.agreement
    yield Text("reference" if is_reference and entrant.agreement == "agrees" else until, STYLES[entrant.agreement])


def sentences(training: Training) -> Iterator[str]:
    """What the table cannot say: what is wrong first, then what is missing, then how to read it."""
    for each in training.entrants:
        if each.deviation is not None:
            found = each.deviation
            place = f"step {found.step:,}, layer {found.layer}, tensor {found.tensor}"
            yield f"{each.name} is wrong from {place} on: {found.sentence}"
    for each in training.entrants:
        if each.status not in (Status.OK, Status.WRONG):
            yield f"{each.name}: {each.status}: {each.reason}"
        elif each.stopped:
            yield f"{each.name} carried out {each.steps:,} steps: {each.stopped}"
        elif each.is_disturbed and each.own_ratio is not None:
            yield (
                f"{each.name}: no time is shown, as convbench's own part took {each.own_ratio:.1f} times as long "
                f"beside it as beside others (at most {LARGEST_OWN_RATIO:g})"
            )
    if training.bound is None:
        yield f"weights are not judged in {training.header.settings.dtype} under {training.network.recipe.optimizer}"
    if any(each.is_extrapolated and each.steps for each in training.entrants):
        yield "~ extrapolated from a part of an epoch"

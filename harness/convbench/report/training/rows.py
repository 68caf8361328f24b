"""The table of a training and its answer in a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from convbench.plan.status import FAILED, Status
from convbench.report.views.headline import join_names
from convbench.results.statistics.estimate import Estimate
from convbench.results.training import Training, TrainingEntrant
from convbench.text.units import format_duration, format_number, format_seconds_range, format_share

PROVEN_OFF = "disagrees"
PERCENT = "\N{NO-BREAK SPACE}%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An entrant as it is shown. Texts are empty where there is nothing to say."""

    name: str
    version: str
    verdict: str
    until: str
    reason: str
    accuracy: str
    loss: str
    epoch: str
    interval: str
    compute: str
    conversion: str
    own: str


def rows_of(training: Training) -> list[Row]:
    """A row for each entrant, in order."""
    return [_row(each, training) for each in training.entrants]


def answer(training: Training) -> str:
    """What the training says, in a sentence or two."""
    wrong = [each for each in training.entrants if each.agreement == PROVEN_OFF]
    failed = [each for each in training.entrants if each.status in (*FAILED, Status.OUT_OF_MEMORY)]
    right = [each for each in training.entrants if each.agreement == "agrees"]
    unjudged = [each for each in training.entrants if each.steps and each.agreement == "not judged"]
    parts, planned = [], training.network.recipe.epochs
    if wrong:
        verb = "does not learn" if len(wrong) == 1 else "do not learn"
        parts.append(f"{join_names([each.name for each in wrong])} {verb} what the reference does.")
    if failed:
        parts.append(f"{join_names([each.name for each in failed])} failed.")
    if right:
        parts.extend(_agreeing(right, planned))
    elif unjudged:
        were = "1 backend was" if len(unjudged) == 1 else f"{len(unjudged)} backends were"
        parts.append(f"{were} trained{_reached(unjudged, planned)}; none was judged.")
    return " ".join(parts) or "Nothing was trained."


def _agreeing(right: Sequence[TrainingEntrant], planned: int) -> Iterator[str]:
    """Those that went as far as any, then those that trained a part only."""
    farthest = max(len(each.epochs) for each in right)
    whole = [each for each in right if len(each.epochs) == farthest]
    part = [each.name for each in right if len(each.epochs) < farthest]
    learn = f"{len(whole)} backends learn the same" if len(whole) > 1 else f"{whole[0].name} learns what it must"
    yield f"{learn}{_reached(whole, planned)}."
    if part:
        yield f"{join_names(part)} agree{'s' if len(part) == 1 else ''} as far as trained."


def _reached(entrants: Sequence[TrainingEntrant], planned: int) -> str:
    """The accuracies of those that trained whole epochs, where they agree to what is shown; else their range."""
    trained = [each for each in entrants if each.epochs]
    if not trained:
        return ""
    epochs = max(len(each.epochs) for each in trained)
    reached = sorted(
        {f"{100 * each.epochs[-1].accuracy:.1f}" for each in trained if len(each.epochs) == epochs}, key=float
    )
    of_all = f"{epochs}" if epochs == planned else f"{epochs} of {planned}"
    figures = reached[0] if len(reached) == 1 else f"{reached[0]} to {reached[-1]}"
    return f": {figures}{PERCENT} of the held-out images after {of_all} epoch{'' if planned == 1 else 's'}"


def _row(each: TrainingEntrant, training: Training) -> Row:
    timed = None if each.is_disturbed else each.epoch_s
    shares = each.shares
    return Row(
        name=each.name,
        version=each.version,
        verdict=_verdict(each),
        until=_until(each, training.reference),
        reason=_reason(each),
        accuracy="" if each.accuracy is None else f"{100 * each.accuracy:.2f} %",
        loss="" if each.loss is None else format_number(each.loss),
        epoch="" if timed is None else format_duration(timed.median),
        interval="" if timed is None else _interval(each, timed),
        compute="" if shares is None else format_share(shares[0]),
        conversion="" if shares is None else format_share(shares[1]),
        own="" if shares is None else format_share(shares[2]),
    )


def _interval(each: TrainingEntrant, timed: Estimate) -> str:
    text = format_seconds_range(timed.ci_low, timed.ci_high)
    return f"{text}, extrapolated" if each.is_extrapolated else text


def _verdict(each: TrainingEntrant) -> str:
    return each.agreement if each.status in (Status.OK, Status.WRONG) else str(each.status)


def _until(each: TrainingEntrant, reference: str) -> str:
    if each.agreement == "not judged":
        return ""
    if each.name == reference and each.agreement == "agrees":
        return "reference"
    if each.agreement == PROVEN_OFF:
        return f"step {each.agrees_until:,}" if each.agrees_until else "no step"
    return f"step {each.agrees_until:,}"


def _reason(each: TrainingEntrant) -> str:
    found = each.deviation
    if found is not None:
        where = f" in {found.tensor} of {found.layer}" if found.layer else ""
        return f"From step {found.step:,} on{where}: {found.sentence}"
    if each.reason:
        return each.reason
    if each.stopped:
        return each.stopped
    return ""

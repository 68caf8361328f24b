"""A run adds blocks while they fit into its time; what was asked for is done in any case."""

from __future__ import annotations

from pathlib import Path

import pytest

import convbench

WORKLOAD = Path(__file__).parent / "plugins" / "faulty.toml"


def _blocks(folder: Path, **settings: object) -> int:
    run = convbench.compare(
        str(WORKLOAD), backends=["naive"], cases=["good"], batch_sizes=[1], passes=["forward"],
        sample_s=1e-4, rounds=1, memory=False, output=folder / "run", **settings,
    )  # fmt: skip
    (blocks,) = set(run.measurements["blocks"])
    return int(blocks)


@pytest.mark.parametrize(
    ("settings", "blocks"),
    [
        ({"blocks": 2, "most_blocks": 4, "within_s": 1e-3}, 2),  # no time at all
        ({"blocks": 2, "most_blocks": 4, "within_s": 600.0}, 4),
        ({"blocks": 2, "within_s": 600.0}, 2),
    ],
)
def test_blocks_are_added_as_far_as_time_and_settings_allow(tmp_path, settings, blocks):
    assert _blocks(tmp_path, **settings) == blocks

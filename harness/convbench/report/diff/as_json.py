"""A diff as strict JSON for programs; docs/diff.md is its schema."""

from __future__ import annotations

import json

from convbench.results.diff import Diff
from convbench.text.strict_json import to_json

SCHEMA = 1


def diff_json(diff: Diff) -> str:
    """The whole diff; a missing number is null."""
    drift = diff.drift
    return to_json(
        {
            "schema": SCHEMA,
            "verdict": diff.verdict,
            "failed": diff.has_failed,
            "base": diff.base,
            "new": diff.new,
            "paired": diff.is_paired,
            "margin": diff.margin,
            "memory_margin": diff.memory_margin,
            "drift": None
            if drift is None
            else {
                "ratio": drift.ratio,
                "log_shift": drift.log_shift,
                "shift_error": drift.shift_error,
                "spread": drift.spread,
                "freedom": drift.freedom,
                "reach": drift.reach,
                "cells": drift.cells,
                "backends": list(drift.backends),
            },
            "counts": {
                "cells": len(diff.cells),
                "unmatched": len(diff.unmatched),
                **{name: diff.count("speed", name) for name in ("slower", "faster", "equivalent", "inconclusive")},
                "right_to_wrong": diff.count("correctness", "right to wrong"),
                "right_to_failed": diff.count("correctness", "right to failed"),
                "wrong_to_right": diff.count("correctness", "wrong to right"),
                "more_memory": diff.count("memory", "more"),
                "less_memory": diff.count("memory", "less"),
            },
            "failures": [
                {
                    "kind": each.kind,
                    "workload": each.workload,
                    "case": each.case,
                    "dtype": each.dtype,
                    "batch_size": each.batch_size,
                    "backend": each.backend,
                    "pass": each.pass_name,
                    "text": each.text,
                }
                for each in diff.failures
            ],
            "versions": [{"what": each.what, "base": each.base, "new": each.new} for each in diff.versions],
            "notes": list(diff.notes),
            "cells": json.loads(diff.cells.to_json(orient="records", double_precision=15)),
            "unmatched": json.loads(diff.unmatched.to_json(orient="records")),
        },
        indent=1,
    )

"""The limits of a machine, kept between runs: a JSON file in the user's cache folder, one a machine and its software.

- Its name holds a fingerprint of what limits depend on: processor, usable cores, memory, GPUs, versions of packages
  (convbench is one), and the variables that choose OpenBLAS's kernels. Whatever of these changes, another file is used.
- A file that is missing, damaged or of another version counts as empty: limits are measured again.
- One that cannot be written is told, and nothing else happens.
- Limits of several runs are merged: the higher of two counts, as noise only lowers them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import psutil

from convbench.machine.facts import machine_facts, package_versions, usable_cores
from convbench.machine.user_cache import cache_folder, write_whole
from convbench.results.roofline import Bandwidth, Limits
from convbench.text.strict_json import to_json

VERSION = 2
"""Version 1 also kept what backends of strangers claimed to reach."""
GPUS = Path("/proc/driver/nvidia/gpus")


def fingerprint(packages: Iterable[str]) -> dict[str, object]:
    """What the limits of this machine depend on, as plain values; `packages` are those of the backends."""
    facts = machine_facts()
    return {
        "processor": facts["processor"],
        "vector units": facts["vector units"],
        "usable cores": len(usable_cores()),
        "memory": round(psutil.virtual_memory().total / 2**30),
        "gpus": _gpus(GPUS),
        "packages": package_versions(packages),
        "openblas": {name: value for name, value in sorted(os.environ.items()) if name.startswith("OPENBLAS_")},
    }


def cache_file(facts: Mapping[str, object], environment: Mapping[str, str] = os.environ) -> Path:
    """Where the limits of a machine with such a fingerprint are kept."""
    digest = sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    return cache_folder(environment) / f"limits-{digest}.json"


def read_limits(path: Path, device: str, threads: int) -> Limits:
    """What is known of a device with so many threads; empty limits where that is nothing."""
    found = _read(path).get((device, threads))
    return found or Limits(device=device, threads=threads)


def keep_limits(path: Path, facts: Mapping[str, object], limits: Limits) -> str:
    """Keep them in place of what was known of their device and threads; why that failed, or nothing."""
    entries = _read(path) | {(limits.device, limits.threads): limits}
    table = {"version": VERSION, "machine": dict(facts), "limits": [entry.as_dict() for entry in entries.values()]}
    return write_whole(path, to_json(table, indent=1) + "\n")


def merge(known: Limits, found: Limits) -> Limits:
    """The higher of each limit; both are of the same device and threads."""
    dtypes = dict.fromkeys(peak.dtype for peak in (*known.peaks, *found.peaks))
    peaks = []
    for dtype in dtypes:
        one, other = known.peak(dtype), found.peak(dtype)
        peaks.append(one.or_better(other) if one and other else one or other)
    return replace(
        found,
        bandwidth=_better(known.bandwidth, found.bandwidth),
        peaks=tuple(peak for peak in peaks if peak is not None),
        measured=found.measured or known.measured,
    )


def _better(one: Bandwidth | None, other: Bandwidth | None) -> Bandwidth | None:
    if one is None or other is None:
        return one or other
    return one.or_better(other)


def _read(path: Path) -> dict[tuple[str, int], Limits]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        if table["version"] != VERSION:
            return {}
        entries = [Limits.from_dict(entry) for entry in table["limits"]]
    except (OSError, ValueError, TypeError, KeyError):
        return {}
    return {(entry.device, entry.threads): entry for entry in entries}


def _gpus(folder: Path) -> list[str]:
    """Models of the GPUs, as NVIDIA's driver names them."""
    found = []
    for file in sorted(folder.glob("*/information")):
        try:
            lines = file.read_text().splitlines()
        except OSError:
            continue
        found += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return found

"""Limits that a container or a batch system sets, read from control groups (cgroup v1 and v2); None is no limit.

The limits of all groups above a group hold for it too, so the tightest one counts. A container cannot see the groups
above its own or the processes in them, so what is found there is an upper bound.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

MARKS = (".dockerenv", "run/.containerenv")
VARIABLES = ("container", "KUBERNETES_SERVICE_HOST")
UNLIMITED = 2**60
"""If there is no limit, cgroup v1 writes a number near 2**63."""


@dataclass(frozen=True, slots=True)
class ContainerLimits:
    """Processor time in cores, memory in bytes, how much of it is left, and how often the quota has throttled."""

    cores: float | None = None
    memory_bytes: int | None = None
    memory_left_bytes: int | None = None
    throttled: int | None = None
    known: bool = False
    """Whether the system has control groups at all."""


def is_container(root: Path = Path("/"), environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process runs in a container, whose user cannot change settings of the system.

    By what Docker, Podman, systemd-nspawn and Kubernetes leave, or a root file system of layers.
    """
    if any((root / mark).exists() for mark in MARKS) or any(environment.get(name) for name in VARIABLES):
        return True
    mounts = (line.split(" - ") for line in _text(root / "proc/self/mountinfo").splitlines() if " - " in line)
    return any(fields.split()[4:5] == ["/"] and kind.split()[:1] == ["overlay"] for fields, kind, *_ in mounts)


def container_limits(root: Path = Path("/")) -> ContainerLimits:
    """The limits of this process; a test may put its own files below `root`."""
    memory = [found for group in _groups(root, "memory") if (found := _memory_limit(group)) is not None]
    cores = [quota for group in _groups(root, "cpu") if (quota := _quota(group)) is not None]
    throttled = [count for group in _groups(root, "cpu") if (count := _entry(group / "cpu.stat", "nr_throttled"))]
    return ContainerLimits(
        cores=min(cores, default=None),
        memory_bytes=min((limit for limit, _ in memory), default=None),
        memory_left_bytes=min((left for _, left in memory), default=None),
        throttled=max(throttled, default=0) if cores else None,
        known=(root / "proc/self/cgroup").is_file(),
    )


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's group for a controller and of all groups above it, in both versions."""
    paths = dict(_own_paths(_text(root / "proc/self/cgroup")))
    for line in _text(root / "proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        fields, kind = left.split(), right.split()
        if len(fields) < 5 or len(kind) < 3:
            continue
        version_2 = kind[0] == "cgroup2"
        if not version_2 and (kind[0] != "cgroup" or controller not in kind[2].split(",")):
            continue
        path = paths.get("" if version_2 else controller)
        if path is not None:
            yield from _upwards(root / fields[4].lstrip("/"), path, mounted=fields[3])


def _own_paths(text: str) -> Iterator[tuple[str, str]]:
    """(controller, path) of each line of /proc/self/cgroup; the controller of version 2 is empty."""
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in controllers.split(","):
            yield controller, path


def _upwards(mount: Path, path: str, *, mounted: str) -> Iterator[Path]:
    """From the group's folder up to the mount point, which shows the part of the tree below `mounted`."""
    inside = path.removeprefix(mounted.rstrip("/")) if path.startswith(mounted) else ""
    folder = mount / inside.lstrip("/")
    while folder != mount and mount in folder.parents:
        yield folder
        folder = folder.parent
    yield mount


def _quota(group: Path) -> float | None:
    """Cores that the quota grants: microseconds of processor time in each period."""
    fields = _text(group / "cpu.max").split() or [
        _text(group / "cpu.cfs_quota_us").strip(),
        _text(group / "cpu.cfs_period_us").strip(),
    ]
    if len(fields) != 2 or not all(field.isdecimal() for field in fields) or not int(fields[1]):
        return None  # "max", or -1 in version 1
    return int(fields[0]) / int(fields[1])


def _memory_limit(group: Path) -> tuple[int, int] | None:
    """The limit and what is left of it. Cached file contents that the kernel can drop count as left."""
    for limit_file, used_file, droppable in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        limit, used = _number(group / limit_file), _number(group / used_file)
        if limit is not None and limit < UNLIMITED:
            kept = (used or 0) - (_entry(group / "memory.stat", droppable) or 0)
            return limit, max(0, limit - max(0, kept))
    return None


def _entry(path: Path, key: str) -> int | None:
    """The number behind `key` in a file of "key number" lines."""
    for line in _text(path).splitlines():
        name, _, value = line.partition(" ")
        if name == key and value.strip().isdecimal():
            return int(value)
    return None


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

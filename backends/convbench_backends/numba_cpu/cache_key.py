"""The name of the folder in which compiled kernels of one code, one set of versions and one processor are kept.

Numba takes a kept kernel for current as long as the file of the kernel itself is unchanged. It notices neither that a
part in another file was edited nor that Numba or LLVM is another version. A folder whose name is a digest of all that a
kernel is made of cannot hold one that is stale. This runs where Numba is not imported.

What LLVM takes the processor to be, on which the width and the number of vector registers depend, Numba puts into its
own key of each kernel. The digest holds what the system says of the processor, so that a shared folder is divided, too.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

COMPILERS = ("numba", "llvmlite", "numpy")
"""Distributions on which machine code depends."""
_CPU_INFO = Path("/proc/cpuinfo")
_CPU_FACTS = frozenset({"model name", "flags", "CPU implementer", "CPU part", "Features"})
"""What Linux says of an x86 or an Arm processor that decides which instructions it has."""
_WITHOUT_EFFECT = ("NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER")
"""Beginnings of variables of Numba on which machine code does not depend; on all others, such as NUMBA_CPU_NAME and
NUMBA_OPT, it may."""


def cache_key(
    folder: Path = Path(__file__).parent,
    variables: Mapping[str, str] = os.environ,
    compilers: Iterable[str] = COMPILERS,
) -> str:
    """16 hexadecimal digits for the modules below a folder, as they are compiled here under these variables."""
    parts = [f"{name} {_version(name)}" for name in compilers]
    parts += [f"python {platform.python_version()}", platform.machine(), *processor_facts()]
    parts += [f"{name}={value}" for name, value in sorted(variables.items()) if _has_effect(name)]
    digest = sha256("\n".join(parts).encode())
    for path in sorted(folder.rglob("*.py")):
        text = path.read_bytes()
        digest.update(f"\n{path.relative_to(folder).as_posix()} {len(text)}\n".encode() + text)
    return digest.hexdigest()[:16]


def processor_facts() -> list[str]:
    """Model and features of the first processor, as far as the system tells them without a compiler."""
    try:
        first = _CPU_INFO.read_text(encoding="utf-8", errors="replace").strip().split("\n\n")[0]
    except OSError:  # not Linux
        return [platform.processor()]
    lines = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return [value.strip() for name, value in lines if name.strip() in _CPU_FACTS]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _has_effect(name: str) -> bool:
    return name.startswith("NUMBA_") and not name.startswith(_WITHOUT_EFFECT)

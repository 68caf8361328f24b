"""Which machine a run was made on: a name for people, a number that stays, and what its processor and GPU are exactly.

None of it decides whether a run may go on: `machine_facts` does. So a run that lacks some of it is no other run.
"""

from __future__ import annotations

import hashlib
import hmac
import platform
import subprocess
from pathlib import Path
from uuid import UUID

import psutil
from archspec import cpu

APPLICATION = UUID(bytes=hashlib.sha256(b"convbench").digest()[:16])
"""What the machine's number is hashed with, so that it cannot be told from ours."""
MACHINE_ID = Path("/etc/machine-id")
GPU_QUERY = ("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
GPU_SECONDS = 10.0


def machine_identity(name: str | None = None) -> dict[str, str]:
    """Name, id, microarchitecture, memory, gpu and driver, as text; empty where there is none or it cannot be told.

    `name` stands for the host name. The id tells installations of a system apart: two containers of one host may have
    two, and copies of one image that keeps its /etc/machine-id have the same.
    """
    gpu, driver = _gpus()
    return {
        "name": name or platform.node(),
        "id": machine_number(),
        "microarchitecture": _microarchitecture(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "gpu": gpu,
        "driver": driver,
    }


def machine_number(source: Path = MACHINE_ID) -> str:
    """32 hexadecimal digits that stay as long as a system is installed.

    /etc/machine-id itself is private, so it is the key of an HMAC-SHA-256 of APPLICATION, as in systemd's
    sd_id128_get_machine_app_specific. Where there is no such file, it is made of the host name and the processor.
    """
    try:
        key = UUID(source.read_text(encoding="ascii").strip()).bytes
    except (OSError, ValueError):
        key = f"{platform.node()}\n{platform.machine()}\n{_microarchitecture()}".encode()
    digest = bytearray(hmac.digest(key, APPLICATION.bytes, "sha256")[:16])
    digest[6] = digest[6] & 0x0F | 0x40  # a UUID of version 4, as systemd marks it
    digest[8] = digest[8] & 0x3F | 0x80
    return digest.hex()


def _microarchitecture() -> str:
    """The name that archspec has for the processor, such as zen3 or icelake; empty where it does not know it."""
    try:
        return str(cpu.host().name)
    except Exception:  # noqa: BLE001  # it reads what the system says, and a run must not end where that is strange
        return ""


def _gpus() -> tuple[str, str]:
    """The GPUs and their driver as nvidia-smi names them; both empty where there is no such program."""
    try:
        found = subprocess.run(GPU_QUERY, capture_output=True, text=True, timeout=GPU_SECONDS, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError, ValueError):
        return "", ""
    return parse_gpus(found.stdout)


def parse_gpus(answer: str) -> tuple[str, str]:
    r"""Names and drivers in an answer to GPU_QUERY, each once, with how many GPUs have a name.

    >>> parse_gpus("NVIDIA H100, 570.1\nNVIDIA H100, 570.1\n")
    ('2 x NVIDIA H100', '570.1')
    """
    rows = [line.rpartition(",") for line in answer.splitlines() if "," in line]
    names, drivers = [name.strip() for name, _, _ in rows], [driver.strip() for _, _, driver in rows]
    counted = [name if names.count(name) == 1 else f"{names.count(name)} x {name}" for name in dict.fromkeys(names)]
    return ", ".join(counted), ", ".join(dict.fromkeys(drivers))

"""What the processor can compute at most: cores times vector width times frequency.

It is an upper limit for telling what is impossible, not an estimate: the widest units that the processor names, two of
them, a multiply and an add in each cycle, and the highest frequency that is known or that any processor reaches.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from convbench.machine.facts import processor_flags
from convbench_specs import DType

HIGHEST_HZ = 6.5e9
"""No processor is faster; what a virtual machine tells of its frequency is often only the nominal one."""
UNITS = 2
"""Vector units that add and multiply in one cycle."""
VECTOR_BITS = {"avx512f": 512, "avx2": 256, "avx": 256, "sve": 2048, "asimd": 256}
"""Bits of the widest vector, by the flag of the processor. NEON has up to four units of 128 bits."""
LEAST_BITS = 512
"""Where no flag is known, as on a system without /proc/cpuinfo."""
MATRIX_FLOPS = {"amx_bf16": ("bfloat16", 2048), "amx_fp16": ("float16", 2048)}
"""FLOPs a cycle and core of matrix units, by flag, with the dtype that they take."""
ELEMENT_BITS: dict[DType, int] = {"float64": 64, "float32": 32, "bfloat16": 16, "float16": 16}


def peak_flops_per_s(dtype: DType, cores: int) -> float:
    """FLOPs a second that so many cores of this machine can never exceed."""
    return flops_a_cycle(dtype, processor_flags()) * cores * highest_hz()


def flops_a_cycle(dtype: DType, flags: Collection[str]) -> float:
    """FLOPs a cycle of one core, at most; a multiply-add counts two.

    >>> flops_a_cycle("float32", {"avx2", "fma"}), flops_a_cycle("float64", {"avx2", "avx512f"})
    (32.0, 32.0)
    """
    bits = max((width for flag, width in VECTOR_BITS.items() if flag in flags), default=LEAST_BITS)
    vectors = 2.0 * UNITS * bits / ELEMENT_BITS[dtype]
    matrices = [float(flops) for flag, (taken, flops) in MATRIX_FLOPS.items() if flag in flags and taken == dtype]
    return max([vectors, *matrices])


def highest_hz(folder: Path = Path("/sys/devices/system/cpu")) -> float:
    """The highest frequency that the system names, else HIGHEST_HZ."""
    named = []
    for file in folder.glob("cpu[0-9]*/cpufreq/cpuinfo_max_freq"):
        with suppress(OSError, ValueError):
            named.append(float(file.read_text()) * 1e3)
    return max(named, default=HIGHEST_HZ)

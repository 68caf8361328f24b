"""The highest rate of a processor is never below what a kernel reaches, and grows with width, cores and frequency."""

from __future__ import annotations

import pytest

from convbench.machine.processor_peak import HIGHEST_HZ, flops_a_cycle, highest_hz, peak_flops_per_s


@pytest.mark.parametrize(
    ("flags", "dtype", "flops"),
    [
        ({"avx2", "fma"}, "float32", 32),  # 2 units x 8 lanes x 2
        ({"avx2", "avx512f"}, "float32", 64),
        ({"avx512f"}, "float64", 32),
        ({"avx512f", "amx_bf16"}, "bfloat16", 2048),
        ({"avx512f", "amx_bf16"}, "float32", 64),
        ({"asimd"}, "float32", 32),  # 4 units x 4 lanes x 2
        ((), "float32", 64),
    ],
)
def test_flops_of_a_cycle(flags, dtype, flops):
    assert flops_a_cycle(dtype, flags) == flops


def test_the_frequency_is_the_highest_that_the_system_names(tmp_path):
    assert highest_hz(tmp_path) == HIGHEST_HZ
    for core, khz in enumerate(("3600000", "4100000", "no number")):
        file = tmp_path / f"cpu{core}" / "cpufreq" / "cpuinfo_max_freq"
        file.parent.mkdir(parents=True)
        file.write_text(khz)
    assert highest_hz(tmp_path) == 4.1e9


def test_it_grows_with_the_cores():
    assert peak_flops_per_s("float32", 8) == 8 * peak_flops_per_s("float32", 1)

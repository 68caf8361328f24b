"""Each check of the doctor finds what would spoil numbers, from the texts that such a machine shows."""

from __future__ import annotations

import dataclasses
import json

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from convbench.cli.doctor_text import print_findings
from convbench.cli.main import main
from convbench.doctor import (
    Facts,
    Finding,
    blas,
    clock,
    contention,
    cores,
    diagnose,
    environment,
    frequency,
    memory,
    read_facts,
    thread_warnings,
    warnings,
)
from convbench.doctor.diagnosis import CHECKS
from convbench.doctor.facts import BALLOONS, CPU, Blas, Memory, Timer
from convbench.machine.container import ContainerLimits
from convbench.machine.core_speed import CoreTiming
from convbench.machine.processor_use import ProcessorUse, Snapshot, use_between
from convbench_specs import FrameworkVariables

GIB = 2**30
DECLARED = FrameworkVariables(
    threads=("NUMBA_NUM_THREADS",), passed_prefixes=("XLA_", "JAX_", "NUMBA_", "TF_", "TORCH_")
)
"""What the bundled backends declare."""
SKYLAKE = "processor\t: 0\nflags\t\t: fpu avx avx2 fma avx512f avx512cd avx512bw avx512dq avx512vl hypervisor\n"
HASWELL = "flags\t\t: fpu avx avx2 fma\n"
NEOVERSE = "processor\t: 0\nFeatures\t: fp asimd sve\n"


def _facts(*, threads=2, usable=(0, 1), online=2, files=None, **more):
    return Facts(threads=threads, usable=usable, online=online, files=files or {}, **more)


def _of_cores(name, *texts):
    return {f"{CPU}/cpu{core}/{name}": text for core, text in enumerate(texts)}


def _expect(found, level, *parts):
    assert found.level == level, found
    for part in parts:
        assert part in f"{found.text} {found.remedy}"
    assert bool(found.remedy) == bool(found.affects) == (level == "warning")


# -- the clock of the cores


@pytest.mark.parametrize(
    ("governors", "level", "part"),
    [
        (("performance\n", "performance\n"), "ok", "performance"),
        (("performance\n", "powersave\n"), "warning", "performance, powersave"),
        (("schedutil\n", "schedutil\n"), "warning", "cpupower frequency-set -g performance"),
        ((), "unknown", "does not show the governor"),
    ],
)
def test_a_governor_that_follows_the_load_is_found_on_any_core(governors, level, part):
    _expect(frequency.governor(_facts(files=_of_cores("cpufreq/scaling_governor", *governors))), level, part)


@pytest.mark.parametrize(
    ("file", "text", "level"),
    [
        ("intel_pstate/no_turbo", "1\n", "ok"),
        ("intel_pstate/no_turbo", "0\n", "warning"),
        ("cpufreq/boost", "0\n", "ok"),
        ("cpufreq/boost", "1\n", "warning"),
        ("cpufreq/boost", "?\n", "unknown"),
    ],
)
def test_turbo_is_read_from_either_driver(file, text, level):
    _expect(frequency.turbo(_facts(files={f"{CPU}/{file}": text})), level)


def test_a_virtual_machine_is_told_why_it_sees_no_clock():
    found = frequency.governor(_facts(files={"/proc/cpuinfo": SKYLAKE}))
    _expect(found, "unknown", "virtual machine")


def test_heat_that_has_slowed_a_core_is_found():
    file = "thermal_throttle/package_throttle_count"
    _expect(frequency.throttling(_facts(files=_of_cores(file, "0", "12"))), "warning", "12 times")
    _expect(frequency.throttling(_facts(files=_of_cores(file, "0", "0"))), "ok")


# -- which cores


@pytest.mark.parametrize(
    ("threads", "usable", "online", "level", "part"),
    [
        (2, (0, 1), 2, "ok", "2 cores of 2 may be used (0-1)"),
        (1, (3,), 8, "ok", "1 core of 8 may be used (3)"),
        (4, (0, 1), 2, "warning", "--threads 2"),
        (4, (0, 2), 8, "warning", "taskset -c 0-7"),
    ],
)
def test_more_threads_than_usable_cores_are_found(threads, usable, online, level, part):
    _expect(cores.affinity(_facts(threads=threads, usable=usable, online=online)), level, part)


def test_hardware_threads_of_one_core_are_found_with_the_cores_to_take():
    files = _of_cores("topology/thread_siblings_list", "0,2", "1,3", "0,2", "1,3")
    found = cores.siblings(_facts(threads=4, usable=(0, 1, 2, 3), online=4, files=files))
    _expect(found, "warning", "4 hardware threads share 2 cores", "taskset -c 0-1 convbench ... --threads 2")


def test_siblings_do_not_matter_to_threads_that_get_a_core_each():
    files = _of_cores("topology/thread_siblings_list", "0,2", "1,3", "0,2", "1,3")
    _expect(cores.siblings(_facts(threads=2, usable=(0, 1, 2, 3), online=4, files=files)), "ok", "one of each")


def test_siblings_that_the_mask_leaves_out_do_not_matter():
    files = _of_cores("topology/thread_siblings_list", "0-1", "0-1")
    _expect(cores.siblings(_facts(threads=1, usable=(0,), files=files)), "ok")
    _expect(cores.siblings(_facts()), "unknown")


@pytest.mark.parametrize(
    ("limits", "level", "part"),
    [
        (ContainerLimits(), "unknown", "control groups"),
        (ContainerLimits(known=True), "ok", "No quota"),
        (ContainerLimits(cores=1.5, throttled=0, known=True), "warning", "--threads 1"),
        (ContainerLimits(cores=0.5, throttled=3, known=True), "warning", "a whole core"),
        (ContainerLimits(cores=2.0, throttled=0, known=True), "ok", "enough for 2 threads"),
        (ContainerLimits(cores=4.0, throttled=7, known=True), "ok", "halted it 7 times"),
    ],
)
def test_a_quota_below_the_threads_is_found(limits, level, part):
    _expect(cores.quota(_facts(container=limits)), level, part)


# -- who else is here


@pytest.mark.parametrize(
    ("load", "online", "level"), [(0.2, 2, "ok"), (1.3, 2, "warning"), (5.0, 8, "ok"), (None, 2, "unknown")]
)
def test_a_load_that_leaves_too_few_cores_is_found(load, online, level):
    _expect(contention.load(_facts(load=load, online=online)), level)


def test_threads_without_a_core_of_their_own_do_not_make_others_a_disturbance():
    crowded = _facts(threads=99, load=0.2, use=_use(0.0))
    _expect(contention.load(crowded), "ok")
    _expect(contention.foreign(crowded), "ok")
    assert thread_warnings(crowded) == (cores.affinity(crowded).warning,)
    assert thread_warnings(_facts()) == ()


def _use(foreign, steal=0.0, busiest=()):
    return ProcessorUse(window_s=1.0, foreign_cores=foreign, steal_cores=steal, busiest=busiest)


def test_busy_processes_are_named():
    found = contention.foreign(_facts(use=_use(0.9, busiest=(("stress", 0.88),))))
    _expect(found, "warning", "0.90 of 2 cores", "stress 0.88")
    _expect(contention.foreign(_facts(use=_use(0.04))), "ok")
    _expect(contention.foreign(_facts(threads=1, use=_use(0.9))), "warning")
    _expect(contention.foreign(_facts()), "unknown")


def test_time_that_the_host_takes_is_found():
    _expect(contention.steal(_facts(use=_use(0.0, 0.3))), "warning", "0.30 of 2 cores")
    _expect(contention.steal(_facts(use=_use(0.0, 0.0))), "ok")
    _expect(contention.steal(_facts(use=_use(0.0, None))), "unknown")


def _timed(*loops, chain=1.0):
    """Timings of a core whose chain takes so long while it is slow, and at a slower core that is steady."""
    timings = [CoreTiming(loop, chain if loop > 1 else 1.0) for loop in loops]
    return _facts(
        timings={0: timings, 1: [CoreTiming(5.0, 1.0)] * 4},
        best_timings={0: CoreTiming(1.0, 1.0), 1: CoreTiming(5.0, 1.0)},
    )


def test_cores_that_do_not_keep_their_speed_are_found_and_told_from_a_changing_clock():
    slowed = [1.0, 1.9, 2.0, 1.8]
    _expect(
        contention.core_speed(_timed(*slowed)), "warning", "38% of the tests", "1.9 times", "second hardware thread"
    )
    _expect(contention.core_speed(_timed(*slowed, chain=1.8)), "warning", "1.9 times", "clock frequency drops")
    _expect(contention.core_speed(_timed(2.0, 2.0)), "warning", "33% of the tests")  # it was faster another day
    _expect(contention.core_speed(_timed(*[1.0] * 19, 3.0)), "ok")  # one look was interrupted
    _expect(contention.core_speed(_facts()), "unknown")


@dataclasses.dataclass
class _Times:
    user: float = 0.0
    nice: float = 0.0
    system: float = 0.0
    irq: float = 0.0
    softirq: float = 0.0
    steal: float = 0.0


def test_foreign_time_is_what_is_busy_less_our_own_on_usable_cores():
    before = Snapshot(10.0, (_Times(), _Times(), _Times()), 5.0, {(1, "init"): 1.0, (7, "cc"): 2.0})
    after = Snapshot(
        12.0, (_Times(user=1.0), _Times(system=0.4, steal=0.2), _Times(user=2.0)), 5.6,
        {(1, "init"): 1.0, (7, "cc"): 2.8, (9, "new"): 3.0},
    )  # fmt: skip
    use = use_between(before, after, (0, 1))
    assert use.foreign_cores == pytest.approx((1.4 - 0.6) / 2)
    assert use.steal_cores == pytest.approx(0.1)
    assert use.busiest == (("cc", pytest.approx(0.4)),)


# -- what workers inherit


def test_a_thread_count_that_is_not_obeyed_is_named():
    found = environment.thread_variables(_facts(environment={"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "2"}))
    _expect(found, "warning", "OMP_NUM_THREADS=1 has no effect", "use 2 threads", "--threads 1")
    _expect(environment.thread_variables(_facts(environment={"OMP_NUM_THREADS": "2"})), "ok")


def _inherited(**variables):
    return environment.inherited(_facts(environment=variables, framework_variables=DECLARED))


def test_a_thread_count_that_a_plug_in_declares_is_named():
    facts = _facts(environment={"NUMBA_NUM_THREADS": "1"}, framework_variables=DECLARED)
    _expect(environment.thread_variables(facts), "warning", "NUMBA_NUM_THREADS=1 has no effect")
    _expect(environment.inherited(facts), "ok")


@pytest.mark.parametrize(
    "name",
    [
        "CONVBENCH_CACHE_DIR", "CUDA_HOME", "CUDA_PATH", "OPENBLAS_CORETYPE", "JAX_COMPILATION_CACHE_DIR",
        "NUMBA_CACHE_DIR", "TF_CLI_ARGS", "TF_CPP_MIN_LOG_LEVEL", "TF_LOG", "TF_TOKEN_x", "TF_VAR_x", "TORCH_HOME",
    ],
)  # fmt: skip
def test_variables_that_change_no_time_are_not_named(name):
    _expect(_inherited(**{name: "1"}), "ok")


@pytest.mark.parametrize(
    "name",
    [
        "CUDA_LAUNCH_BLOCKING", "CUDA_CACHE_PATH", "OPENBLAS_MAIN_FREE", "MKL_ENABLE_INSTRUCTIONS", "XLA_FLAGS",
        "JAX_ENABLE_X64", "NUMBA_OPT", "TF_ENABLE_ONEDNN_OPTS", "TF_XLA_FLAGS", "TORCH_SHOW_CPP_STACKTRACES",
    ],
)  # fmt: skip
def test_variables_that_may_change_times_are_named(name):
    _expect(_inherited(**{name: "1"}), "warning", f"-u {name}")


def test_a_prefix_that_no_plug_in_declares_is_not_inherited():
    _expect(environment.inherited(_facts(environment={"XLA_FLAGS": "x"})), "ok")


def test_settings_that_workers_inherit_are_named_without_their_values():
    variables = {"XLA_FLAGS": "--secret", "HOME": "/root", "TF_TOKEN_somewhere": "secret", "CUDA_VISIBLE_DEVICES": "0"}
    found = _inherited(**variables)
    _expect(found, "warning", "XLA_FLAGS", "env -u XLA_FLAGS")
    assert "secret" not in found.warning
    assert "TF_TOKEN" not in found.warning
    _expect(environment.inherited(_facts(environment={"HOME": "/root"})), "ok")


def _kernels(architecture, cpuinfo, **variables):
    chosen = (Blas("openblas", "0.3.31", architecture),) if architecture else (Blas("mkl", "2026", ""),)
    return blas.kernels(_facts(files={"/proc/cpuinfo": cpuinfo}, blas=chosen, environment=variables))


@pytest.mark.parametrize(
    ("architecture", "cpuinfo", "level", "part"),
    [
        ("SkylakeX", SKYLAKE, "ok", "AVX-512"),
        ("Cooperlake", SKYLAKE, "ok", ""),
        ("Zen", SKYLAKE, "warning", "OPENBLAS_CORETYPE=SkylakeX"),
        ("Prescott", HASWELL, "warning", "OPENBLAS_CORETYPE=Haswell"),
        ("Haswell", HASWELL, "ok", "AVX2"),
        ("ARMV8", NEOVERSE, "warning", "SVE"),
        ("neoversev1", NEOVERSE, "ok", "SVE"),
        ("neoversen1", "Features : fp asimd\n", "ok", "NEON"),
        ("", SKYLAKE, "unknown", "no OpenBLAS"),
        ("Haswell", "", "unknown", "Haswell"),
    ],
)
def test_kernels_older_than_the_processor_are_found(architecture, cpuinfo, level, part):
    _expect(_kernels(architecture, cpuinfo), level, part)


def test_kernels_that_a_variable_forces_come_with_that_variable():
    found = _kernels("Haswell", SKYLAKE, OPENBLAS_CORETYPE="Haswell")
    _expect(found, "warning", "as OPENBLAS_CORETYPE=Haswell says", "unset OPENBLAS_CORETYPE")


# -- memory and clock


def test_little_free_memory_is_found_in_machine_and_container():
    plenty = Memory(total_bytes=16 * GIB, available_bytes=8 * GIB)
    _expect(memory.free(_facts(memory=plenty)), "ok", "8.0 GiB of 16.0 GiB")
    _expect(memory.free(_facts(memory=Memory(16 * GIB, GIB))), "warning")
    tight = ContainerLimits(memory_bytes=4 * GIB, memory_left_bytes=GIB, known=True)
    _expect(memory.free(_facts(memory=plenty, container=tight)), "warning", "4.0 GiB")
    _expect(memory.free(_facts()), "unknown")


@pytest.mark.parametrize(
    ("total", "used", "moved", "level"),
    [(0, 0, 0, "ok"), (8, 0, 0, "ok"), (8, 4, 0, "warning"), (8, 0, 1, "warning")],
)
def test_swapping_is_found(total, used, moved, level):
    seen = Memory(16 * GIB, 8 * GIB, swap_total_bytes=total * GIB, swap_used_bytes=used * GIB, swapped_bytes=moved)
    _expect(memory.swap(_facts(memory=seen)), level)


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("always madvise [never]\n", "warning"),
        ("always [madvise] never\n", "ok"),
        ("[always] x\n", "ok"),
        ("", "unknown"),
    ],
)
def test_missing_huge_pages_are_found(text, level):
    _expect(memory.huge_pages(_facts(files={"/sys/kernel/mm/transparent_hugepage/enabled": text})), level)


@pytest.mark.parametrize(
    ("features", "allocator", "level", "part"),
    [
        ({}, "default", "ok", "No balloon"),
        ({"virtio3": "0110000"}, "default", "ok", "No balloon"),
        ({"virtio3": "0110010"}, "default", "warning", "--allocator tuned"),
        ({"virtio3": "0110010"}, "tuned", "ok", "keep theirs"),
    ],
)
def test_a_host_that_takes_back_freed_memory_is_found(features, allocator, level, part):
    files = {f"{BALLOONS}/{device}/features": text for device, text in features.items()}
    _expect(memory.freed_pages(_facts(files=files, allocator=allocator)), level, part)


def test_a_peak_that_cannot_be_reset_is_said_with_what_follows():
    _expect(memory.peak_counter(_facts(can_reset_peak=True)), "ok")
    _expect(memory.peak_counter(_facts()), "warning", "peak memory is not measured", "--no-memory")


@pytest.mark.parametrize(
    ("step", "cost", "level"), [(4e-8, 6e-8, "ok"), (1e-3, 6e-8, "warning"), (4e-8, 2e-6, "warning")]
)
def test_a_coarse_or_costly_timer_is_found(step, cost, level):
    _expect(clock.timer(_facts(timer=Timer(step, cost))), level)


@pytest.mark.parametrize(("text", "level"), [("2\n", "ok"), ("-1\n", "ok"), ("4\n", "ok"), ("x", "unknown")])
def test_perf_is_never_a_reason_to_distrust_times(text, level):
    _expect(clock.performance_events(_facts(files={"/proc/sys/kernel/perf_event_paranoid": text})), level)


# -- what a warning affects, and what its reader can do


SPOILED = {
    "files": {
        "/proc/cpuinfo": SKYLAKE,
        "/sys/kernel/mm/transparent_hugepage/enabled": "always madvise [never]",
        f"{CPU}/intel_pstate/no_turbo": "0",
        f"{BALLOONS}/virtio0/features": "0110010",
        **_of_cores("cpufreq/scaling_governor", "powersave", "powersave"),
        **_of_cores("cpufreq/cpuinfo_min_freq", "800000", "800000"),
        **_of_cores("cpufreq/base_frequency", "2000000", "2000000"),
        **_of_cores("cpufreq/cpuinfo_max_freq", "3200000", "4000000"),
        **_of_cores("thermal_throttle/package_throttle_count", "3", "0"),
    },
    "load": 4.0,
    "use": _use(1.0, 0.5),
    "memory": Memory(16 * GIB, GIB, swap_total_bytes=GIB, swap_used_bytes=GIB),
    "timer": Timer(1e-5, 1e-5),
    "page_fault_s": 4.096e-6,
}


def test_by_how_much_is_bounded_by_what_was_measured_here():
    facts = _facts(**SPOILED)
    assert contention.foreign(facts).affects.startswith("all times: 1.5 times as long")  # 2 threads and 1 on 2 cores
    assert contention.load(facts).affects.startswith("all times: 3.0 times as long")
    assert contention.steal(facts).affects.startswith("all times: 1.33 times as long")  # 1.5 of 2 cores are left
    assert (
        frequency.governor(facts).affects == "times of short calls: at most 5.0 times as long, the range of the clock"
    )
    assert "at most 2.0 times as long" in frequency.turbo(facts).affects
    assert "1.00 ms for each MB" in memory.freed_pages(facts).affects
    assert "1.00 ms for each MB" in memory.huge_pages(facts).affects
    assert clock.timer(facts).affects == "each sample by at most 1.0% of 2.00 ms"
    assert _kernels("Prescott", HASWELL).affects.endswith("at most 4 times as long")
    assert "1.9 times" in contention.core_speed(_timed(1.0, 1.9, 2.0, 1.8)).affects


def test_a_range_that_is_not_shown_is_no_number():
    found = frequency.governor(_facts(files=_of_cores("cpufreq/scaling_governor", "powersave")))
    assert "which this system does not show" in found.affects


def test_in_a_container_nobody_is_sent_to_settings_of_the_system():
    out_of_reach = ("sudo", "tee ", "boot with", "CONFIG_", "cool it", "turbo;")
    warned = [found for found in diagnose(_facts(**SPOILED, in_container=True)) if found.level == "warning"]
    assert len(warned) >= 10
    for found in warned:
        assert not any(word in found.remedy for word in out_of_reach), found
    elsewhere = " ".join(found.remedy for found in diagnose(_facts(**SPOILED)))
    assert {word for word in out_of_reach if word in elsewhere} >= {"sudo", "tee ", "boot with"}


# -- all of them


@given(text=st.text(max_size=30), threads=st.integers(1, 512), usable=st.sets(st.integers(0, 9), min_size=1))
def test_no_text_in_any_file_makes_a_check_fail(text, threads, usable):
    paths = [*_read_paths(usable)]
    facts = _facts(threads=threads, usable=tuple(sorted(usable)), online=10, files=dict.fromkeys(paths, text))
    assert len(diagnose(facts)) == len(CHECKS)


def _read_paths(usable):
    from convbench.doctor.facts import FILES, FILES_OF_A_CORE

    yield from FILES
    yield f"{BALLOONS}/virtio0/features"
    yield from (f"{CPU}/cpu{core}/{name}" for core in usable for name in FILES_OF_A_CORE)


def test_a_machine_that_shows_nothing_gets_no_traceback_and_few_warnings():
    findings = diagnose(_facts())
    assert {found.topic for found in findings if found.level == "warning"} == {"memory counter"}
    assert len({found.topic for found in findings}) == len(CHECKS)


def test_this_machine_can_be_looked_at():
    facts = read_facts(1, window_s=0.01)
    assert facts.usable
    assert facts.timer is not None
    assert facts.timer.cost_s > 0
    assert facts.page_fault_s > 1e-8, "a page that was never touched is no cached write"
    assert all(found.text.endswith(".") for found in diagnose(facts))


def test_warnings_of_a_run_are_one_line_each_with_what_they_affect_and_their_remedy():
    (line,) = [line for line in warnings(_facts(threads=3)) if line.startswith("cores:")]
    assert "Affects all times: at least 1.5 times as long as on 3 cores. Remedy: --threads 2" in line
    assert "\n" not in line


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_keeps_within_the_terminal(width):
    console = Console(width=width, record=True)
    long = "x" * 30
    print_findings(
        [Finding("inherited settings", "warning", f"{long} {long} {long}.", f"unset {long} {long}", f"all {long}")],
        console,
    )
    text = console.export_text()
    assert max(len(line) for line in text.splitlines()) <= width
    assert "affects all" in text
    assert "→ unset" in text
    assert "1 finding would disturb measurements" in text


def test_the_command_shows_findings_and_always_exits_with_0(monkeypatch, tmp_path):
    monkeypatch.setenv("CONVBENCH_CACHE_DIR", str(tmp_path))
    done = CliRunner().invoke(main, ["doctor", "--threads", "512"])
    assert done.exit_code == 0, done.output
    assert "512 threads requested" in " ".join(done.output.split())
    assert "is not known. To measure it, run: convbench doctor --self-test" in done.output


def test_the_command_has_a_form_for_machines(monkeypatch, tmp_path):
    monkeypatch.setenv("CONVBENCH_CACHE_DIR", str(tmp_path))
    done = CliRunner().invoke(main, ["doctor", "--json"])
    told = json.loads(done.output)
    assert {entry["level"] for entry in told["findings"]} <= {"ok", "warning", "unknown"}
    assert told["margin"] == 0.01
    assert told["self_test"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--threads", "0"], "threads must be at least 1, not 0"), (["--backend", "naive"], "add --self-test")],
)
def test_bad_usage_of_the_command_is_one_line_and_exits_with_2(arguments, message):
    done = CliRunner().invoke(main, ["doctor", *arguments])
    assert done.exit_code == 2
    assert message in done.output

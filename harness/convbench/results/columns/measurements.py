"""Columns of the measurements, one row per cell: a case at one batch size, by one backend, in one pass."""

from __future__ import annotations

from convbench.results.columns.column import Column, count, flag, ratio, seconds, size, text
from convbench.results.columns.keys import BACKEND, BATCH_SIZE, CASE, DTYPE, MACHINE, PASS, RUN, WORKLOAD

MEASUREMENTS: tuple[Column, ...] = (
    RUN,
    MACHINE,
    WORKLOAD,
    CASE,
    text("operation", "What the case computes: `conv`, `pool` or `flatten`."),
    DTYPE,
    BATCH_SIZE,
    BACKEND,
    PASS,
    text("version", "Version of the framework that computed, as the backend's own worker tells it."),
    text(
        "entrant",
        "Where the backend takes part under another name, with options or in another interpreter: the backend, its "
        "options and the interpreter. Empty otherwise.",
    ),
    text(
        "status",
        "What became of the cell. `ok`: it was computed, and no check found a fault. `wrong`: a check found a fault "
        "in its results. `error`: the backend raised an exception. `crashed`: its process ended. `timed out`: a call "
        "took too long, and the process was ended. `out of memory`: there was not enough memory. `skipped`: convbench "
        "did not compute or time it, mostly because that would take too long or too much memory. `unsupported`: the "
        "backend does not offer it. `unavailable`: the backend cannot run on this machine. `not reached`: the run was "
        "interrupted before it.",
    ),
    text(
        "reason",
        "Why the status is not `ok`, or why the verdict is not `agrees`, in one line. Empty where both are so.",
    ),
    seconds(
        "median_s",
        "Time of one call: the median of each block's samples, averaged over the blocks by the geometric mean.",
    ),
    seconds("p25_s", "The lower quartile of each block's samples, averaged over the blocks like `median_s`."),
    seconds(
        "p75_s",
        "The upper quartile of each block's samples, averaged over the blocks like `median_s`. The distance to `p25_s` "
        "tells how much the samples of one block differ.",
    ),
    seconds("min_s", "The shortest of all samples, as the time of one call."),
    seconds(
        "ci_low_s",
        "Lower end of the 95 % confidence interval of `median_s`. It is Student's t interval over the blocks, and the "
        "cells of a run [share what is known of their spread](measurement.md#which-is-faster). In a run of one block "
        "it comes from the order statistics of the block's samples.",
    ),
    seconds("ci_high_s", "Upper end of the 95 % confidence interval of `median_s`."),
    count("samples", "Number of timed inner loops, in all blocks together. 0 where the cell was not timed."),
    count("loops", "Number of calls in each timed inner loop."),
    seconds(
        "first_call_s",
        "Time of the first call of this pass in the run. It includes compilation where a framework compiles at the "
        "first call.",
    ),
    seconds("second_call_s", "Time of the next call, on new values of the tensors."),
    seconds(
        "convert_s",
        "The part of `prepare_s` in which the tensors were converted from NumPy to the backend's own form. Empty where "
        "the backend does not report it.",
    ),
    seconds(
        "predicted_s", "Time of one call as the backend predicted it before it ran. Empty where it makes no prediction."
    ),
    seconds(
        "needed_budget_s",
        "Of a cell that was skipped because its calls would cost more than `--budget`: the budget with which it would "
        "be measured, by the same prediction.",
        optional=True,
    ),
    size(
        "peak_memory_bytes",
        "The most memory that one warm call needs above what was in use before it. Its results are included, its "
        "inputs are not.",
    ),
    text(
        "memory_source",
        "How the memory was measured. `resident`: by the kernel's count of the process's resident memory, in a process "
        "of its own with glibc's malloc pinned. `resident, below floor`: the same, but less than 5 MB, where that "
        "count is coarse. Any other name is the framework's own counter. Where there is no number, `not measured` or "
        "the status of the failed measurement stands here, with the reason.",
    ),
    Column(
        name="flops",
        unit="FLOP",
        dtype="integer",
        meaning="Arithmetic operations of the pass. Operations on the zeros of the padding are counted, too.",
    ),
    Column(
        name="valid_flops",
        unit="FLOP",
        dtype="integer",
        meaning="Arithmetic operations of the pass without those on padding.",
    ),
    size("compulsory_bytes", "Size of all tensors that the pass reads or writes, each counted once."),
    Column(name="gflops_per_s", unit="GFLOP/s", dtype="number", meaning="`flops` over `median_s`, in billions."),
    Column(
        name="gbytes_per_s", unit="GB/s", dtype="number", meaning="`compulsory_bytes` over `median_s`, in billions."
    ),
    text("algorithm", "The way of computing that the backend says it chose. Empty where it does not say."),
    ratio(
        "effective_threads",
        "Processor time of all threads over elapsed time in the timed loops: the number of cores that were really "
        "busy.",
    ),
    text(
        "verdict",
        "What all checks of the cell's results say together: `agrees`, `disagrees` or `untrusted`, or `differs on NaN` "
        "where the results are right on all numbers but not on NaN or infinity. Empty where nothing could be checked.",
    ),
    count("blocks", "Number of blocks in which the cell was timed. Each block has fresh worker processes."),
    text(
        "fastest",
        "The fastest backend with right results for the same case, dtype, batch size and pass. `ratio` and the columns "
        "after it compare the cell with that backend.",
    ),
    ratio("ratio", "Time of the cell as a multiple of the fastest backend's, compared within each round of turns."),
    ratio("ratio_low", "Lower end of the 95 % confidence interval of `ratio` over the blocks."),
    ratio("ratio_high", "Upper end of the 95 % confidence interval of `ratio` over the blocks."),
    Column(
        name="p_value",
        unit="probability",
        dtype="number",
        meaning="Probability of a difference at least as large as the one that was seen, if the true difference is "
        "within the margin that counts as equal.",
    ),
    Column(
        name="p_holm",
        unit="probability",
        dtype="number",
        meaning="`p_value`, adjusted by Holm's method for the number of cells that the run compares.",
    ),
    text(
        "speed",
        "How the cell compares. `fastest`: it is the fastest one itself. `slower`: it is surely slower by more than "
        "the margin. `equivalent`: the difference is surely within the margin. `inconclusive`: more blocks are needed "
        "to tell. [Measurement](measurement.md#which-is-faster) explains the margin.",
    ),
    seconds(
        "prepare_s",
        "Time that the backend took to prepare the case: all of its conversion, tracing and compilation that is not "
        "left to the first call.",
        optional=True,
    ),
    seconds(
        "update_s",
        "Time that the backend took to put new values into the tensors that it holds. Empty where the backend cannot "
        "do so, and the case was prepared again.",
        optional=True,
    ),
    flag("recomputes_forward", "Whether the backend's backward pass contains a forward pass.", optional=True),
    text(
        "layout",
        "Order of the axes in memory that the backend says it uses, such as `NCHW` or `NHWC`. Empty where it does not "
        "say.",
        optional=True,
    ),
    text(
        "exact",
        "Verdict of the check on tensors of integers, where every element must be equal. This and the other checks are "
        "explained in [verification](verification.md#the-three-checks).",
    ),
    text(
        "random",
        "Verdict of the check on random numbers, where the error of every element must be within "
        "[the bound](verification.md#the-bound).",
    ),
    text(
        "other_data",
        "The worst verdict of the checks on [further kinds of data](verification.md#further-kinds-of-data) that hold "
        "numbers. Empty where there were none, as `compare` takes none.",
        optional=True,
    ),
    text(
        "non_finite",
        "The same for data that hold NaN or infinity: `agrees` or `differs on NaN`.",
        optional=True,
    ),
    count("warm_up_calls", "Number of calls before the first sample.", optional=True),
    flag("steady", "Whether the calls had stopped becoming faster when the warm-up ended.", optional=True),
    count(
        "cold_copies",
        "Number of copies of the case that take turns, so that no call finds its inputs in a cache. Only in runs with "
        "`--cache cold`.",
        optional=True,
    ),
    size("peak_memory_min_bytes", "The lowest of the repeated measurements of `peak_memory_bytes`."),
    size("peak_memory_max_bytes", "The highest of the repeated measurements of `peak_memory_bytes`."),
    size(
        "least_memory_bytes",
        "The least memory that the call must allocate. This is the size of its results, as its inputs exist before it. "
        "0 where the result is a view of an input.",
    ),
    text(
        "identities",
        "Verdict of the checks that need no right values to compare with, such as the adjoint identity.",
    ),
    size(
        "kept_memory_bytes",
        "Memory that stays in use after a forward pass for training, because the backward pass needs it: y itself, "
        "saved indices, copies. The tensors x, w and b are not included, as they exist anyway. It is on the rows of "
        "`backward` and `both`, and empty where a backend cannot tell.",
    ),
    seconds(
        "trace_s",
        "The part of `prepare_s` in which a framework traced the function that it compiles. Only where a backend "
        "reports it.",
        optional=True,
    ),
    seconds(
        "compile_s", "The part of `prepare_s` that compilation took. Only where a backend reports it.", optional=True
    ),
    Column(
        name="minor_faults",
        unit="count",
        dtype="number",
        meaning="Memory pages that the system had to map during a call, on average over all timed calls. `--allocator "
        "tuned` avoids [most of them](measurement.md#page-faults).",
        optional=True,
    ),
    ratio(
        "drift",
        "By how much the later half of a block's rounds was slower than the earlier half, in the median over the "
        "blocks: 0.02 is 2 % slower, -0.02 is 2 % faster.",
        optional=True,
    ),
    count(
        "contended",
        "Number of samples that are used although other programs ran on the machine while they were taken.",
        optional=True,
    ),
    count(
        "taken_again",
        "Number of samples that are not used and were taken again, because other programs ran on the machine.",
        optional=True,
    ),
    count(
        "slow_core",
        "Number of samples after which a core took more than 1.4 times its best time for a loop of fixed work. "
        "[Another virtual machine](measurement.md#when-others-use-the-machine) may have used the same core.",
        optional=True,
    ),
    ratio(
        "memory_factor",
        "`peak_memory_bytes` over `least_memory_bytes`. A call with 1 allocates its results and nothing else. A whole "
        "im2col matrix for a 3 x 3 kernel with as many filters as channels gives 10. Empty for views, and where the "
        "memory is below the floor of the measurement.",
    ),
    text(
        "sampled",
        "Which elements of the results were checked, where a case is too large to check all of them. Empty where all "
        "were checked.",
    ),
    text("tensor", "The tensor that `reason` is about, where a check found something: `y`, `dx`, `dw` or `db`."),
    text(
        "finding",
        "Name of the [reason not to trust](verification.md#what-untrusted-means) the result. Empty where there is "
        "none.",
    ),
    text("odd_one_out", "Who differs from all others on that tensor: a backend, or the oracle itself."),
    text(
        "hypothesis",
        "Names of the [hypotheses](verification.md#why-a-result-is-wrong) that explain what is wrong with `tensor`; "
        "`unexplained` where none fits.",
        optional=True,
    ),
    text(
        "explanation",
        "The same in words. Where no hypothesis fits it says where the result is wrong.",
        optional=True,
    ),
    text("reproduce", "The command that runs a wrong or failed cell again, by itself."),
    Column(
        name="valid_gflops_per_s",
        unit="GFLOP/s",
        dtype="number",
        meaning="`valid_flops` over `median_s`, in billions: the rate of arithmetic without the operations on padding.",
    ),
    Column(
        name="intensity_flops_per_byte",
        unit="FLOP/byte",
        dtype="number",
        meaning="`flops` over `compulsory_bytes`: how much arithmetic there is for each byte that must be moved.",
    ),
    Column(
        name="attainable_gflops_per_s",
        unit="GFLOP/s",
        dtype="number",
        meaning="The highest rate that this machine can reach at that intensity; see [roofline](#roofline). Empty in a "
        "run that does not know the limits of its machine.",
    ),
    ratio(
        "roofline_share",
        "`gflops_per_s` over `attainable_gflops_per_s`. For a case without arithmetic it is `gbytes_per_s` over the "
        "bandwidth of the memory.",
    ),
    text("bound_by", "Which limit of the machine is the lower one at that intensity: `compute` or `bandwidth`."),
    text("roofline_label", "`effective` where `roofline_share` is over 1. Otherwise empty."),
    text(
        "pass_name",
        "The same as `pass`, under a name that Python allows as an attribute: `run.measurements.pass_name`. It is in "
        "the frame, but not in the CSV file.",
    ),
    text(
        "traceback",
        "Python's traceback of the exception that a backend raised. It is in the frame, but not in the CSV file.",
        optional=True,
    ),
)
"""In the order of the frame and of measurements.csv."""

"""Columns of the frames on whole networks: their sums, and the fastest backend of each of their layers."""

from __future__ import annotations

from convbench.results.columns.column import Column, count, ratio, seconds, size, text
from convbench.results.columns.keys import BACKEND, BATCH_SIZE, CASE, DTYPE, MACHINE, PASS, RUN, WORKLOAD

NETWORKS: tuple[Column, ...] = (
    RUN,
    MACHINE,
    WORKLOAD,
    DTYPE,
    BATCH_SIZE,
    PASS,
    BACKEND,
    count("layers", "Number of layers of the network. A case that occurs three times counts three times."),
    count(
        "missing",
        "Number of layers that this backend has no time for. Only layers with right results that were timed count.",
    ),
    text("missing_layers", "The cases that are missing, each with the reason."),
    seconds(
        "time_s",
        "Time of the whole network: the sum over its layers of `median_s` times the number of times that the "
        "layer occurs. Empty where a layer is missing.",
    ),
    seconds(
        "time_low_s",
        "Lower end of the 95 % confidence interval of `time_s`. The times of the layers are taken as independent.",
    ),
    seconds("time_high_s", "Upper end of the 95 % confidence interval of `time_s`."),
    seconds("measured_s", "Sum over the layers that are not missing, made like `time_s`."),
    size(
        "kept_bytes",
        "Memory that all layers keep for the backward pass: the sum of their `kept_memory_bytes`, made like `time_s`.",
    ),
    size(
        "training_memory_bytes",
        "`kept_bytes` and the largest `peak_memory_bytes` of one layer's backward pass, as the backward pass begins "
        "when all layers have run forward. Weights and the state of an optimizer are not included.",
    ),
    text("memory_source", "How the memory was measured, as in the measurements. Several sources are joined."),
    count(
        "memory_missing",
        "Number of layers whose memory is not known. If there are any, `kept_bytes` and `training_memory_bytes` are "
        "empty.",
    ),
    seconds(
        "mix_s",
        "Time of the network if each layer is computed by its fastest backend with right results. Empty where a layer "
        "has none.",
    ),
    seconds("mix_low_s", "Lower end of the 95 % confidence interval of `mix_s`."),
    seconds("mix_high_s", "Upper end of the 95 % confidence interval of `mix_s`."),
    text("mix", "The backends of that mix, each with the number of layers that it computes."),
    ratio(
        "gain",
        "`time_s` over `mix_s`: the most that mixing backends can gain. Changing from one framework to another costs "
        "time, too, and that is not included.",
    ),
    ratio("gain_low", "Lower end of the 95 % confidence interval of `gain`."),
    ratio("gain_high", "Upper end of the 95 % confidence interval of `gain`."),
)
"""In the order of the frame and of networks.csv."""

NETWORK_LAYERS: tuple[Column, ...] = (
    RUN,
    MACHINE,
    WORKLOAD,
    DTYPE,
    BATCH_SIZE,
    PASS,
    CASE,
    count("count", "How often the layer occurs in the network."),
    text("backend", "The fastest backend with right results for this layer. Empty where there is none."),
    seconds("median_s", "Time of one call of that backend."),
    seconds("time_s", "`count` times `median_s`."),
    seconds("time_low_s", "Lower end of the 95 % confidence interval of `time_s`."),
    seconds("time_high_s", "Upper end of the 95 % confidence interval of `time_s`."),
    ratio("share", "`time_s` over the sum of all layers of the mix."),
)
"""In the order of the frame."""

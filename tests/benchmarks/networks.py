"""Whole networks, layer by layer: numba-cpu next to the frameworks, each pass at several batch sizes.

    python tests/benchmarks/networks.py OUTPUT                                  # about half an hour on 2 cores
    python tests/benchmarks/networks.py OUTPUT --networks resnet50,squeezenet.toml --batch-sizes 8

Writes layers.csv, a row for each layer, batch size, pass and backend, and networks.md, the sums over each network with
every layer as often as it occurs. A network is a workload's name or file, such as `convbench extract` writes. All
backends take turns at a layer in one run. On a machine that does nothing else, or the numbers mean nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from kernel_measuring import PASSES, Bench, race

from convbench.machine.facts import machine_facts, package_versions
from convbench.workers.plugins import find_backends
from convbench_specs import Flatten, Layer, cost, load_workload

UNTUNED = tuple(str(path) for path in sorted(Path(__file__).with_name("networks").glob("*.toml")))
"""Networks that were extracted after the kernels were done: nothing was tuned on them."""
NETWORKS = ("resnet18", "resnet50", "vgg16", "alexnet", "mobilenet_v1", *UNTUNED)
OURS = "numba-cpu"
ENTRANTS = (OURS, "pytorch-tuned", "pytorch-nhwc-tuned", "tensorflow", "jax")
"""PyTorch with glibc's allocator tuned alone: as it comes, page faults make it slower."""
SAMPLE_S = 0.02
"""Seconds of a sample: there are hundreds of layers."""
LARGE_S = 100e-6
"""Layers from this time on are held to `LIMIT`."""
LIMIT = 1.25
"""How many times the fastest backend's time a large layer may take."""


def main() -> None:
    options = _options()
    options.output.mkdir(parents=True, exist_ok=True)
    path, log = options.output / "layers.csv", options.output / "workers.log"
    table = pd.read_csv(path) if path.exists() else pd.DataFrame()
    with Bench(options.entrants, threads=options.threads, log=log) as bench:
        for network in options.networks:
            for batch_size in options.batch_sizes:
                fresh = pd.DataFrame(_measure(bench, network, batch_size, options.rounds))
                table = pd.concat([table, fresh]).drop_duplicates(
                    ["network", "layer", "batch_size", "pass", "backend"], keep="last"
                )
                table.to_csv(path, index=False, lineterminator="\n", float_format="%.4g")
        facts = {"machine": machine_facts(), "packages": package_versions(find_backends().packages)}
        (options.output / "machine.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    (options.output / "networks.md").write_text(networks_page(table), encoding="utf-8")
    log.unlink(missing_ok=True)


def _options() -> argparse.Namespace:
    def names(text: str) -> list[str]:
        return text.split(",")

    parser = argparse.ArgumentParser(description="Measure whole networks, layer by layer.")
    parser.add_argument("output", type=Path, help="folder for the tables")
    parser.add_argument("--networks", type=names, default=list(NETWORKS), help="names or files of workloads")
    parser.add_argument("--batch-sizes", type=lambda text: [int(each) for each in names(text)], default=[1, 8, 32])
    parser.add_argument("--entrants", type=names, default=list(ENTRANTS), help=f"of {','.join(ENTRANTS)}")
    parser.add_argument("--rounds", type=int, default=5, help="turns of every backend at a layer")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    return parser.parse_args()


def _measure(bench: Bench, network: str, batch_size: int, rounds: int) -> list[dict[str, Any]]:
    """A row for each layer, pass and backend: seconds of a call, the fastest and the middle of the rounds."""
    rows: list[dict[str, Any]] = []
    name = Path(network).stem
    for layer in _layers(network):
        prepared = dict(bench.prepare(layer.case, batch_size))
        for pass_name in PASSES:
            for session, samples in race(list(prepared), pass_name, rounds, SAMPLE_S).items():
                seconds = [sample.elapsed_s / sample.loops for sample in samples]
                rows.append({
                    "network": name, "layer": layer.case.name, "count": layer.count, "batch_size": batch_size,
                    "pass": pass_name, "backend": session.name, "median_s": float(np.median(seconds)),
                    "minimum_s": min(seconds), "flops": cost(layer.case, batch_size, pass_name).flops,
                    "algorithm": prepared[session].algorithm,
                })  # fmt: skip
        for session in bench.sessions:
            session.release()
            session.suspend()
    total = pd.DataFrame(rows)
    total["all_s"] = total["median_s"] * total["count"]
    sums = (total.groupby("backend")["all_s"].sum() * 1e3).round(2).to_dict()
    print(f"{name} batch {batch_size}: {sums}", file=sys.stderr, flush=True)
    return rows


def _layers(network: str) -> list[Layer]:
    """The distinct layers that compute something: a flatten only hands on a view."""
    return [layer for layer in load_workload(network).layers if not isinstance(layer.case.operation, Flatten)]


def networks_page(table: pd.DataFrame) -> str:
    """Markdown: sums of each network, and every large layer that is beyond the limit."""
    layers = compared(table)
    behind = layers[(layers["ratio"] > LIMIT) & (layers["best_s"] > LARGE_S)].sort_values("ratio", ascending=False)
    behind = behind.assign(ours_ms=behind["ours_s"] * 1e3, best_ms=behind["best_s"] * 1e3)
    columns = ["network", "layer", "batch_size", "pass", "ours_ms", "best_ms", "best", "ratio", "algorithm"]
    return f"""# Whole networks, layer by layer

Milliseconds of all layers of a network, each as often as it occurs, from the median of each layer's rounds. `ratio` is
{OURS} to the fastest framework; below 1 is faster.

{_markdown(_sums(table))}

Layers of more than {LARGE_S * 1e6:.0f} us that take more than {LIMIT} times the fastest framework's time: {len(behind)}
of {len(layers)}.

{_markdown(behind[columns])}
"""


def compared(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each layer, batch size and pass: seconds of the own kernels, and of the fastest framework."""
    key = ["network", "layer", "batch_size", "pass"]
    wide = table.pivot_table("median_s", index=key, columns="backend")
    others = wide.drop(columns=OURS)
    own = table[table["backend"] == OURS].set_index(key)
    best = "" if others.empty else others.idxmin(axis=1)  # the own kernels may be measured alone
    found = pd.DataFrame({"ours_s": wide[OURS], "best_s": others.min(axis=1), "best": best})
    found["ratio"] = found["ours_s"] / found["best_s"]
    return found.join(own[["count", "flops", "algorithm"]]).reset_index()


def _sums(table: pd.DataFrame) -> pd.DataFrame:
    weighted = table.assign(ms=table["median_s"] * table["count"] * 1e3)
    step = weighted.assign(**{"pass": "both together"})
    key = ["network", "batch_size", "pass"]
    wide = pd.concat([weighted, step]).pivot_table("ms", index=key, columns="backend", aggfunc="sum")
    wide["ratio"] = wide[OURS] / wide.drop(columns=OURS).min(axis=1)
    return wide.reset_index()


def _markdown(table: pd.DataFrame) -> str:
    def text(value: Any) -> str:
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    lines = [list(table.columns), ["---"] * len(table.columns), *table.itertuples(index=False)]
    return "\n".join("| " + " | ".join(text(value) for value in line) + " |" for line in lines)


if __name__ == "__main__":
    main()

"""train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from convbench.cli.options import ENTRANT_HELP, FolderPath, Names


@click.command()
@click.argument("network", required=False)
@click.option(
    "--data", type=click.Path(path_type=Path), help="Images: a folder or file; default: scikit-learn's digits."
)
@click.option("--backends", type=Names(), help="Only these, and the reference; default: all that are available.")
@click.option("--entrant", "entrants", multiple=True, help=ENTRANT_HELP)
@click.option("--reference", metavar="NAME", help="What the others are held against; default: what declares that.")
@click.option("--dtype", help="float64 (default) or float32.")
@click.option("--epochs", type=int, help="In place of the recipe's.")
@click.option("--batch-size", type=int, help="In place of the recipe's.")
@click.option("--optimizer", help="sgd or rmsprop, in place of the recipe's.")
@click.option("--learning-rate", type=float, help="In place of the recipe's.")
@click.option(
    "--within", "within_s", type=float, help="Seconds in which it ends; slow backends train a part. Default: 100."
)
@click.option("--watch-every", type=int, help="Check every result of each such step, beside the first 3. Default: 100.")
@click.option("--moved-runs", type=int, help="Runs of the reference from weights moved by 1 ulp. Default: 2.")
@click.option("--device", help="cpu (default) or cuda.")
@click.option("--threads", type=int, help="The same for all backends; default: all cores.")
@click.option("--seed", type=int, help="Of the first weights and the order of the images; default: 0.")
@click.option("--timeout", "timeout_s", type=float, help="Seconds after which a worker is killed; default: 120.")
@click.option("--output", type=FolderPath(), help="Folder of the training; default: results/train-DATE.")
@click.option("--resume", type=FolderPath(), help="Go on with a training that was killed: its folder.")
@click.option("--plugin", "plugins", multiple=True, help="A module or .py file with backends; repeatable.")
def train(network: str | None, **options: Any) -> None:
    """Train a network with every backend, and see whether they learn the same.

    NETWORK is a workload with a [training] table: digits_cnn (default), mnist_cnn, book_mnist, lenet5,
    fashion_mnist_cnn, or a TOML file. The backend under test computes its convolutions, pools and flattens, forward
    and backward; everything else is the same NumPy code for all.

    \b
    Examples:
      convbench train
      convbench train --backends numba-cpu,pytorch --epochs 3
      convbench train mnist_cnn --data ~/.keras/datasets/mnist.npz --dtype float32 --within 3600
      convbench train fashion_mnist_cnn --data /usr/share/datasets/fashion-mnist --within 7200
      convbench train --plugin ./my_backend.py --backends mine
      convbench train --resume results/train-20261126-120000
    """
    from convbench.cli.train import run_train  # noqa: PLC0415

    run_train(network, **options | {"entrants": options["entrants"] or None})

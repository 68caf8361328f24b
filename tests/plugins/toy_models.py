"""An extractor of a framework that does not exist: its models are lists, and its files say what goes wrong."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import MappingProxyType

from convbench_specs import Case, Conv, Extraction, ExtractionError, Extractor, Layer, LeftOut, hookimpl

UP = LeftOut(name="up", what="transposed convolution", reason="there is none", flops=100)


class Toy(Extractor):
    name = "toy"
    prefixes = ("toys",)
    suffixes = (".toy",)
    environment = MappingProxyType({"TOY_VARIABLE": "set"})

    def open(self, source):
        if source.startswith("toys:"):
            return [int(source.removeprefix("toys:"))]
        text = Path(source).read_text()
        if text == "hang":
            time.sleep(600)
        if text == "die":
            sys.stdout.write("cases = []\n")
            sys.stdout.flush()
            import os

            os._exit(3)
        if text == "raise":
            raise RuntimeError("a fault of the extractor")
        if text == "refuse":
            raise ExtractionError(f"{source} is no toy")
        return [int(each) for each in text.split()]

    def takes(self, model):
        return isinstance(model, list)

    def extract(self, model, shapes):
        print("this must not be in the file")
        if not shapes:
            raise ExtractionError("a toy does not tell its input: add --input 3,9,9")
        layers = []
        for number, filters in enumerate(model):
            operation = Conv(in_channels=shapes[0][0], out_channels=filters, kernel_size=(3, 3))
            layers.append(Layer(case=Case(name=f"conv{number}", operation=operation, input_shape=shapes[0])))
        return Extraction(layers=tuple(layers), left_out=(UP,) if len(layers) > 1 else (), framework="Toy 1.0")


@hookimpl
def convbench_extractors():
    return [Toy]

"""Reads PyTorch models; torch is imported when the first one is there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from convbench_backends.extraction.failure import no_shape, not_installed, one_line, shape_text
from convbench_backends.extraction.recorder import Recorder
from convbench_specs import Extraction, ExtractionError, Extractor

BATCH_SIZES = (2, 1)
"""Of the traces, one after the other until one succeeds. On two instances no other axis is taken for the batch; a model
that was made for one instance has no second."""


class PyTorchExtractor(Extractor):
    """torch.nn modules, functions of tensors, torch.save, TorchScript and torch.export files, torchvision and timm."""

    name = "pytorch"
    prefixes = ("torchvision", "timm")
    suffixes = (".pt", ".pth", ".pt2")
    environment = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}  # noqa: RUF012  # nobody changes it

    def open(self, source: str) -> object:
        """A model by its name, with random weights, or one from a file."""
        prefix, colon, name = source.partition(":")
        if colon and prefix in self.prefixes:
            return _named(source, prefix, name)
        return _from_file(Path(source))

    def takes(self, model: object) -> bool:
        """Whether it is a torch.nn.Module."""
        torch = sys.modules.get("torch")
        return torch is not None and isinstance(model, torch.nn.Module)

    def traces(self, function: object) -> bool:
        """Any function, where torch was imported."""
        return "torch" in sys.modules and callable(function)

    def extract(self, model: object, shapes: tuple[tuple[int, ...], ...]) -> Extraction:
        """Run the model once, in evaluation mode, and record the operations that the dispatcher sees."""
        import torch  # noqa: PLC0415  # it takes seconds

        if not shapes:
            raise no_shape("a PyTorch model")
        assert callable(model)
        for batch_size in BATCH_SIZES:
            try:
                recorder = _trace(model, [(batch_size, *shape) for shape in shapes])
            except Exception as error:  # noqa: BLE001  # a model may raise anything
                failure = error
                continue
            return recorder.extraction(f"PyTorch {torch.__version__}")
        said = f"{type(model).__name__} does not run on an input of {shape_text(shapes)}"
        raise ExtractionError(f"{said}: {one_line(failure)}") from failure


def _trace(model: Callable[..., Any], shapes: Sequence[tuple[int, ...]]) -> Recorder:
    import torch  # noqa: PLC0415  # as above

    from convbench_backends.extraction.pytorch.names import ModuleStack  # noqa: PLC0415  # it needs torch
    from convbench_backends.extraction.pytorch.trace import LayerTrace  # noqa: PLC0415  # as above

    modules = list(model.modules()) if isinstance(model, torch.nn.Module) else []
    training = [module.training for module in modules]
    parameter = next((each for each in _tensors(model) if each.is_floating_point()), torch.zeros(()))
    inputs = [torch.rand(shape, dtype=torch.float32, device="cpu").to(parameter) for shape in shapes]
    recorder = Recorder(batch_size=shapes[0][0])
    attention_in_one = torch.backends.mha.get_fastpath_enabled()
    try:
        torch.backends.mha.set_fastpath_enabled(False)  # one operation, whose products nothing would count
        for module in modules:
            module.training = False
        with torch.no_grad(), ModuleStack(model) as stack, LayerTrace(recorder, stack):
            model(*inputs)
    finally:
        torch.backends.mha.set_fastpath_enabled(attention_in_one)
        for module, was in zip(modules, training, strict=True):
            module.training = was
    return recorder


def _tensors(model: Any) -> Any:
    import torch  # noqa: PLC0415  # as above

    return [*model.parameters(), *model.buffers()] if isinstance(model, torch.nn.Module) else []


def _named(source: str, prefix: str, name: str) -> object:
    """A model of a library by its name; built without memory where it can be, for only shapes matter."""
    import torch  # noqa: PLC0415  # as above

    try:
        build = _builder(prefix, name)
    except Exception as error:  # torchvision raises RuntimeError beside a torch that it was not built for
        raise not_installed(source, prefix, error) from error
    try:
        with torch.device("meta"):
            return build()
    except Exception:  # noqa: BLE001  # some compute with values while they are built
        try:
            return build()
        except Exception as error:
            raise ExtractionError(f"{source}: {prefix} cannot build it: {one_line(error)}") from error


def _builder(prefix: str, name: str) -> Callable[[], object]:
    if prefix == "torchvision":
        from torchvision.models import get_model  # noqa: PLC0415  # only where it is asked for

        return lambda: get_model(name, weights=None, **_no_backbone(name))
    from timm import create_model  # noqa: PLC0415  # as above

    return lambda: create_model(name, pretrained=False)


def _no_backbone(name: str) -> dict[str, None]:
    """Detectors and segmenters of torchvision download a trained backbone, unless they are told not to."""
    from torchvision.models import get_model_builder  # noqa: PLC0415  # as above

    code = get_model_builder(name)
    return {"weights_backbone": None} if "weights_backbone" in code.__wrapped__.__code__.co_varnames else {}


def _from_file(path: Path) -> object:
    """What torch.save, torch.jit.save or torch.export.save wrote; a module that was saved whole needs its code."""
    import torch  # noqa: PLC0415  # as above

    sys.path[:0] = [str(path.resolve().parent), str(Path.cwd())]  # where the code of its classes may be
    try:
        if path.suffix == ".pt2":
            return torch.export.load(path).module()
        try:
            return torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
        except RuntimeError:  # not of TorchScript
            found = torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:
        raise ExtractionError(f"{path} cannot be read as a model that torch saved: {one_line(error)}") from error
    if not isinstance(found, torch.nn.Module):
        what = "only weights" if isinstance(found, dict) else f"a {type(found).__name__}"
        raise ExtractionError(f"{path} holds {what}, no module: give the code that builds it, such as net.py:make")
    return found

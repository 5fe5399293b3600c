"""Encoders that others wrote, as frozen ones: functions, modules of torch, sentence-transformers, timm."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from polytask.core import InputError
from polytask.core.copied_module import module_copy
from polytask.encoders.frozen import FrozenEncoder, Kind, blank_vectors, check_items, fingerprint_of
from polytask.encoders.frozen_images import image_square

__all__ = ["encoder_of"]

_PROBES: Mapping[str, Any] = {
    "text": "a text",
    "image": np.full((32, 32, 3), 128, dtype=np.uint8),
    "sound": (np.zeros(16_000, dtype=np.float32), 16_000),
}
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, for modules that say nothing


def encoder_of(
    source: Any,
    *,
    kind: Kind,
    name: str = "",
    fingerprint: str = "",
    size: int | None = None,
    mean: Sequence[float] | None = None,
    spread: Sequence[float] | None = None,
) -> FrozenEncoder:
    """Return a frozen encoder of something else that encodes.

    It is encoded once, to see how wide its vectors are. What has the members of a `FrozenEncoder` is returned
    as it is.

    Args:
        source: One of these:

            - an object with a method ``encode(items, batch_size=...)``, as those of sentence-transformers;
            - for images, a `torch.nn.Module`, as those of timm and torchvision: from
              ``[image, 3, size, size]`` to ``[image, width]``, or to maps ``[image, width, row, column]``,
              which are averaged. One with ``forward_features`` and ``forward_head`` stops before its
              classifier. It is run in evaluation mode, without gradients, and stays as it is;
            - a function, from a list of items to ``[item, width]``.
        kind: What it encodes.
        name: What to call it; empty for the name of its class or function.
        fingerprint: What changes when its vectors do, such as a version. For a module on images it is made of
            its weights where it is empty; for anything else nothing is cached then.
        size: Of a module: the height and width of its images; None for what its ``default_cfg`` says, or 224.
        mean: Of a module: what is subtracted from each colour, from 0 to 1; None for what its ``default_cfg``
            says, or the means of ImageNet.
        spread: Of a module: by what each colour is divided then.

    Raises:
        InputError: It is nothing that encodes, or its vectors are no ``[item, width]``.

    Example:
        >>> lengths = encoder_of(lambda texts: [[len(text), text.count(" ")] for text in texts], kind="text")
        >>> lengths.encode(["a cat", "two"])
        tensor([[5., 1.],
                [3., 0.]])
    """
    if kind not in _PROBES:
        raise InputError(f"`kind` is {kind!r}; use 'text', 'image' or 'sound'.")
    if all(hasattr(source, member) for member in ("name", "kind", "width", "fingerprint", "state", "encode")):
        return source
    title = name or getattr(source, "__name__", type(source).__name__)
    if callable(getattr(source, "encode", None)):
        return _Adapted(
            lambda items, batch_size: source.encode(items, batch_size=batch_size), kind, title, fingerprint
        )
    if isinstance(source, nn.Module) and kind == "image":
        said = getattr(source, "default_cfg", None) or {}
        module = _ImageModule(
            source,
            size=size or int(said.get("input_size", (3, 224, 224))[-1]),
            mean=tuple(mean or said.get("mean", _MEAN)),
            spread=tuple(spread or said.get("std", _SPREAD)),
        )
        return _Adapted(module, kind, title, fingerprint or module.fingerprint)
    if callable(source):
        return _Adapted(lambda items, _: source(items), kind, title, fingerprint)
    raise InputError(
        "`source` must be a function, a torch module or an object with `encode`, but is a "
        f"{type(source).__name__}."
    )


class _Adapted:
    """A frozen encoder that asks a function of items and batch size."""

    def __init__(
        self, function: Callable[[list[Any], int], Any], kind: Kind, name: str, fingerprint: str
    ) -> None:
        self.name = name
        self.kind: Kind = kind
        self.fingerprint = fingerprint
        self._function = function
        self.state: Mapping[str, Tensor] = {}
        self.width = self._asked([_PROBES[kind]], 1).shape[1]

    @torch.no_grad()
    def encode(self, items: Sequence[Any], *, batch_size: int = 32) -> Tensor:
        """Return vectors ``[item, width]``."""
        check_items(items, batch_size)
        if not len(items):
            return blank_vectors(0, self.width)
        vectors = self._asked(list(items), batch_size)
        if vectors.shape[1] != self.width:
            raise InputError(
                f"{self.name} gave vectors of {vectors.shape[1]} numbers, and {self.width} before."
            )
        return vectors

    def _asked(self, items: list[Any], batch_size: int) -> Tensor:
        found = self._function(items, batch_size)
        try:
            vectors = torch.as_tensor(found).detach().to("cpu", torch.float32)
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"{self.name} must return numbers [item, width]: {error}.") from error
        if vectors.ndim != 2 or len(vectors) != len(items) or not vectors.shape[1]:
            raise InputError(
                f"{self.name} must return [item, width], a row for each of {len(items)}, but gave "
                f"{tuple(vectors.shape)}."
            )
        return vectors


class _ImageModule:
    """Runs a module on images, prepared as it is used to them."""

    def __init__(
        self, module: nn.Module, *, size: int, mean: Sequence[float], spread: Sequence[float]
    ) -> None:
        if len(mean) != 3 or len(spread) != 3 or min(spread) <= 0 or size < 1:
            raise InputError(
                "`mean` and `spread` need three numbers, spreads positive, and `size` at least 1; got "
                f"{mean}, {spread} and {size}."
            )
        self.module, self.size, self.mean, self.spread = module, size, mean, spread

    @property
    def fingerprint(self) -> str:
        """A digest of the weights, of the module as it is printed, and of how images are prepared."""
        digest = hashlib.sha256()
        for key, value in self.module.state_dict().items():
            digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        what = type(self.module)
        prepared = (self.size, self.mean, self.spread)
        return fingerprint_of(what.__module__, what.__qualname__, self.module, prepared, digest.hexdigest())

    @torch.no_grad()
    def __call__(self, items: list[Any], batch_size: int) -> Tensor:
        own = module_copy(self.module, training=False)
        device = next((each.device for each in self.module.parameters()), torch.device("cpu"))
        mean, spread = (
            torch.tensor(values, dtype=torch.float32).view(3, 1, 1) for values in (self.mean, self.spread)
        )
        pieces = []
        for start in range(0, len(items), batch_size):
            indices = range(start, min(start + batch_size, len(items)))
            images = torch.stack([image_square(items[index], self.size, index=index) for index in indices])
            pieces.append(_headless(own, ((images - mean) / spread).to(device)))
        return torch.cat(pieces)


def _headless(module: Any, images: Tensor) -> Tensor:
    """Run a module without its classifier, where it has one that can be told."""
    if hasattr(module, "forward_features") and hasattr(module, "forward_head"):
        vectors = module.forward_head(module.forward_features(images), pre_logits=True)
    else:
        vectors = module(images)
    return vectors.mean((2, 3)).cpu() if vectors.ndim == 4 else vectors.cpu()

"""What a run is: its data, learner, balancer and settings, as plain values by name.

A resumed run is the run that was interrupted only if all of it is as it was. What decides a run is read from
the objects themselves: an object stands for its class and for the arguments of its constructor that it keeps,
a tensor or a table for a hash of its content. State that changes during training is not among them.
"""

import dataclasses
import enum
import hashlib
import inspect
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import partial
from pathlib import Path, PurePath
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from polytask.core import BundleError
from polytask.data.tables.table import fingerprint

__all__ = [
    "Identity",
    "Plain",
    "described",
    "described_all",
    "described_modules",
    "differences",
    "refuse_another",
    "refused",
    "run_identity",
]

Plain = str | int | float | bool | None
"""What a setting is written as."""

_DEEPEST = 12
_LONGEST = 64  # entries of a collection that are named one by one; more are hashed together
_SHOWN = 5
_LONGEST_TEXT = 200


Identity = dict[str, dict[str, Plain]]
"""What a run is: ``"given"`` by its caller, in the words of his own settings, and ``"seen"`` by the run."""


def run_identity(given: Mapping[str, object], seen: Mapping[str, object], learner: nn.Module) -> Identity:
    """Return what a run is.

    Args:
        given: What the caller says.
        seen: What the run itself knows.
        learner: What is trained.
    """
    return {
        "given": described_all(given),
        "seen": described_all(seen) | described_modules("learner", learner),
    }


def described_all(values: Mapping[str, object]) -> dict[str, Plain]:
    """Return what several values are; see `described`."""
    return {key: text for name, value in values.items() for key, text in described(name, value).items()}


def refuse_another(folder: Path, saved: object, present: Identity) -> None:
    """Raise an error if a resume folder holds another run.

    Args:
        folder: The folder, as the user knows it.
        saved: What its checkpoint says of the run.
        present: What the run is now; of ``"given"`` and ``"seen"`` one may be missing.

    Raises:
        BundleError: It does; the message names the first differences, those that the caller knows if any.
    """
    for part, settings in present.items():
        before = saved.get(part) if isinstance(saved, dict) else None
        if not isinstance(before, dict):
            raise refused(folder, "its checkpoint does not say of which run it is")
        if differing := differences(before, settings):
            raise refused(folder, "it holds another run: " + "; ".join(differing))


def refused(folder: Path, why: str) -> BundleError:
    """Return the error for a resume folder that a run cannot go on with."""
    return BundleError(
        f"The resume folder {folder} cannot be used: {why}. Choose another folder, or delete this one to "
        "start anew."
    )


def described(name: str, value: object) -> dict[str, Plain]:
    """Return what a value is, by dotted names.

    Example:
        >>> described("batch", {"size": 3, "parts": (1, 2), "rate": 0.5})
        {'batch.size': 3, 'batch.parts': '[1, 2]', 'batch.rate': 0.5}
    """
    return dict(_Reader().entries(name, value))


def described_modules(name: str, module: nn.Module) -> dict[str, Plain]:
    """Return what a module and those inside it are, but for their weights.

    Example:
        >>> list(described_modules("net", nn.Sequential(nn.Linear(2, 3))).items())[:4]
        [('net', 'Sequential'), ('net.0', 'Linear'), ('net.0.in_features', 2), ('net.0.out_features', 3)]
    """
    reader = _Reader(weights=False)
    found: dict[str, Plain] = {}
    for path, inside in module.named_modules(prefix=name):
        found[path] = type(inside).__qualname__
        for key, item in _settings(inside).items():
            if not isinstance(item, (Tensor, nn.Module)):
                found |= dict(reader.entries(f"{path}.{key}", item))
    return found


def differences(saved: Mapping[str, Plain], present: Mapping[str, Plain]) -> list[str]:
    """Say in which settings two runs differ; no more than a few of them.

    Example:
        >>> differences({"seed": 0, "rows": 3}, {"seed": 1, "rows": 3})
        ['`seed` was 0, is 1']
    """
    names: list[str] = []
    for name in dict.fromkeys([*present, *saved]):
        inside = any(name.startswith(f"{other}.") for other in names)  # of what is another thing altogether
        if not inside and not _same(saved, present, name):
            names.append(name)
    told = [f"`{name}` was {_shown(saved, name)}, is {_shown(present, name)}" for name in names[:_SHOWN]]
    return told + ([f"and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else [])


def _same(saved: Mapping[str, Plain], present: Mapping[str, Plain], name: str) -> bool:
    if (name in saved) != (name in present):
        return False
    return type(saved[name]) is type(present[name]) and saved[name] == present[name]


def _shown(identity: Mapping[str, Plain], name: str) -> str:
    text = re.sub(
        r"\b([0-9a-f]{12})[0-9a-f]{52}\b", r"\1…", str(identity[name]) if name in identity else "not there"
    )
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"


@dataclasses.dataclass(frozen=True, slots=True)
class _Reader:
    """Takes values apart.

    Args:
        weights: Whether tensors are told by their content; else by their shape.
    """

    weights: bool = True

    def entries(self, name: str, value: object, above: tuple[int, ...] = ()) -> Iterator[tuple[str, Plain]]:
        """Yield the plain values of which a value consists."""
        if isinstance(value, enum.Enum):
            yield name, str(value)
        elif value is None or isinstance(value, (bool, int, str)):
            yield name, value
        elif isinstance(value, float):
            yield name, float(value) if math.isfinite(value) else repr(float(value))
        elif (text := self._text(value)) is not None:
            yield name, text
        elif id(value) in above or len(above) > _DEEPEST:
            yield name, type(value).__qualname__
        else:
            yield from self._parts(name, value, (*above, id(value)))

    def _text(self, value: object) -> str | None:
        """Return the text that stands for a value as a whole; None where its parts do."""
        if isinstance(value, Tensor):
            shape = f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
            return f"{shape} {_hash(_bytes(value))}" if self.weights else shape
        if isinstance(value, np.ndarray):
            raw = repr(value.tolist()).encode() if value.dtype.hasobject else value.tobytes()
            return f"{value.dtype} {list(value.shape)} {_hash(raw)}"
        if isinstance(value, (pd.DataFrame, pd.Series, pd.Index)):
            return fingerprint(value if isinstance(value, pd.DataFrame) else pd.DataFrame({"": value}))
        if isinstance(value, (PurePath, torch.dtype, torch.device, bytes, complex, np.generic, range)):
            return str(value)
        if isinstance(value, (type, FunctionType, MethodType, BuiltinFunctionType)):
            return value.__qualname__
        if isinstance(value, (torch.Generator, np.random.Generator)):
            return type(value).__qualname__  # where it stands is state
        return None

    def _parts(self, name: str, value: object, above: tuple[int, ...]) -> Iterator[tuple[str, Plain]]:
        if isinstance(value, partial):
            value = {"function": value.func, "arguments": value.args, **value.keywords}
        if isinstance(value, Mapping):
            yield from self._collection(name, {str(key): item for key, item in value.items()}, above)
        elif isinstance(value, Set):
            yield name, json.dumps(sorted(map(str, value)))
        elif isinstance(value, Sequence):
            if all(each is None or isinstance(each, (bool, int, str)) for each in value):
                yield name, _shortened(json.dumps(list(value)), len(value))
            else:
                yield from self._collection(name, dict(enumerate(value)), above)
        else:
            yield name, type(value).__qualname__
            if self.weights or not isinstance(value, nn.Module):
                yield from self._collection(name, _settings(value), above)

    def _collection(
        self, name: str, value: Mapping[Any, object], above: tuple[int, ...]
    ) -> Iterator[tuple[str, Plain]]:
        entries = [
            entry for key, item in value.items() for entry in self.entries(f"{name}.{key}", item, above)
        ]
        if len(entries) <= _LONGEST:
            yield from entries
        else:
            yield f"{name}.*", _shortened(json.dumps(entries), len(entries))


def _shortened(text: str, n_entries: int) -> str:
    return text if n_entries <= _LONGEST else f"{n_entries} entries {_hash(text.encode())}"


def _bytes(tensor: Tensor) -> bytes:
    dense = tensor.detach().cpu().to_dense() if tensor.layout is not torch.strided else tensor.detach().cpu()
    return dense.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if dense.numel() else b""


def _settings(value: object) -> dict[str, object]:
    """Return what an object keeps of the arguments of its constructor."""
    if isinstance(value, Optimizer):
        return {
            f"group {index}": {key: item for key, item in group.items() if key != "params"}
            for index, group in enumerate(value.param_groups)
        }
    if dataclasses.is_dataclass(value):
        return {entry.name: getattr(value, entry.name, None) for entry in dataclasses.fields(value)}
    kept = dict(getattr(value, "__dict__", {}))
    if isinstance(value, nn.Module):
        kept |= {**value._buffers, **value._parameters, **value._modules}
    names = _argument_names(type(value))
    found = {name: next((kept[key] for key in (name, f"_{name}") if key in kept), _MISSING) for name in names}
    return {name: item for name, item in found.items() if item is not _MISSING}


def _argument_names(kind: type) -> list[str]:
    """Return the arguments of a class's constructor, with those that it passes on to its base as ``**``."""
    names: dict[str, None] = {}
    for base in kind.__mro__:
        try:
            arguments = inspect.signature(base).parameters
        except (TypeError, ValueError):  # a class written in C
            break
        names |= dict.fromkeys(arguments)
        if not any(argument.kind is argument.VAR_KEYWORD for argument in arguments.values()):
            break
    return list(names)


_MISSING = object()


def _hash(raw: bytes) -> str:
    return "sha256:" + hashlib.sha256(raw).hexdigest()[:16]

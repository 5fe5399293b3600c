"""The tensors of a saved model: written, read, and compared with what they shall fill."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from polytask.core import BundleError, InputError
from polytask.core.defaults import usual_defaults
from polytask.core.random import own_random_state
from polytask.core.strict_json import parse_json
from polytask.models.bundle_folder import open_plain

__all__ = ["build_filled", "read_tensors", "tensor_bytes"]

Module = TypeVar("Module", bound=nn.Module)
_TYPES = ("F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL")
_MOST_NAMED = 5


def tensor_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Write tensors in the format of safetensors.

    Raises:
        BundleError: A number is NaN or infinite: such a model cannot answer.
    """
    spoilt = _not_finite(tensors)
    if spoilt:
        raise BundleError(
            f"The model has numbers that are NaN or infinite in {_some(spoilt)}, and is not saved: its "
            "training diverged. Train again with a lower learning rate, and look for extreme values in the "
            "data."
        )
    return save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()})


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read what `tensor_bytes` wrote; the file is mapped, not copied.

    Raises:
        BundleError: It is damaged, or holds numbers that are NaN or infinite.
    """
    try:
        _check_header(path)
        tensors = load_file(path)
    except Exception as error:  # of safetensors, of torch, of the system
        raise BundleError(
            f"{path} is truncated or damaged ({error}). Copy or train the model again."
        ) from error
    spoilt = _not_finite(tensors)
    if spoilt:
        raise BundleError(
            f"{path} holds numbers that are NaN or infinite in {_some(spoilt)}. Train the model again."
        )
    return tensors


def build_filled(build: Callable[[], Module], tensors: Mapping[str, Tensor]) -> Module:
    """Build a module and load its tensors.

    It is built on the meta device first, which takes no memory: a description that lies about the weights
    asks for none.

    Args:
        build: Builds the module, untrained.
        tensors: By name.

    Raises:
        InputError: Names, shapes or types differ; all at once.
    """
    with usual_defaults():
        with torch.device("meta"):
            module = build()
        _check_fit(module.state_dict(), tensors)
        if _has_unsaved_tensors(module, tensors):
            with own_random_state():
                module = build()
        else:
            module.to_empty(device="cpu")  # in the memory format that was chosen for the weights
    module.load_state_dict(dict(tensors))
    return module


def _has_unsaved_tensors(module: nn.Module, tensors: Mapping[str, Tensor]) -> bool:
    """Tell whether a module has constants that only building it makes."""
    held = (value for part in module.modules() for value in vars(part).values())
    return any(name not in tensors for name, _ in module.named_buffers()) or any(map(torch.is_tensor, held))


def _check_fit(expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Compare tensors with those they shall fill, which need no memory of their own.

    Raises:
        InputError: A name, a shape or a type differs; all at once.
    """
    problems = [f"{name!r} is missing" for name in expected if name not in tensors]
    problems += [f"{name!r} is unknown" for name in tensors if name not in expected]
    for name, tensor in tensors.items():
        if name in expected and (tensor.shape, tensor.dtype) != (expected[name].shape, expected[name].dtype):
            problems.append(f"{name!r} is {_form(tensor)} instead of {_form(expected[name])}")
    if problems:
        raise InputError(f"the weights do not fit the description: {_some(problems, '; ')}")


def _check_header(path: Path) -> None:
    """Read the header strictly: the library takes a key twice, and a header of any size."""
    with os.fdopen(open_plain(path), "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > os.fstat(file.fileno()).st_size:
            raise InputError("its header is longer than the file")
        header = parse_json(file.read(length))
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] not in _TYPES:
            raise InputError(f"the type of {name!r} is {entry['dtype']!r}")


def _not_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    return [
        name
        for name, tensor in tensors.items()
        if (tensor.is_floating_point() or tensor.is_complex()) and not bool(torch.isfinite(tensor).all())
    ]


def _form(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _some(names: list[str], separator: str = ", ") -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return separator.join(names[:_MOST_NAMED]) + more

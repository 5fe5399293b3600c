"""Explicit randomness: every random draw comes from a seed and the path of names that leads to it."""

import contextlib
import hashlib
import threading
from collections.abc import Iterator

import numpy as np
import torch

__all__ = [
    "derive_seed",
    "generator",
    "numpy_generator",
    "own_random_state",
    "seed_generators",
    "seeded",
]

_LOCK = threading.RLock()


def derive_seed(seed: int, *path: str | int) -> int:
    """Hash a seed and a path of names or indices into a new, independent seed.

    The same arguments give the same seed in every process and on every machine.

    Args:
        seed: The seed of the whole run.
        path: What the draw is for, e.g. ``"epoch", 3``.

    Returns:
        An integer in ``[0, 2**63)``.

    Example:
        >>> derive_seed(0, "epoch", 1) == derive_seed(0, "epoch", 1)
        True
        >>> derive_seed(0, "epoch", 1) == derive_seed(0, "epoch", 2)
        False
    """
    text = repr((int(seed), *path)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "little") >> 1


def generator(seed: int, *path: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a fresh `torch.Generator` for one purpose.

    Example:
        >>> torch.rand(2, generator=generator(0, "noise")).shape
        torch.Size([2])
    """
    return torch.Generator(device=device).manual_seed(derive_seed(seed, *path))


def numpy_generator(seed: int, *path: str | int) -> np.random.Generator:
    """Return a fresh `numpy.random.Generator` for one purpose."""
    return np.random.default_rng(derive_seed(seed, *path))


@contextlib.contextmanager
def own_random_state() -> Iterator[None]:
    """Have torch's global generators to oneself inside the block, and leave them as they were.

    They belong to the whole process; so a thread waits here until no other one is in such a block.

    Example:
        >>> before = torch.get_rng_state()
        >>> with own_random_state():
        ...     _ = torch.rand(3)
        >>> torch.equal(torch.get_rng_state(), before)
        True
    """
    with _LOCK:
        if torch.accelerator.is_available():
            with torch.random.fork_rng():
                yield
            return
        before = torch.default_generator.get_state()
        try:
            yield
        finally:
            torch.default_generator.set_state(before)


def seed_generators(seed: int, *path: str | int) -> None:
    """Seed torch's global generators.

    Where there is no accelerator this costs microseconds. `torch.manual_seed` notes there who has called it,
    for a GPU that may come, which takes as long as a small training step.
    """
    derived = derive_seed(seed, *path)
    if torch.accelerator.is_available():
        torch.manual_seed(derived)
    else:
        torch.default_generator.manual_seed(derived)


@contextlib.contextmanager
def seeded(seed: int, *path: str | int) -> Iterator[None]:
    """Seed torch's global generator inside the block and restore it afterwards.

    For code that can take no generator: module initialization and dropout. One thread at a time is inside.

    Example:
        >>> with seeded(0, "initialization"):
        ...     first = torch.nn.Linear(2, 1).weight
        >>> with seeded(0, "initialization"):
        ...     second = torch.nn.Linear(2, 1).weight
        >>> torch.equal(first, second)
        True
    """
    with own_random_state():
        seed_generators(seed, *path)
        yield

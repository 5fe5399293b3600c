"""Randomness is a function of seed and path."""

import contextlib

import torch

from polytask.core import derive_seed, generator, seeded
from polytask.core.random import numpy_generator, own_random_state, seed_generators


def test_a_derived_seed_never_changes():
    # Written down once: a change would alter every published figure.
    assert derive_seed(0, "epoch", 1) == 1744888131229309620


def test_paths_do_not_run_together():
    assert derive_seed(0, "a", "b") != derive_seed(0, "ab") != derive_seed(0, "a,b")
    assert derive_seed(1, 0) != derive_seed(10)


def test_generators_repeat():
    assert torch.equal(torch.rand(3, generator=generator(1, "x")), torch.rand(3, generator=generator(1, "x")))
    assert (numpy_generator(1, "x").random(3) == numpy_generator(1, "x").random(3)).all()


def test_the_global_generator_is_restored():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with seeded(9):
        torch.rand(5)
    assert torch.equal(torch.rand(2), expected)


def test_seeding_the_generators_is_what_torch_does_for_the_derived_seed():
    with own_random_state():
        torch.manual_seed(derive_seed(3, "step", 1))
        expected = torch.randn(3)
        seed_generators(3, "step", 1)
        assert torch.equal(torch.randn(3), expected)


def test_the_global_generator_is_restored_after_an_error():
    before = torch.get_rng_state()
    with contextlib.suppress(ValueError), own_random_state():
        torch.rand(2)
        raise ValueError
    assert torch.equal(torch.get_rng_state(), before)

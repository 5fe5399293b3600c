"""Whose turn a step is: frequencies, numbers a step, turns before, and work that does not grow."""

import sys

import numpy as np
import pytest

from polytask.data.steps.turns import DrawnTurns, EveryTurn, Turns, TurnsInOrder
from polytask.data.steps.unequal_draws import inclusion

SHARES = {
    "two": (np.array([0.3, 0.7]), 1),
    "many": (np.arange(1.0, 13.0), 1),
    "several a step": (np.arange(1.0, 8.0), 3),
    "nearly sure": (np.array([60.0, 50.0, 1.0, 1.0]), 2),
    "sure": (np.array([1.0, 1.0, 100.0]), 2),
}


def turns(name: str, seed: int = 0) -> DrawnTurns:
    return DrawnTurns(inclusion(*SHARES[name]), seed)


ALL = {name: lambda name=name: turns(name) for name in SHARES} | {
    "every": lambda: EveryTurn(4),
    "in order": lambda: TurnsInOrder(5, 3),
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("first", [0, 200, 256 * 10**9 - 40])
def test_turns_are_counted_without_a_gap(name, first):
    found: Turns = ALL[name]()
    _, before = found.at(first)
    for index in range(first, first + 600):
        drawn, now = found.at(index)
        assert drawn.dtype == bool and (now == before).all()
        before = now + drawn


@pytest.mark.parametrize("name", SHARES)
def test_every_step_asks_the_same_number_of_sources(name):
    found = turns(name)
    assert {int(found.at(index)[0].sum()) for index in range(1000)} == {SHARES[name][1]}


@pytest.mark.parametrize("name", SHARES)
def test_a_block_asks_every_source_as_often_as_its_chance_says(name):
    found, chances = turns(name), inclusion(*SHARES[name])
    drawn = np.stack([found.at(index)[0] for index in range(4 * 256)])
    for block in drawn.reshape(4, 256, -1):
        assert (abs(block.sum(0) - 256 * chances) <= 8).all()


@pytest.mark.parametrize("index", [0, 1003])
def test_one_step_asks_a_source_in_as_many_seeds_as_its_chance_says(index):
    chances = inclusion(*SHARES["several a step"])
    counts = sum(turns("several a step", seed).at(index)[0].astype(int) for seed in range(400))
    assert (abs(counts - 400 * chances) < 5 * np.sqrt(400 * chances * (1 - chances))).all()


def test_all_pairs_of_sources_meet():
    found = DrawnTurns(np.full(6, 1 / 3), 0)
    drawn = np.stack([found.at(index)[0] for index in range(0, 30 * 256, 16)]).astype(int)
    assert (drawn.T @ drawn > 0).all()


def test_the_order_in_a_block_is_drawn_anew():
    found = DrawnTurns(np.array([0.5, 0.5]), 0)
    first, second = (np.stack([found.at(256 * block + row)[0] for row in range(256)]) for block in range(2))
    assert not (first == second).all()
    agreements = (first[:, 0] == np.roll(first[:, 0], 1)).mean()
    assert 0.3 < agreements < 0.7  # neither in turn nor in runs


def test_a_late_step_takes_no_more_work_than_an_early_one(monkeypatch):
    module, asked = sys.modules[DrawnTurns.__module__], []
    found = turns("many")
    draw = module.numpy_generator
    monkeypatch.setattr(module, "numpy_generator", lambda *path: asked.append(path) or draw(*path))
    for index in (300_000, 300_001, 10**15, 3):
        found.at(index)
    assert len(asked) == 3  # a block each; the second step is of the first block

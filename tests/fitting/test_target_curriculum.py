"""How much targets count from epoch to epoch."""

import pytest
import torch

from polytask.fitting.target_curriculum import CURRICULA, curriculum_shares

FIRST = torch.tensor([1.0, 10.0, 0.1])


def shares(law: str, *later: list[float]) -> list[float]:
    return curriculum_shares(law, [FIRST, *(FIRST * torch.tensor(one) for one in later)]).tolist()


@pytest.mark.parametrize("law", CURRICULA)
def test_at_first_all_count_alike_whatever_their_units(law):
    assert shares(law) == pytest.approx([1, 1, 1])


def test_what_has_been_learned_least_counts_most():
    low, high, middle = shares("loss", [0.1, 1.0, 0.5])
    assert low < middle < high and low + high + middle == pytest.approx(3)
    assert shares("loss", [0.1, 5.0, 0.5]) == pytest.approx([low, high, middle])


def test_what_is_learned_fastest_counts_most_and_old_progress_is_forgotten():
    fast, none, slow = shares("progress", [0.2, 1.0, 0.9])
    assert fast > slow > none > 0.05
    assert shares("progress", *[[0.2, 1.0, 0.9]] * 6) == pytest.approx([1, 1, 1])

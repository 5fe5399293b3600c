"""What is learned fastest is asked most."""

import numpy as np
import pytest
from tests.data.steps.counting import counting, losses_at

from polytask.core import InputError
from polytask.data.steps.progress_curriculum import ProgressCurriculum


def exp3s(rewards: list[tuple[int, float]], n: int, eta: float, beta: float, epsilon: float) -> np.ndarray:
    """Follow Exp3.S as the paper writes it, for one source a step; rewards are scaled already."""
    w = np.zeros(n)
    for t, (asked, reward) in enumerate(rewards, start=2):
        pi = (1 - epsilon) * np.exp(w) / np.exp(w).sum() + epsilon / n
        estimate = [(reward * (i == asked) + beta) / pi[i] for i in range(n)]
        e = [np.exp(w[i] + eta * estimate[i]) for i in range(n)]
        w = np.log(
            [(1 - 1 / t) * e[i] + sum(e[j] for j in range(n) if j != i) / t / (n - 1) for i in range(n)]
        )
    return np.exp(w) / np.exp(w).sum()


def test_shares_are_those_of_exp3s():
    curriculum = ProgressCurriculum(counting(), rate=0.2, bonus=0.1, exploration=0.1, seed=1)
    first, last, history, rewards = {}, {}, [], []
    for step in range(80):
        (name,) = curriculum.drawn()
        loss = losses_at(curriculum, step)[name]
        relative = loss / first.setdefault(name, loss)
        if name in last:
            history.append(last[name] - relative)
            low, high = np.quantile(history, 0.2), np.quantile(history, 0.8)
            scaled = 2 * (history[-1] - low) / (high - low) - 1 if high > low else 0.0
            rewards.append(("abc".index(name), float(np.clip(scaled, -1, 1))))
        last[name] = relative
        curriculum.told(step, {name: loss})
    expected = exp3s(rewards, 3, eta=0.2, beta=0.1, epsilon=0.1)
    assert len(rewards) > 70 and expected.std() > 0.01
    np.testing.assert_allclose(curriculum.preferences(), expected, rtol=1e-9)


def test_progress_is_sought_and_a_loss_that_stays_is_asked_less():
    curriculum = ProgressCurriculum(counting("ab"), rate=0.05)
    for step in range(300):
        curriculum.told(step, losses_at(curriculum, step))
    falling, constant = curriculum.state_dict()["turns"]
    assert falling > 2 * constant


def test_the_reservoir_is_bounded():
    curriculum = ProgressCurriculum(counting("a"))
    for step in range(1200):
        curriculum.told(step, {"a": 1.0 + step % 7})
    assert len(curriculum.statistics["progress"]) == 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"rate": 0.0}, "`rate` above 0"), ({"bonus": -1.0}, "`bonus` of 0 or more")],
)
def test_a_wrong_argument_is_named(arguments, message):
    with pytest.raises(InputError, match=message):
        ProgressCurriculum(counting(), **arguments)

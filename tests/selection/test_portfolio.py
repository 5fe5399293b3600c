"""Portfolios and warm starts: against brute force over all subsets and orders."""

import itertools
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from polytask.core import InputError, generator
from polytask.selection.described_task import TaskFeatures
from polytask.selection.first_choices import warm_start
from polytask.selection.portfolio import greedy_portfolio, judge_portfolio
from polytask.selection.run_log import RunLog


def log_of(scores: Tensor, *, higher_is_better: bool = False, features: Tensor | None = None) -> RunLog:
    return RunLog(
        tasks=tuple(f"task {row}" for row in range(scores.shape[0])),
        configurations=tuple(f"c{column}" for column in range(scores.shape[1])),
        scores=scores,
        higher_is_better=higher_is_better,
        feature_names=() if features is None else tuple(f"f{k}" for k in range(features.shape[1])),
        features=features,
    )


def drawn(n_tasks: int, n_configurations: int, seed: int, *, missing: float = 0.0) -> Tensor:
    draw = generator(seed, "scores")
    scores = torch.rand(n_tasks, n_configurations, generator=draw, dtype=torch.float64)
    gone = torch.rand(n_tasks, n_configurations, generator=draw) < missing
    gone[:, 0] = False
    return torch.where(gone, math.nan, scores)


def mean_least(regrets: Tensor, chosen: tuple[int, ...]) -> float:
    return sum(min(row[c] for c in chosen) for row in regrets.tolist()) / len(regrets)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(2, 6), st.integers(0, 10**6), st.sampled_from([0.0, 0.3]))
def test_greedy_has_the_submodular_bound_and_is_optimal_at_size_one(
    n_tasks: int, n_configurations: int, seed: int, missing: float
) -> None:
    log = log_of(drawn(n_tasks, n_configurations, seed, missing=missing))
    regrets = log.regrets()
    found = greedy_portfolio(log, size=n_configurations)
    numbers = tuple(log.configurations.index(name) for name in found.configurations)
    assert sorted(numbers) == list(range(n_configurations))
    for size in range(1, n_configurations + 1):
        loss = mean_least(regrets, numbers[:size])
        assert found.regrets[size - 1] == pytest.approx(loss)
        best = min(mean_least(regrets, c) for c in itertools.combinations(range(n_configurations), size))
        assert 1 - loss >= (1 - 1 / math.e) * (1 - best) - 1e-9
        if size == 1:
            assert loss == pytest.approx(best)
    assert found.regrets[-1] == pytest.approx(0, abs=1e-12)


def test_greedy_is_not_always_optimal_and_then_takes_the_best_single_one_first() -> None:
    losses = torch.tensor([[0.0, 1.0, 0.4], [0.0, 1.0, 0.4], [1.0, 0.0, 0.4], [1.0, 0.0, 0.4]])
    assert greedy_portfolio(log_of(losses), size=2).configurations[0] == "c2"
    assert greedy_portfolio(log_of(losses), size=2).regrets == pytest.approx((0.4, 0.2))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 100), st.floats(-100, 100))
def test_a_tasks_units_and_the_sign_of_scores_make_no_difference(
    seed: int, scale: float, offset: float
) -> None:
    scores = drawn(4, 5, seed, missing=0.2)
    other = scores.clone()
    other[1] = other[1] * scale + offset
    one = log_of(scores).regrets()
    torch.testing.assert_close(log_of(other).regrets(), one, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(log_of(-scores, higher_is_better=True).regrets(), one)


def test_regrets_run_from_the_best_run_to_the_worst_and_a_missing_one_is_the_worst() -> None:
    log = log_of(torch.tensor([[3.0, 1.0, math.nan, 2.0], [5.0, 5.0, math.nan, 5.0]]))
    assert log.regrets().tolist() == [[1.0, 0.0, 1.0, 0.5], [0.0, 0.0, 1.0, 0.0]]


def test_a_judgement_is_what_leaving_out_each_task_by_hand_gives() -> None:
    features = torch.randn(6, 3, generator=generator(0), dtype=torch.float64)
    log = log_of(drawn(6, 5, 3, missing=0.2), features=features)
    found = judge_portfolio(log, size=3)
    assert found.warm_start is not None
    regrets = log.regrets()
    for row in range(6):
        others = log.rows([r for r in range(6) if r != row])
        new = TaskFeatures(names=log.feature_names, values=features[row])
        for names, judged in (
            (greedy_portfolio(others, size=3).configurations, found.portfolio),
            (warm_start(others, new, size=3), found.warm_start),
        ):
            numbers = [log.configurations.index(name) for name in names]
            expected = [min(regrets[row, numbers[: k + 1]].tolist()) for k in range(3)]
            assert judged[row].tolist() == pytest.approx(expected)
        mean = [mean_least(others.regrets(), (c,)) for c in range(5)]
        fixed = float(regrets[row, mean.index(min(mean))])
        assert found.best_fixed[row].tolist() == pytest.approx([fixed] * 3)
        orders = list(itertools.permutations(regrets[row].tolist(), 3))
        expected = [sum(min(order[: k + 1]) for order in orders) / len(orders) for k in range(3)]
        assert found.random[row].tolist() == pytest.approx(expected)


def test_tasks_of_a_group_are_left_out_together() -> None:
    # Alone, a task is told the answer by its twin; with the twin left out as well it is not.
    losses = torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    features = torch.tensor([[0.0], [0.1], [0.2], [1.0], [1.1], [1.2]])
    log = log_of(losses, features=features)
    alone = judge_portfolio(log, size=1).warm_start
    together = judge_portfolio(log, size=1, groups=list("aaabbb")).warm_start
    assert alone is not None and together is not None
    assert alone.flatten().tolist() == [0.0] * 6
    assert together.flatten().tolist() == [1.0] * 6


def test_a_warm_start_takes_the_best_of_the_nearest_and_then_of_the_next_without_repetition() -> None:
    losses = torch.tensor([[0.1, 0.2, 0.9, math.nan], [0.0, 0.5, 0.6, math.nan], [0.7, 0.4, 0.3, math.nan]])
    log = log_of(losses, features=torch.tensor([[0.0, 5.0], [1.0, 5.0], [9.0, 5.0]]))

    def order(value: float) -> tuple[str, ...]:
        return warm_start(log, TaskFeatures(names=("f0", "f1"), values=torch.tensor([value, 0.0])), size=4)

    assert order(0.1) == ("c0", "c2", "c1", "c3")  # tasks 0, 1, 2; then the second best of task 0
    assert order(8.0) == ("c2", "c0", "c1", "c3")  # what was never run comes last


def test_the_units_of_a_meta_feature_make_no_difference_to_a_warm_start() -> None:
    features = torch.randn(8, 3, generator=generator(5), dtype=torch.float64)
    new = torch.randn(3, generator=generator(6), dtype=torch.float64)
    scores, scale = 1 - torch.eye(8), torch.tensor([1e-3, 1.0, 1e4])  # each task has its own best

    def order(factor: Tensor) -> tuple[str, ...]:
        log = log_of(scores, features=features * factor)
        return warm_start(log, TaskFeatures(names=log.feature_names, values=new * factor), size=8)

    assert order(scale) == order(torch.ones(3))
    assert order(torch.tensor([1.0, 0.0, 0.0])) != order(torch.ones(3))  # here they matter


def test_a_log_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "log.json"
    for log in (
        log_of(drawn(3, 4, 0, missing=0.5), features=torch.rand(3, 2, generator=generator(0))),
        log_of(torch.tensor([[0.1]]), higher_is_better=True),
    ):
        log.save(path)
        again = RunLog.load(path)
        assert (again.tasks, again.configurations) == (log.tasks, log.configurations)
        assert again.higher_is_better is log.higher_is_better
        assert again.feature_names == log.feature_names
        torch.testing.assert_close(again.scores, log.scores, rtol=0, atol=0, equal_nan=True)
        assert (again.features is None) == (log.features is None)
        if again.features is not None and log.features is not None:
            assert torch.equal(again.features, log.features)
    assert [file.name for file in path.parent.iterdir()] == ["log.json"]


def test_a_failed_save_leaves_the_old_log_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.json"
    log_of(torch.tensor([[1.0]])).save(path)

    def full(_: int) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match="cannot be written: the disk is full"):
        log_of(torch.tensor([[2.0]])).save(path)
    assert float(RunLog.load(path).scores) == 1.0
    assert [file.name for file in tmp_path.iterdir()] == ["log.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, 'no run log: its "format"'),
        ({"scores": [[1.0]]}, r"damaged: RunLog: `scores` has shape \(1, 1\)"),
        ({"scores": [[1.0, 2.0], [1.0]]}, "damaged"),
        ({"scores": [["x", 2.0], [1.0, 2.0]]}, "damaged"),
        ({"scores": None}, "damaged"),
        ({"tasks": "ab"}, "names are not a list"),
        ({"higher_is_better": 1}, "neither true nor false"),
        ({"features": None, "feature_names": ["f"]}, "without `features`"),
    ],
)
def test_a_damaged_file_is_refused_by_its_name(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "log.json"
    log_of(torch.tensor([[1.0, 2.0], [2.0, 3.0]])).save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=message) as caught:
        RunLog.load(path)
    assert "log.json" in str(caught.value)


def test_what_is_no_file_no_json_or_incomplete_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    with pytest.raises(InputError, match=r"log\.json cannot be read: No such file"):
        RunLog.load(path)
    path.write_text("{")
    with pytest.raises(InputError, match="is no JSON"):
        RunLog.load(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is no JSON"):
        RunLog.load(path)
    path.write_text('{"format": "polytask run log 1"}')
    with pytest.raises(InputError, match="damaged: it lacks 'scores'"):
        RunLog.load(path)


def test_a_log_lists_all_that_does_not_fit() -> None:
    with pytest.raises(InputError) as caught:
        RunLog(
            tasks=("a", "a"), configurations=("x", "y"), higher_is_better=True,
            scores=torch.tensor([[math.inf, 1.0], [math.nan, math.nan]]),
            feature_names=("f",), features=torch.tensor([[math.nan], [0.0]]),
        )  # fmt: skip
    for piece in ("`tasks` repeat", "score is infinite", "no score at all of 'a'", "feature is not finite"):
        assert piece in str(caught.value)
    with pytest.raises(InputError, match="`tasks` repeat or are empty: there is none"):
        log_of(torch.zeros(0, 2))


def test_sizes_groups_and_meta_features_out_of_range_are_refused() -> None:
    log = log_of(drawn(3, 2, 0), features=torch.zeros(3, 1))
    new = TaskFeatures(names=("f0",), values=torch.zeros(1))
    for size in (0, 3):
        with pytest.raises(InputError, match=f"between 1 and 2 configurations, got {size}"):
            greedy_portfolio(log, size=size)
        with pytest.raises(InputError, match=f"between 1 and 2 configurations, got {size}"):
            warm_start(log, new, size=size)
    with pytest.raises(InputError, match="each of 3 tasks, got 2"):
        judge_portfolio(log, size=1, groups=("a", "b"))
    with pytest.raises(InputError, match="at least 2 groups"):
        judge_portfolio(log, size=1, groups=("a",) * 3)
    with pytest.raises(InputError, match="the meta-features f0, the new task g"):
        warm_start(log, TaskFeatures(names=("g",), values=torch.zeros(1)), size=1)
    with pytest.raises(InputError, match="the meta-features none"):
        warm_start(log_of(drawn(3, 2, 0)), TaskFeatures(names=(), values=torch.zeros(0)), size=1)

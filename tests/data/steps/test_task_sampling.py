"""Sampling of tasks: shares, frequencies, purity, epochs, messages."""

from typing import get_args

import pytest
import torch
from tests.data.steps.counting import Counting, counting, number

from polytask.checks import check_source
from polytask.core import Batch, DataError, InputError, Task
from polytask.data import JointSource, Source
from polytask.data.steps.loss_curriculum import LossCurriculum
from polytask.data.steps.mixture import tasks_by_source
from polytask.data.steps.task_sampling import SamplingScheme, TaskSampling

N_ROWS = {"a": 10, "b": 40, "c": 90, "d": 160}


def sampling(scheme: SamplingScheme, **arguments) -> TaskSampling:
    return TaskSampling(counting(N_ROWS), n_rows=N_ROWS, scheme=scheme, **arguments)


def asked(source: Source, index: int) -> dict[str, int]:
    """Return the step of every source that a step is made of."""
    return {episode.tasks[0].name: number(episode) for episode in source.step(index)}


@pytest.mark.parametrize(
    ("scheme", "arguments", "expected"),
    [
        ("proportional", {}, [1 / 30, 4 / 30, 9 / 30, 16 / 30]),
        ("proportional", {"cap": 50}, [10 / 150, 40 / 150, 50 / 150, 50 / 150]),
        ("temperature", {"temperature": 2.0}, [1 / 10, 2 / 10, 3 / 10, 4 / 10]),
        ("temperature", {"temperature": 2.0, "cap": 90}, [1 / 9, 2 / 9, 3 / 9, 3 / 9]),
        ("temperature", {"temperature": float("inf")}, [1 / 4] * 4),
        ("uniform", {}, [1 / 4] * 4),
        ("uniform", {"per_step": 3}, [3 / 4] * 4),
        ("round robin", {"per_step": 2}, [1 / 2] * 4),
        ("proportional", {"per_step": 2}, [1 / 14, 4 / 14, 9 / 14, 1]),
    ],
)
def test_probabilities_follow_the_scheme(scheme, arguments, expected):
    assert list(sampling(scheme, **arguments).inclusion.values()) == pytest.approx(expected)


@pytest.mark.parametrize("scheme", ["proportional", "temperature", "uniform"])
def test_sources_have_their_turn_as_often_as_their_probability_says(scheme):
    source = sampling(scheme, seed=5)
    drawn = [source.drawn(index)[0] for index in range(6000)]
    expected = {name: 6000 * chance for name, chance in source.inclusion.items()}
    # All but the last block of steps are exact but for rounding.
    assert {name: drawn.count(name) for name in N_ROWS} == pytest.approx(expected, abs=40)


def test_round_robin_takes_turns_in_order():
    source = TaskSampling(counting("abc"), scheme="round robin", per_step=2)
    turns = [name for index in range(600) for name in sorted(source.drawn(index), key="abc".index)]
    pairs = [{"a", "b"}, {"a", "c"}, {"b", "c"}]
    assert [set(source.drawn(index)) for index in range(600)] == pairs * 200
    assert turns.count("a") == turns.count("b") == turns.count("c") == 400


@pytest.mark.parametrize("scheme", get_args(SamplingScheme))
def test_every_source_goes_through_its_own_steps_without_a_gap(scheme):
    source = sampling(scheme, per_step=2)
    steps: dict[str, list[int]] = {name: [] for name in N_ROWS}
    for index in range(1100):
        for name, step in asked(source, index).items():
            steps[name].append(step)
    assert all(found == list(range(len(found))) and found for found in steps.values())


@pytest.mark.parametrize("scheme", get_args(SamplingScheme))
def test_a_step_is_the_same_in_any_order_and_for_a_fresh_source(scheme):
    source = sampling(scheme, per_step=2, seed=3)
    places = [1300, 0, 255, 256, 10**12, 700, 3, 1023, 1024]
    fresh = [asked(sampling(scheme, per_step=2, seed=3), index) for index in places]
    assert [asked(source, index) for index in places] == fresh
    assert [asked(source, index) for index in reversed(places)] == fresh[::-1]


def test_seeds_have_turns_of_their_own():
    first, second = ([sampling("uniform", seed=seed).drawn(i) for i in range(50)] for seed in range(2))
    assert first != second


def test_it_keeps_the_contract_of_a_source():
    parts = {}
    for name in "abc":
        data = Batch(inputs=torch.randn(20, 2), targets={name: torch.randn(20)})
        parts[name] = JointSource([Task(name=name, kind="regression")], data, batch_size=4, seed=0)
    check_source(TaskSampling(parts, scheme="uniform", per_step=2))


def test_a_task_is_asked_as_often_as_its_group():
    sources = {"one": Counting("a"), "two": Counting("b")}
    found = TaskSampling(sources, n_rows={"one": 1, "two": 3}).inclusion_by_task()
    assert found == pytest.approx({"a": 0.25, "b": 0.75})


def test_a_task_of_two_sources_is_refused():
    with pytest.raises(DataError, match="'one' and 'two' both ask task 'a'; give every task one source"):
        tasks_by_source({"one": Counting("a"), "two": Counting("a")})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scheme": "random"}, "`scheme` is 'random'; use one of proportional, temperature"),
        ({"per_step": 0}, "`per_step` must be a whole number between 1 and the 4 sources, got 0"),
        ({"per_step": 5}, "`per_step` must be a whole number between 1 and the 4 sources, got 5"),
        ({"per_step": 1.5}, "`per_step` must be a whole number between 1 and the 4 sources, got 1.5"),
        ({"temperature": 0.0}, "`temperature` must be above 0"),
        ({"cap": 0}, "`cap` must be at least 1"),
        ({"n_rows": {"a": 3, "c": 0, "d": 1}}, "`n_rows` needs the rows, 1 or more, of b, c"),
        ({"n_rows": None}, "`n_rows` needs the rows, 1 or more, of a, b, c, d"),
    ],
)
def test_a_wrong_argument_is_named(arguments, message):
    with pytest.raises(InputError, match=message):
        TaskSampling(counting(N_ROWS), **({"n_rows": N_ROWS} | arguments))


def test_a_curriculum_is_refused_inside_a_source():
    inner = LossCurriculum(counting("ab"))
    with pytest.raises(InputError, match="inner follows from losses, and would be told none"):
        TaskSampling({"inner": inner}, scheme="uniform")  # pyright: ignore[reportArgumentType]

"""A step of several sources has the episodes of all of them."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.checks import check_source
from polytask.core import Batch, DataError, Episode, InputError, Task
from polytask.core.task import TaskKind
from polytask.data import ClassificationEpisodes, FunctionEpisodes, JointSource, LabelledExamples, Sinusoids
from polytask.data.steps.loss_curriculum import LossCurriculum
from polytask.data.steps.several_sources import SeveralSources


def joint(name: str, n_rows: int = 10, *, width: int = 2, kind: TaskKind = "regression", seed: int = 0):
    numbers = torch.arange(float(n_rows))
    data = Batch(inputs=numbers[:, None].repeat(1, width), targets={name: (numbers % 2)})
    return JointSource([Task(name=name, kind=kind)], data, batch_size=4, seed=seed)


def functions(seed: int) -> FunctionEpisodes:
    return FunctionEpisodes(Sinusoids(), n_support=3, n_query=4, n_episodes=2, seed=seed)


def content(step: Sequence[Episode]) -> list[tuple[str, list[float]]]:
    return [(episode.tasks[0].name, episode.query.inputs[:, 0].flatten().tolist()) for episode in step]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(2, 30), min_size=1, max_size=5), st.integers(0, 40), st.integers(0, 3))
def test_a_step_is_the_steps_of_all_sources_one_after_the_other(sizes, index, seed):
    def sources():
        return [joint(f"task {place}", n_rows, seed=seed) for place, n_rows in enumerate(sizes)]

    expected = [each for source in sources() for each in content(source.step(index))]
    assert content(SeveralSources(sources()).step(index)) == expected


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=10))
def test_a_step_is_the_same_whenever_it_is_asked(indices):
    source = SeveralSources([joint("a", 9), joint("b", 23)])
    found = {index: content(source.step(index)) for index in indices}
    fresh = SeveralSources([joint("a", 9), joint("b", 23)])
    assert found == {index: content(fresh.step(index)) for index in reversed(indices)}


def test_a_small_source_comes_round_more_often():
    source = SeveralSources([joint("small", 4), joint("large", 20)])
    seen = {"small": [], "large": []}
    for index in range(5):
        for name, inputs in content(source.step(index)):
            seen[name] += inputs
    assert sorted(seen["small"]) == sorted(5 * [0.0, 1.0, 2.0, 3.0])
    assert sorted(seen["large"]) == [float(row) for row in range(20)]


@pytest.mark.parametrize(
    "build",
    [
        lambda: SeveralSources([joint("a", width=2), joint("b", 17, width=5)]),
        lambda: SeveralSources([functions(0), functions(1)]),
        lambda: SeveralSources([SeveralSources([joint("a"), joint("b")]), joint("c")]),
    ],
    ids=["different widths", "with support", "nested"],
)
def test_it_keeps_the_contract_of_a_source(build):
    check_source(build())


def test_there_must_be_a_source():
    with pytest.raises(InputError, match="`sources` is empty; give at least one source"):
        SeveralSources([])


def test_a_source_that_learns_from_training_is_refused():
    curriculum = LossCurriculum({"b": joint("b"), "c": joint("c")})
    with pytest.raises(
        InputError,
        match="1 follows from losses, and would be told none in here; give a curriculum to `train`",
    ):
        SeveralSources([joint("a"), curriculum])  # pyright: ignore[reportArgumentType]


def test_one_name_for_different_tasks_is_refused():
    source = SeveralSources([joint("a"), joint("b"), joint("a", kind="binary")])
    with pytest.raises(DataError, match=r"Sources 0 and 2 mean different tasks by 'a': .*Rename one of them"):
        source.step(0)


def test_one_task_may_have_examples_in_several_sources():
    step = SeveralSources([joint("a", 4), joint("a", 6)]).step(0)
    assert [episode.tasks[0].name for episode in step] == ["a", "a"]


def test_tasks_that_are_learned_from_support_may_share_a_name():
    examples = LabelledExamples(
        inputs=torch.arange(40.0)[:, None],
        labels=torch.arange(40) % 4,
        class_names=tuple("abcd"),
        class_groups=("letters",) * 4,
    )
    sources = [ClassificationEpisodes(examples, n_way=n_way, n_shot=1, n_query=2) for n_way in (2, 3)]
    tasks = [task for episode in SeveralSources(sources).step(0) for task in episode.tasks]
    assert [(task.name, task.n_outputs) for task in tasks] == [("class", 2), ("class", 3)]

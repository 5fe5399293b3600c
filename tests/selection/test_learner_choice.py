"""Choosing a learner by cross-validation on a task's support, and saying so where that cannot be done."""

import copy
import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor, nn

from polytask.checks import check_learner
from polytask.core import Batch, Episode, EpisodicLearner, InputError, Task, generator
from polytask.core.batch import Inputs
from polytask.core.learner import States
from polytask.meta.metric.prototypes import Prototypes
from polytask.meta.metric.r2d2 import R2D2
from polytask.selection.chosen_learner import ChosenLearner
from polytask.selection.learner_choice import choose_learner
from polytask.selection.support_parts import support_folds

SIDE = Task(name="side", kind="multiclass", n_outputs=2)
HEIGHT = Task(name="height", kind="regression")
RING = Task(name="ring", kind="multiclass", n_outputs=2)


class Mean(EpisodicLearner):
    """Answers with the mean of the labels, or with the share of each class."""

    def __init__(self, *, shift: float = 0.0) -> None:
        super().__init__()
        self.shift = shift

    def learn(self, tasks: Sequence[Task], support: Batch) -> States:
        found = {}
        for task in tasks:
            target = support.targets[task.name]
            known = support.masks.get(task.name, torch.ones(len(support), dtype=torch.bool))
            classes = target.unsqueeze(1) == torch.arange(task.n_outputs)
            values = target.reshape(len(support), -1) if task.kind == "regression" else classes
            found[task.name] = {"mean": values[known].float().mean(0)}
        return found

    def predict(self, state: States, tasks: Sequence[Task], inputs: Inputs) -> dict[str, Tensor]:
        assert isinstance(inputs, Tensor)
        return {task.name: state[task.name]["mean"].expand(len(inputs), -1) + self.shift for task in tasks}


class Squares(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.square()


def points(n_rows: int = 24, seed: int = 0) -> Batch:
    """Two tasks by classes and a regression, each easy for another learner."""
    draw = generator(seed, "points")
    inputs = torch.randn(n_rows, 2, generator=draw)
    # Far out or near the middle, on either side alike.
    far = torch.arange(n_rows) % 2
    inputs = inputs / inputs.norm(dim=1, keepdim=True) * (0.5 + 1.5 * far.unsqueeze(1))
    targets = {
        "ring": far,
        "side": (inputs[:, 0] > 0).long(),
        "height": 2 * inputs[:, 1] + 0.1 * torch.randn(n_rows, generator=draw),
    }
    return Batch(inputs=inputs, targets=targets)


def learners() -> dict[str, EpisodicLearner]:
    return {
        "plain": R2D2(nn.Identity(), ridge=0.01),
        "squares": R2D2(Squares(), ridge=0.01),
        "mean": Mean(),
    }


@st.composite
def supports(draw: st.DrawFn) -> tuple[list[Task], Batch]:
    n_rows = draw(st.integers(1, 14))
    tasks, targets, masks = [], {}, {}
    for number in range(draw(st.integers(1, 3))):
        name, n_classes = f"t{number}", draw(st.integers(2, 4))
        tasks.append(Task(name=name, kind="multiclass", n_outputs=n_classes))
        labels = st.lists(st.integers(0, n_classes - 1), min_size=n_rows, max_size=n_rows)
        targets[name] = torch.tensor(draw(labels))
        if draw(st.booleans()):
            masks[name] = torch.tensor(draw(st.lists(st.booleans(), min_size=n_rows, max_size=n_rows)))
    return tasks, Batch(inputs=torch.zeros(n_rows, 1), targets=targets, masks=masks)


@settings(max_examples=150, deadline=None)
@given(supports(), st.integers(2, 6), st.integers(0, 1000))
def test_what_a_fold_leaves_has_every_class_of_the_support(problem, n_folds: int, seed: int) -> None:
    tasks, support = problem
    folds = support_folds(tasks, support, n_folds=n_folds, generator=generator(seed))
    assert bool(((folds >= -1) & (folds < n_folds)).all())
    known = {t.name: support.masks.get(t.name, torch.ones(len(support), dtype=torch.bool)) for t in tasks}
    for task in tasks:
        whole = set(support.targets[task.name][known[task.name]].tolist())
        for fold in range(n_folds):
            left = known[task.name] & (folds != fold)
            assert set(support.targets[task.name][left].tolist()) == whole
    if len(tasks) == 1:  # then exactly what has to stay does
        target, labelled = support.targets["t0"], known["t0"]
        for row in range(len(support)):
            alone = int((labelled & (target == target[row])).sum()) == 1
            assert (int(folds[row]) == -1) == (not bool(labelled[row]) or alone)


def test_folds_are_stratified_and_depend_on_the_generator_alone() -> None:
    target = torch.tensor([0] * 10 + [1] * 5)
    support = Batch(inputs=torch.zeros(15, 1), targets={"side": target})
    one, again, other = (
        support_folds([SIDE], support, n_folds=5, generator=generator(seed)) for seed in (0, 0, 1)
    )
    assert one[:10].bincount().tolist() == [2] * 5
    assert one[10:].bincount().tolist() == [1] * 5
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(("task", "best"), [(RING, "squares"), (SIDE, "plain"), (HEIGHT, "plain")])
def test_the_learner_that_suits_the_task_is_chosen(task: Task, best: str) -> None:
    found = choose_learner(learners(), [task], points().only([task.name]))
    assert (found.name, found.decided_by, found.n_judged, found.n_kept) == (best, "cross-validation", 24, 0)
    assert found.scores[0].name == best
    assert sorted(score.name for score in found.scores) == ["mean", "plain", "squares"]
    means = [score.mean for score in found.scores]
    assert means == sorted(means)


def test_scores_and_intervals_are_those_of_leaving_out_one_row_by_hand() -> None:
    support = points(7).only(["height"])
    learner, target = learners()["plain"], support.targets["height"]
    errors = []
    for row in range(7):
        rest = support.rows(torch.arange(7) != row)
        answer = learner.adapt([HEIGHT], rest)(support.rows(slice(row, row + 1)).inputs)["height"]
        errors.append(float((answer - target[row]).square() / target.var(correction=0)))
    found = choose_learner({"plain": learner, "mean": Mean()}, [HEIGHT], support, n_folds=7)
    (score,) = [score for score in found.scores if score.name == "plain"]
    mean = sum(errors) / 7
    assert score.mean == pytest.approx(mean, rel=1e-4)
    deviation = math.sqrt(sum((error - mean) ** 2 for error in errors) / 6)
    assert score.half_width == pytest.approx(stats.t.ppf(0.975, 6) * deviation / math.sqrt(7), rel=1e-4)
    (score,) = [score for score in found.scores if score.name == "mean"]
    assert score.mean == pytest.approx((7 / 6) ** 2, rel=1e-4)  # the mean without a row, in closed form


def test_the_objective_can_decide_where_errors_are_equal() -> None:
    support = Batch(inputs=torch.zeros(6, 1), targets={"height": torch.tensor([0.0, 1, 2, 3, 4, 5])})
    by = {
        measure: choose_learner(
            {"shifted": Mean(shift=2.0), "mean": Mean()}, [HEIGHT], support, n_folds=6, measure=measure
        )
        for measure in ("error", "objective")
    }
    variance = 35 / 12
    for name in by:
        assert by[name].name == "mean"
        (score,) = [score for score in by[name].scores if score.name == "mean"]
        factor = 1 if name == "error" else variance  # the loss is in the units of the target
        assert score.mean == pytest.approx(1.2**2 * factor, rel=1e-5)


def test_a_row_of_several_tasks_counts_by_the_mean_over_its_labels() -> None:
    batch = Batch(
        inputs=torch.zeros(4, 1),
        targets={"height": torch.tensor([1.0, 3.0, 1.0, 3.0]), "side": torch.tensor([0, 0, 1, 1])},
        masks={"height": torch.tensor([True, True, False, False])},
    )
    found = choose_learner({"mean": Mean(), "far": Mean(shift=9.0)}, [HEIGHT, SIDE], batch, n_folds=4)
    (score,) = [score for score in found.scores if score.name == "mean"]
    # Without a row, the other class has the majority: an error. Height is 3 for 1: a squared error of 4.
    assert score.mean == pytest.approx((2.5 + 2.5 + 1 + 1) / 4)


def test_with_one_shot_the_prior_decides_and_it_is_said() -> None:
    support = Batch(inputs=torch.tensor([[0.0], [1.0]]), targets={"side": torch.tensor([0, 1])})
    prior = ["squares", "mean", "plain"]
    found = choose_learner(learners(), [SIDE], support, prior=prior)
    assert (found.name, found.decided_by, found.scores) == ("squares", "prior", ())
    assert (found.n_judged, found.n_kept) == (0, 2)
    assert "too small for cross-validation" in found.reason
    assert "squares is the first of the prior order" in found.reason


def test_the_prior_passes_over_what_cannot_answer() -> None:
    one = Batch(inputs=torch.zeros(1, 1), targets={"height": torch.zeros(1)})
    these = {"prototypes": Prototypes(nn.Identity()), **learners()}
    found = choose_learner(these, [HEIGHT], one, prior=["prototypes", "mean", "plain", "squares"])
    assert (found.name, found.decided_by) == ("mean", "prior")
    assert list(found.refused) == ["prototypes"]
    assert "multiclass" in found.refused["prototypes"]


def test_the_only_example_of_a_class_is_never_left_out_and_that_is_said() -> None:
    batch = points(9).only(["side"])
    target = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, 2])
    task = Task(name="side", kind="multiclass", n_outputs=3)
    found = choose_learner(learners(), [task], Batch(inputs=batch.inputs, targets={"side": target}))
    assert (found.decided_by, found.n_judged, found.n_kept) == ("cross-validation", 8, 1)
    assert "1 rows were never left out" in found.reason


def test_equal_scores_are_decided_by_the_prior() -> None:
    support = points().only(["height"])
    for prior in (["a", "b"], ["b", "a"]):
        found = choose_learner({"a": Mean(), "b": Mean()}, [HEIGHT], support, prior=prior)
        assert found.name == prior[0]
        assert f"with {prior[1]}, later in the prior order" in found.reason


def test_a_learner_that_cannot_answer_or_gives_no_number_is_told_and_left_out() -> None:
    these = {"prototypes": Prototypes(nn.Identity()), "lost": Mean(shift=math.nan), "mean": Mean()}
    found = choose_learner(these, [HEIGHT], points().only(["height"]))
    assert (found.name, found.decided_by) == ("mean", "only-one")
    assert sorted(found.refused) == ["lost", "prototypes"]
    assert "not finite" in found.refused["lost"]
    classes = choose_learner({"lost": Mean(shift=math.nan), "mean": Mean()}, [SIDE], points().only(["side"]))
    assert list(classes.refused) == ["lost"]
    del these["mean"]
    with pytest.raises(InputError, match=r"No learner can answer the tasks\. prototypes: .*lost: An answer"):
        choose_learner(these, [HEIGHT], points().only(["height"]))


def test_a_choice_repeats_and_leaves_learners_and_the_global_generator_alone() -> None:
    these, state = learners(), torch.random.get_rng_state()
    for learner in these.values():
        learner.train()
    found = [choose_learner(these, [RING], points().only(["ring"]), seed=3) for _ in range(2)]
    assert found[0] == found[1]
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(learner.training for learner in these.values())
    assert all(p.grad is None for learner in these.values() for p in learner.parameters())


def test_arguments_out_of_range_are_all_told() -> None:
    support = points().only(["side"])
    with pytest.raises(InputError) as caught:
        choose_learner(
            learners(), [HEIGHT], support, prior=["plain"], measure="luck"  # pyright: ignore[reportArgumentType]
        )  # fmt: skip
    for piece in (
        "each learner once (plain, squares, mean), but names plain",
        "'luck'",
        "no label of height",
    ):
        assert piece in str(caught.value)
    with pytest.raises(InputError, match="`n_folds` must be at least 2, got 1"):
        choose_learner(learners(), [SIDE], support, n_folds=1)
    with pytest.raises(InputError, match="there is no learner"):
        choose_learner({}, [SIDE], support)
    with pytest.raises(InputError, match="there is no learner; `n_folds` must be at least 2, got 1"):
        ChosenLearner({}, n_folds=1)
    with pytest.raises(InputError, match="each learner once: plain, squares, mean"):
        ChosenLearner(learners(), prior=["plain", "plain", "mean"])


def test_a_chosen_learner_answers_each_task_as_the_learner_that_suits_it() -> None:
    chosen, support, query = ChosenLearner(learners()), points(), points(seed=1)
    tasks = [RING, SIDE, HEIGHT]
    assert {name: c.name for name, c in chosen.choose(tasks, support).items()} == {
        "ring": "squares", "side": "plain", "height": "plain",
    }  # fmt: skip
    answers = chosen.adapt(tasks, support)(query.inputs)
    assert list(answers) == ["ring", "side", "height"]
    for task, name in zip(tasks, ("squares", "plain", "plain")):
        alone = learners()[name].adapt([task], support)(query.inputs)[task.name]
        torch.testing.assert_close(answers[task.name], alone)


def test_a_saved_state_is_a_predictor_again_whatever_would_be_chosen_now() -> None:
    chosen, support, query = ChosenLearner(learners()), points(), points(seed=1)
    predictor = chosen.adapt([RING, HEIGHT], support)
    again = chosen.predictor([RING, HEIGHT], copy.deepcopy(predictor.state))
    for name, answer in predictor(query.inputs).items():
        assert torch.equal(again(query.inputs)[name], answer)


def test_a_chosen_learner_keeps_the_contract_of_a_learner() -> None:
    episodes = [
        Episode(tasks=(task,), query=points(6, seed=9).only([task.name]), support=points().only([task.name]))
        for task in (RING, HEIGHT)
    ]
    check_learner(ChosenLearner(learners()), episodes)


def test_a_step_trains_the_chosen_learner_alone() -> None:
    chosen = ChosenLearner(learners())
    episode = Episode(tasks=(RING,), query=points(seed=1).only(["ring"]), support=points().only(["ring"]))
    chosen.objectives([episode]).total().backward()
    trained = {
        name: any(p.grad is not None and bool(p.grad.any()) for p in part.parameters())
        for name, part in zip(chosen.names, chosen.learners)
    }
    assert trained == {"plain": False, "squares": True, "mean": False}

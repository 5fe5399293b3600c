"""Metrics against scikit-learn, intervals against scipy, Δm by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn import metrics as reference

from polytask.core import Batch, Episode, InputError, Predictor, Task, mean_interval
from polytask.data import ClassificationEpisodes, LabelledExamples, Source
from polytask.evaluate import delta_m, evaluate, evaluate_episodes, gain, metric_names
from polytask.evaluate.constant import constant_predictor
from polytask.meta.metric import NearestMean

TASKS = (
    Task(name="r", kind="regression"),
    Task(name="b", kind="binary"),
    Task(name="m", kind="multiclass", n_outputs=3),
)


@pytest.fixture
def data() -> Batch:
    draw = torch.Generator().manual_seed(0)
    targets = {
        "r": torch.randn(50, generator=draw),
        "b": (torch.rand(50, generator=draw) > 0.4).float(),
        "m": torch.randint(3, (50,), generator=draw),
    }
    masks = {name: torch.rand(50, generator=draw) > 0.3 for name in targets}
    targets["r"][~masks["r"]] = float("nan")
    return Batch(inputs=torch.randn(50, 3, generator=draw), targets=targets, masks=masks)


@pytest.fixture
def predictor() -> Predictor:
    def function(state, inputs):
        return {"r": inputs[:, :1], "b": inputs[:, 1:2], "m": inputs}

    return Predictor(tasks=TASKS, function=function)


def test_metrics_agree_with_scikit_learn_on_the_labelled_rows(data, predictor):
    found = evaluate(predictor, data, batch_size=7, scales={"r": 10.0})
    r, b, m = (data.masks[name] for name in "rbm")
    target, answer = data.targets["r"][r] * 10, data.inputs[r, 0] * 10
    assert found["r"]["rmse"] == pytest.approx(reference.root_mean_squared_error(target, answer), rel=1e-5)
    assert found["r"]["mae"] == pytest.approx(reference.mean_absolute_error(target, answer), rel=1e-5)
    assert found["r"]["r2"] == pytest.approx(reference.r2_score(target, answer), rel=1e-4)
    target, logit = data.targets["b"][b], data.inputs[b, 1]
    assert found["b"]["accuracy"] == pytest.approx(reference.accuracy_score(target, logit > 0))
    assert found["b"]["auroc"] == pytest.approx(reference.roc_auc_score(target, logit), rel=1e-5)
    assert found["b"]["f1"] == pytest.approx(reference.f1_score(target, logit > 0))
    target, answer = data.targets["m"][m], data.inputs[m].argmax(1)
    assert found["m"]["accuracy"] == pytest.approx(reference.accuracy_score(target, answer))
    assert found["m"]["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(target, answer))
    assert found["m"]["f1"] == pytest.approx(reference.f1_score(target, answer, average="macro"))


def test_multilabel_metrics_leave_out_entries_without_label():
    task = Task(name="t", kind="multilabel", n_outputs=2)
    logits = torch.tensor([[1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [-2.0, -3.0]])
    target = torch.tensor([[1.0, 0.0], [0.0, float("nan")], [0.0, 1.0], [1.0, 1.0]])
    data = Batch(inputs=logits, targets={"t": target}, masks={"t": ~target.isnan()})
    found = evaluate(Predictor(tasks=(task,), function=lambda _, x: {"t": x}), data)["t"]
    assert found["accuracy"] == pytest.approx(((2 / 4) + (2 / 3)) / 2)
    by_label = [
        reference.roc_auc_score([1, 0, 0, 1], logits[:, 0]),
        reference.roc_auc_score([0, 1, 1], [-1, 1, -3]),
    ]
    assert found["auroc"] == pytest.approx(np.mean(by_label))


def test_an_undefined_metric_is_nan_and_a_task_without_labels_is_left_out():
    data = Batch(inputs=torch.randn(3, 3), targets={"b": torch.ones(3)})
    found = evaluate(
        Predictor(tasks=TASKS, function=lambda _, x: {t.name: x[:, : t.n_outputs] for t in TASKS}), data
    )
    assert list(found) == ["b"] and math.isnan(found["b"]["auroc"])


def test_an_unknown_metric_is_named():
    with pytest.raises(InputError, match="'y' is regression and has no metric accuracy"):
        metric_names(Task(name="y", kind="regression", metrics=("accuracy",)))


def test_delta_m_by_hand():
    tasks = [TASKS[0], TASKS[1]]
    baseline = {"r": {"rmse": 2.0}, "b": {"accuracy": 0.8}}
    metrics = {"r": {"rmse": 1.5}, "b": {"accuracy": 0.72}}
    assert gain(tasks[0], metrics["r"], baseline["r"]) == pytest.approx(25)
    assert delta_m(tasks, metrics, baseline) == pytest.approx((25 - 10) / 2)
    with pytest.raises(InputError, match="but b have none"):
        delta_m(tasks, {"r": metrics["r"]}, baseline)


@pytest.mark.parametrize(
    ("task", "ours", "base"),
    [
        (TASKS[1], {"accuracy": 0.07}, {"accuracy": 0.0}),
        (Task(name="r", kind="regression", metrics=("r2",)), {"r2": 0.5}, {"r2": 1e-7}),
        (TASKS[0], {"rmse": 0.1}, {"rmse": 0.0}),
        (TASKS[0], {"rmse": 0.1}, {"rmse": math.nan}),
        (TASKS[0], {"rmse": math.inf}, {"rmse": 1.0}),
    ],
)
def test_a_gain_over_nothing_is_unknown_and_so_is_the_average(task, ours, base):
    assert math.isnan(gain(task, ours, base))
    other = {"m": {"accuracy": 0.5}}
    assert math.isnan(delta_m([task, TASKS[2]], {task.name: ours, **other}, {task.name: base, **other}))


def test_a_gain_over_a_negative_baseline_is_positive():
    task = Task(name="r", kind="regression", metrics=("r2",))
    assert gain(task, {"r2": 0.5}, {"r2": -0.5}) == pytest.approx(200)


def test_a_class_never_seen_is_all_but_impossible():
    data = Batch(inputs=torch.zeros(4, 1), targets={"m": torch.tensor([0, 0, 0, 1])})
    shares = constant_predictor(TASKS[2:], data)(torch.zeros(1, 1))["m"].softmax(-1)[0]
    assert shares.tolist() == pytest.approx([0.75, 0.25, 1e-6], rel=1e-3)


def test_a_small_error_is_a_baseline_like_any_other():
    assert gain(TASKS[0], {"rmse": 1e-9}, {"rmse": 2e-9}) == pytest.approx(50)
    assert gain(TASKS[1], {"accuracy": 0.0}, {"accuracy": 0.0}) == 0


def test_the_interval_is_students():
    values = [3.0, 1.0, 4.0, 1.5]
    found = mean_interval(values, confidence=0.9)
    low, high = stats.t.interval(0.9, 3, loc=np.mean(values), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert math.isnan(mean_interval([2.0]).half_width) and mean_interval([2.0]).format() == "2.00"


def test_repeated_splits_widen_the_interval():
    plain, corrected = mean_interval([1.0, 2.0, 4.0]), mean_interval([1.0, 2.0, 4.0], test_over_train=1 / 3)
    assert corrected.half_width == pytest.approx(plain.half_width * math.sqrt((1 / 3 + 1 / 3) / (1 / 3)))


def test_the_interval_covers_the_mean_as_often_as_it_says():
    draw = np.random.default_rng(0)
    covered = [
        found.low <= 1 <= found.high for found in (mean_interval(draw.normal(1, 2, 8)) for _ in range(2000))
    ]
    assert 0.935 < np.mean(covered) < 0.965


def test_the_constant_predictor_answers_means_and_frequencies(data):
    answers = constant_predictor(TASKS, data)(torch.zeros(4, 3))
    assert answers["r"][0].item() == pytest.approx(data.targets["r"].nanmean().item(), rel=1e-5)
    rate = data.targets["b"][data.masks["b"]].mean()
    assert answers["b"].sigmoid()[2].item() == pytest.approx(rate.item(), rel=1e-4)
    counts = data.targets["m"][data.masks["m"]].bincount().float()
    torch.testing.assert_close(answers["m"].softmax(-1)[0], counts / counts.sum())


def test_episodes_are_scored_one_by_one():
    examples = LabelledExamples(
        inputs=torch.eye(6).repeat(4, 1)
        + 0.01 * torch.randn(24, 6, generator=torch.Generator().manual_seed(0)),
        labels=torch.arange(24) % 6,
        class_names=tuple("abcdef"),
        class_groups=tuple("abcdef"),
    )
    learner = NearestMean().train()
    score = evaluate_episodes(
        learner, ClassificationEpisodes(examples, n_way=3, n_shot=1, n_query=2, n_episodes=2), n_episodes=5
    )
    assert score.interval.n == 5 and score.interval.mean == 1.0 and learner.training
    assert str(score) == "accuracy 100.00 ± 0.00 % (inductive, 5 episodes)"


class OneMaskedEpisode(Source):
    """Four queries of two classes, of which the learner gets the last wrong; the last has no label."""

    def step(self, index):
        task = Task(name="class", kind="multiclass", n_outputs=2)
        support = Batch(inputs=torch.tensor([[0.0], [1.0]]), targets={"class": torch.tensor([0, 1])})
        query = Batch(
            inputs=torch.tensor([[0.1], [0.2], [0.9], [0.8]]),
            targets={"class": torch.tensor([0, 0, 1, 0])},
            masks={"class": torch.tensor([True, True, True, False])},
        )
        return (Episode(tasks=(task,), query=query, support=support),)


@pytest.mark.parametrize("training", [True, False])
def test_queries_without_label_do_not_count_and_the_mode_stays(training):
    learner = NearestMean().train(training)
    assert evaluate_episodes(learner, OneMaskedEpisode(), n_episodes=2).values == (1.0, 1.0)
    assert learner.training is training


class SomeLabels(OneMaskedEpisode):
    """Every other episode has a labelled query."""

    def __init__(self, every: int) -> None:
        self.every = every

    def step(self, index):
        (episode,) = super().step(index)
        mask = torch.tensor([index % self.every == 0, False, False, False])
        return (replace(episode, query=replace(episode.query, masks={"class": mask})),)


def test_an_episode_without_labelled_query_is_counted_and_left_out():
    score = evaluate_episodes(NearestMean(), SomeLabels(2), n_episodes=4)
    assert score.values == (1.0, 1.0) and score.undefined == 2 and score.interval.n == 2
    none = SomeLabels(1000)
    none.step = lambda index: SomeLabels.step(none, index + 1)
    with pytest.raises(InputError, match="None of the 3 episodes has a labelled query"):
        evaluate_episodes(NearestMean(), none, n_episodes=3)


def test_a_regression_is_scored_by_its_squared_error_whatever_its_loss():
    task = Task(name="y", kind="regression", loss=lambda answer, target: (answer - target).abs() + 7)

    class Points(Source):
        def step(self, index):
            rows = Batch(inputs=torch.tensor([[1.0], [2.0]]), targets={"y": torch.tensor([1.0, 5.0])})
            return (Episode(tasks=(task,), query=rows, support=rows),)

    learner = NearestMean()
    learner.adapt = lambda tasks, _: Predictor(tasks=tuple(tasks), function=lambda _, x: {"y": x})
    score = evaluate_episodes(learner, Points(), n_episodes=1)
    assert (score.metric, score.interval.mean) == ("mse", 4.5)


def test_an_episode_of_several_tasks_cannot_be_scored():
    class Two(Source):
        def step(self, index):
            batch = Batch(inputs=torch.zeros(2, 1), targets={"r": torch.zeros(2)})
            return (Episode(tasks=TASKS[:2], query=batch, support=batch),)

    with pytest.raises(InputError, match="has one task, but this one has 2"):
        evaluate_episodes(NearestMean(), Two(), n_episodes=1)


def test_an_evaluation_gives_every_part_its_mode_back():
    examples = LabelledExamples(
        inputs=torch.rand(12, 3),
        labels=torch.arange(12) % 3,
        class_names=("a", "b", "c"),
        class_groups=("a", "b", "c"),
    )
    learner = NearestMean().train()
    learner.add_module("frozen", torch.nn.BatchNorm1d(2).eval())
    evaluate_episodes(
        learner, ClassificationEpisodes(examples, n_way=2, n_shot=1, n_query=1, seed=0), n_episodes=1
    )
    assert learner.training and not learner.get_submodule("frozen").training

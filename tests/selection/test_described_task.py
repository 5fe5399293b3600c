"""Meta-features: exact under any order of rows, finite on anything, and right against independent code."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.neighbors import NearestCentroid, NearestNeighbors
from torch import Tensor

from polytask.core import Batch, InputError, Task, generator
from polytask.selection.described_task import TaskFeatures, task_features
from polytask.selection.landmarkers import landmarkers

TASKS = {
    "regression": Task(name="y", kind="regression"),
    "binary": Task(name="y", kind="binary"),
    "multiclass": Task(name="y", kind="multiclass", n_outputs=3),
}
VALUES = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 2.0, math.nan, 1e38, -1e38, 1e-40, 1e300]), st.floats(-1e3, 1e3)
)


@st.composite
def problems(draw: st.DrawFn) -> tuple[Task, Batch]:
    n_rows, n_features = draw(st.integers(1, 8)), draw(st.integers(1, 10))
    task = TASKS[draw(st.sampled_from(sorted(TASKS)))]
    n_classes = {"binary": 2, "multiclass": 3}.get(task.kind, 0)
    label = st.integers(0, n_classes - 1) if n_classes else VALUES.filter(math.isfinite)
    target = torch.tensor(draw(st.lists(label, min_size=n_rows, max_size=n_rows)), dtype=torch.float64)
    flat = draw(st.lists(VALUES, min_size=n_rows * n_features, max_size=n_rows * n_features))
    inputs = torch.tensor(flat, dtype=torch.float64).reshape(n_rows, n_features)
    known = torch.tensor(draw(st.lists(st.booleans(), min_size=n_rows, max_size=n_rows)))
    known[draw(st.integers(0, n_rows - 1))] = True
    target = target.long() if task.kind == "multiclass" else torch.where(known, target, math.nan)
    return task, Batch(inputs=inputs, targets={"y": target}, masks={"y": known})


def regression(n_rows: int = 40, n_features: int = 5, seed: int = 0) -> Batch:
    draw = generator(seed, "rows")
    inputs = torch.randn(n_rows, n_features, generator=draw, dtype=torch.float64).exp()
    target = inputs[:, 0] - inputs[:, 1] + torch.randn(n_rows, generator=draw, dtype=torch.float64)
    return Batch(inputs=inputs, targets={"y": target})


def classes(n_rows: int = 40, n_classes: int = 3) -> Batch:
    draw = generator(0, "classes")
    target = torch.randint(n_classes, (n_rows,), generator=draw)
    inputs = torch.randn(n_rows, 4, generator=draw, dtype=torch.float64)
    return Batch(inputs=inputs + target.unsqueeze(1) * torch.tensor([1.0, 0.5, 0, 0]), targets={"y": target})


@settings(max_examples=60, deadline=None)
@given(problems(), st.randoms(use_true_random=False))
def test_meta_features_are_finite_and_exactly_the_same_for_any_order_of_rows(problem, random) -> None:
    task, batch = problem
    found = task_features(task, batch)
    assert bool(found.values.isfinite().all()), found.by_name()
    order = random.sample(range(len(batch)), len(batch))
    assert torch.equal(task_features(task, batch.rows(torch.tensor(order))).values, found.values)


def test_tables_of_some_size_are_exactly_the_same_for_any_order_of_rows_too() -> None:
    for task, batch in ((TASKS["regression"], regression(700)), (TASKS["multiclass"], classes(700))):
        order = torch.randperm(700, generator=generator(1))
        again = task_features(task, batch.rows(order))
        assert torch.equal(again.values, task_features(task, batch).values)


def test_every_kind_of_task_has_the_same_names_in_one_order() -> None:
    found = [
        task_features(task, regression() if name == "regression" else classes(n_classes=2)).names
        for name, task in TASKS.items()
    ]
    assert found[0] == found[1] == found[2]
    assert len(set(found[0])) == len(found[0])


def test_units_and_the_order_of_features_make_no_difference() -> None:
    batch = regression()
    assert isinstance(batch.inputs, Tensor)
    other = Batch(
        inputs=(batch.inputs * torch.tensor([2.0, -3.0, 0.1, 5.0, 1e6]) + 7).flip(1),
        targets={"y": batch.targets["y"] * 12 - 4},
    )
    one, two = (task_features(TASKS["regression"], b).values for b in (batch, other))
    torch.testing.assert_close(one, two, rtol=1e-7, atol=1e-7)


def test_rows_without_a_label_count_for_nothing() -> None:
    batch = regression()
    known = torch.arange(40) < 25
    target = torch.where(known, batch.targets["y"], math.nan)
    masked = Batch(inputs=batch.inputs, targets={"y": target}, masks={"y": known})
    one = task_features(TASKS["regression"], masked)
    assert torch.equal(one.values, task_features(TASKS["regression"], batch.rows(slice(0, 25))).values)


def test_sizes_target_and_missing_values_are_what_one_counts_by_hand() -> None:
    nan = math.nan
    inputs = torch.tensor(
        [[nan, 1.0, 0.0, 4.0], [1.0, 1.0, 1.0, 4.5], [2.0, nan, 1.0, 5.0], [4.0, 1.0, 0.0, 7]]
    )
    target = torch.tensor([0, 0, 0, 1])
    found = task_features(TASKS["multiclass"], Batch(inputs=inputs, targets={"y": target})).by_name()
    expected = {
        "log rows": math.log(4),
        "log features": math.log(4),
        "log rows per feature": 0,
        "is classification": 1,
        "log classes": math.log(3),
        "class entropy": -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)) / math.log(3),
        "largest class share": 0.75,
        "smallest class share": 0,
        "target skew": 0,
        "missing share": 2 / 16,
        "share of rows with missing": 0.5,
        "share of constant features": 0.25,
        "share of two-valued features": 0.25,
        "constant error": 0.25,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_moments_and_correlations_are_those_of_scipy_and_numpy() -> None:
    batch = regression()
    inputs, target = np.asarray(batch.inputs), batch.targets["y"].numpy()
    found = task_features(TASKS["regression"], batch).by_name()
    both = np.corrcoef(np.column_stack([inputs, target]), rowvar=False)
    between, with_target = both[:-1, :-1], np.abs(both[:-1, -1])
    expected = {
        "target skew": stats.skew(target),
        "target log kurtosis": np.log1p(stats.kurtosis(target, fisher=False)),
        "target distinct share": 1,
        "mean absolute skew": np.abs(stats.skew(inputs)).mean(),
        "mean log kurtosis": np.log1p(stats.kurtosis(inputs, fisher=False)).mean(),
        "correlation of features": np.sqrt((between[~np.eye(5, dtype=bool)] ** 2).mean()),
        "first component share": np.linalg.eigvalsh(between)[-1] / 5,
        "mean correlation with target": with_target.mean(),
        "largest correlation with target": with_target.max(),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_with_more_features_than_rows_the_correlations_are_the_same_quantities() -> None:
    batch = regression(n_rows=6, n_features=9)
    between = np.corrcoef(np.asarray(batch.inputs), rowvar=False)
    found = task_features(TASKS["regression"], batch).by_name()
    assert found["correlation of features"] == pytest.approx(
        np.sqrt((between[~np.eye(9, dtype=bool)] ** 2).mean())
    )
    assert found["first component share"] == pytest.approx(np.linalg.eigvalsh(between)[-1] / 9)


def test_a_feature_correlates_with_classes_as_its_variance_between_them() -> None:
    batch = classes()
    inputs, target = np.asarray(batch.inputs), batch.targets["y"].numpy()
    groups = [inputs[target == k] for k in range(3)]
    f = stats.f_oneway(*groups).statistic  # eta squared = f d1 / (f d1 + d2)
    ratio = np.sqrt(f * 2 / (f * 2 + 40 - 3))
    found = task_features(TASKS["multiclass"], batch).by_name()
    assert found["mean correlation with target"] == pytest.approx(ratio.mean())
    assert found["largest correlation with target"] == pytest.approx(ratio.max())


def refitted(inputs: np.ndarray, outputs: np.ndarray, *, is_classes: bool) -> dict[str, float]:
    """Leave out one row after the other and fit scikit-learn's models anew."""
    n_rows = len(inputs)
    label = outputs.argmax(1)
    half = (outputs[:, 0] > np.median(outputs[:, 0])).astype(int)
    group = label if is_classes else half
    answers: dict[str, list[np.ndarray]] = {}
    for row in range(n_rows):
        rest = np.arange(n_rows) != row
        x, y, one = inputs[rest], outputs[rest], inputs[row : row + 1]
        nearest = NearestCentroid().fit(x, group[rest]).predict(one)[0]
        found = {
            "constant error": y.mean(0),
            "nearest mean error": y[group[rest] == nearest].mean(0),
            "ridge error": Ridge(alpha=0.01 * n_rows).fit(x, y).predict(one)[0],
            "strong ridge error": Ridge(alpha=n_rows).fit(x, y).predict(one)[0],
            "neighbour error": y[NearestNeighbors(n_neighbors=1).fit(x).kneighbors(one)[1][0, 0]],
        }
        for name, answer in found.items():
            answers.setdefault(name, []).append(np.atleast_1d(answer))
    if is_classes:
        return {name: float((np.array(a).argmax(1) != label).mean()) for name, a in answers.items()}
    scale = outputs.std()
    return {
        name: float(np.sqrt(((np.array(a) - outputs) ** 2).mean()) / scale) for name, a in answers.items()
    }


def test_landmarkers_are_what_refitting_without_each_row_gives() -> None:
    for batch, is_classes in ((regression(), False), (classes(), True)):
        inputs = stats.zscore(np.asarray(batch.inputs))
        target = batch.targets["y"].numpy()
        outputs = np.eye(3)[target] if is_classes else stats.zscore(target)[:, None]
        expected = refitted(inputs, outputs, is_classes=is_classes)
        assert landmarkers(inputs, outputs, classes=is_classes) == pytest.approx(expected)
        assert len({round(error, 6) for error in expected.values()}) > 2


def test_rows_above_the_median_are_a_half_where_most_are_at_it() -> None:
    target = stats.zscore([0.0, 0.0, 0.0, 0.0, 1.0, 1.0])[:, None]
    found = landmarkers(target, target, classes=False)
    assert found["nearest mean error"] == pytest.approx(0)


def test_a_class_of_one_row_is_always_answered_wrongly_without_it() -> None:
    inputs = stats.zscore([[-1.0], [-1.1], [9.0]])
    found = landmarkers(inputs, np.eye(2)[[0, 0, 1]], classes=True)
    assert found == pytest.approx(dict.fromkeys(found, 1 / 3))


@pytest.mark.parametrize(
    ("task", "batch", "message"),
    [
        (
            Task(name="y", kind="multilabel", n_outputs=2),
            Batch(inputs=torch.zeros(2, 1), targets={"y": torch.zeros(2, 2)}),
            "multilabel task with 2 outputs.*a task of each output",
        ),
        (
            TASKS["regression"],
            Batch(inputs=torch.zeros(2, 1, 3), targets={"y": torch.zeros(2)}),
            r"need inputs \[row, feature\], got \(2, 1, 3\)",
        ),
        (
            TASKS["regression"],
            Batch(inputs={"x": torch.zeros(2, 1)}, targets={"y": torch.zeros(2)}),
            "got a mapping",
        ),
        (TASKS["regression"], Batch(inputs=torch.zeros(2, 1)), "no label of task 'y'"),
        (
            TASKS["regression"],
            Batch(inputs=torch.tensor([[0.0, math.inf]]), targets={"y": torch.zeros(1)}),
            r"infinite in columns \[1\].*NaN",
        ),
        (
            TASKS["regression"],
            Batch(inputs=torch.zeros(1, 1), targets={"y": torch.tensor([math.nan])}),
            "nan of task 'y' is not a finite number; mask",
        ),
        (
            TASKS["multiclass"],
            Batch(inputs=torch.zeros(1, 1), targets={"y": torch.tensor([3])}),
            "3.0 of task 'y' is not 0 to 2",
        ),
    ],
)
def test_what_cannot_be_described_is_refused_with_a_remedy(task: Task, batch: Batch, message: str) -> None:
    with pytest.raises(InputError, match=message):
        task_features(task, batch)


def test_a_record_has_one_number_a_name() -> None:
    with pytest.raises(InputError, match=r"shape \(2,\).*got \(3,\)"):
        TaskFeatures(names=("a", "b"), values=torch.zeros(3))

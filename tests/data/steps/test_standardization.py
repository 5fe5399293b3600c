import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.core import Batch, DataError, InputError, Task, generator
from polytask.data.steps.standardization import Standardization

Y = Task(name="y", kind="regression")
Z = Task(name="z", kind="regression", n_outputs=2)
SEX = Task(name="sex", kind="binary")


def random_batch(seed: int, n_rows: int = 12) -> Batch:
    draw = generator(seed, "batch")
    return Batch(
        inputs=torch.randn(n_rows, 3, generator=draw) * 5 + 2,
        targets={
            "y": torch.randn(n_rows, generator=draw) * 3 - 7,
            "z": torch.randn(n_rows, 2, generator=draw) * 3 - 7,
            "sex": torch.randint(2, (n_rows,), generator=draw).float(),
        },
    )


def as_array(batch: Batch) -> np.ndarray:
    assert isinstance(batch.inputs, torch.Tensor)
    return batch.inputs.numpy()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000))
def test_it_agrees_with_numpy_on_other_rows(seed):
    train, other = random_batch(seed), random_batch(seed + 1)
    applied = Standardization.fit([Y, Z, SEX], train).apply(other)
    reference = (as_array(other) - as_array(train).mean(0)) / as_array(train).std(0)
    np.testing.assert_allclose(as_array(applied), reference, atol=1e-4)
    before, after = train.targets["z"].numpy(), other.targets["z"].numpy()
    reference = (after - before.mean(0)) / before.std(0)
    np.testing.assert_allclose(applied.targets["z"].numpy(), reference, atol=1e-4)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000))
def test_restore_undoes_apply(seed):
    batch = random_batch(seed)
    fitted = Standardization.fit([Y, Z], batch)
    applied = fitted.apply(batch)
    for name in ("y", "z"):
        torch.testing.assert_close(fitted.restore(name, applied.targets[name]), batch.targets[name])


def test_classes_stay_as_they_are():
    batch = random_batch(0)
    assert torch.equal(
        Standardization.fit([Y, Z, SEX], batch).apply(batch).targets["sex"], batch.targets["sex"]
    )


def test_a_masked_label_counts_neither_in_the_mean_nor_afterwards():
    batch = Batch(
        inputs=torch.zeros(4, 1),
        targets={"y": torch.tensor([1.0, 3.0, torch.nan, 1000.0])},
        masks={"y": torch.tensor([True, True, False, False])},
    )
    assert Standardization.fit([Y], batch).apply(batch).targets["y"].tolist() == [-1, 1, 0, 0]


def test_one_mask_can_cover_several_outputs():
    batch = Batch(
        inputs=torch.zeros(3, 1),
        targets={"z": torch.tensor([[1.0, 10.0], [3.0, 30.0], [torch.nan, torch.nan]])},
        masks={"z": torch.tensor([True, True, False])},
    )
    applied = Standardization.fit([Z], batch).apply(batch)
    assert applied.targets["z"].tolist() == [[-1, -1], [1, 1], [0, 0]]


def test_together_one_mean_and_scale_serve_all_tasks():
    tasks = [Task(name=name, kind="regression") for name in "ab"]
    batch = Batch(
        inputs=torch.zeros(4, 1),
        targets=dict.fromkeys("ab", torch.tensor([0.0, 2.0, 10.0, 12.0])),
        masks={
            "a": torch.tensor([True, True, False, False]),
            "b": torch.tensor([False, False, True, True]),
        },
    )
    fitted = Standardization.fit(tasks, batch, together=True)
    deviation = 26.0**0.5  # of 0, 2, 10, 12 around 6
    assert [float(value) for value in fitted.targets["a"]] == pytest.approx([6, deviation])
    assert fitted.targets["a"] == fitted.targets["b"]


def test_a_constant_feature_becomes_zero():
    train = Batch(inputs=torch.full((5, 1), 0.1), targets={"y": torch.arange(5.0)})
    applied = Standardization.fit([Y], train).apply(train)
    assert as_array(applied).tolist() == [[0]] * 5


def test_a_value_missing_in_test_rows_alone_becomes_the_mean_without_an_indicator():
    train = Batch(inputs=torch.tensor([[1.0], [3.0]]))
    other = Batch(inputs=torch.tensor([[torch.nan], [4.0]]))
    assert as_array(Standardization.fit([], train).apply(other)).tolist() == [[0], [2]]


def test_an_infinite_input_is_refused():
    with pytest.raises(DataError, match="infinite values; correct"):
        Standardization.fit([], Batch(inputs=torch.tensor([[torch.inf], [1.0]])))


def test_a_label_that_is_nan_is_refused():
    with pytest.raises(DataError, match="'y' has labels that are NaN or infinite"):
        Standardization.fit(
            [Y], Batch(inputs=torch.zeros(2, 1), targets={"y": torch.tensor([1.0, torch.nan])})
        )


def test_a_task_without_label_is_refused():
    with pytest.raises(DataError, match="no label of 'y'"):
        Standardization.fit([Y], Batch(inputs=torch.zeros(2, 1)))


def test_inputs_that_are_no_matrix_are_refused():
    with pytest.raises(InputError, match=r"one float tensor \[example, feature\]"):
        Standardization.fit([], Batch(inputs=torch.zeros(2, 1, 4, 4)))


def test_another_number_of_features_is_refused():
    fitted = Standardization.fit([], Batch(inputs=torch.rand(4, 3)))
    with pytest.raises(InputError, match="have 2 features, but 3"):
        fitted.apply(Batch(inputs=torch.rand(4, 2)))


def test_restoring_an_unknown_task_names_the_known_ones():
    fitted = Standardization.fit([Y], random_batch(0))
    with pytest.raises(InputError, match="'sex' was standardized; there is y"):
        fitted.restore("sex", torch.zeros(1))

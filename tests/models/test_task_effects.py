"""The prior of tasks: what corrections are linear in, and what a bundle keeps of it."""

import pytest
import torch

from polytask.core import InputError
from polytask.models.task_effects import EffectFeatures, NoiseModel, TaskPrior


def prior(rank: int = 2) -> TaskPrior:
    values = torch.arange(1.0, 4.0, dtype=torch.float64)
    features = EffectFeatures(columns=(0, 2), scaled=True, centre=values, scale=values)
    draw = torch.Generator().manual_seed(0)
    return TaskPrior(
        features=features,
        mean=torch.randn(1, 4, generator=draw, dtype=torch.float64),
        factor=torch.randn(4, rank, generator=draw, dtype=torch.float64),
        noise=NoiseModel(weights=torch.zeros(5, dtype=torch.float64), low=-1, high=1),
    )


def test_features_are_one_the_pooled_prediction_and_columns_standardized():
    found = prior().features(torch.tensor([[4.0, 9.0, 9.0]]), torch.tensor([[3.0]]))
    assert found.tolist() == [[[1.0, 2.0, 1.0, 2.0]]]


def test_an_outlier_moves_no_feature_farther_than_ten_deviations():
    found = prior().features(torch.tensor([[1e30, 0.0, -1e30]]), torch.tensor([[1.0]]))
    assert found[0, 0, 2:].tolist() == [10.0, -10.0]


def test_what_is_written_is_read_again():
    one = prior()
    again = TaskPrior.read(one.to_json(), one.tensors())
    inputs, outputs = torch.rand(3, 3), torch.rand(3, 1)
    features = one.features(inputs, outputs)
    assert torch.equal(features, again.features(inputs, outputs))
    assert torch.equal(one.directions(features), again.directions(features))
    assert torch.equal(one.variance(inputs, outputs), again.variance(inputs, outputs))


def test_the_main_directions_are_kept_where_there_is_room_for_few():
    one = prior(rank=4)
    assert torch.equal(one.within(9).factor, one.factor[:, 1:])
    assert one.within(10**6).rank == 4 and one.within(0).rank == 1


def test_the_variance_stays_in_the_range_that_was_seen():
    noise = NoiseModel(weights=torch.tensor([0.0, 100.0, 0.0], dtype=torch.float64), low=-1, high=2)
    described = torch.tensor([[1.0, -5.0, 25.0], [1.0, 5.0, 25.0]], dtype=torch.float64)
    assert noise(described).log().tolist() == pytest.approx([-1, 2])


@pytest.mark.parametrize(
    ("change", "message"),
    [({"mean": torch.zeros(1, 3)}, "other sizes"), ({"factor": torch.zeros(5, 2)}, "other sizes")],
)
def test_sizes_that_do_not_fit_are_refused(change, message):
    one = prior()
    parts = {"features": one.features, "mean": one.mean, "factor": one.factor, "noise": one.noise}
    with pytest.raises(InputError, match=message):
        TaskPrior(**(parts | change))


def test_a_damaged_description_is_refused():
    one = prior()
    tensors = one.tensors()
    del tensors["factor"]
    with pytest.raises(InputError, match="lacks factor"):
        TaskPrior.read(one.to_json(), tensors)
    with pytest.raises(InputError, match="out of range"):
        TaskPrior.read(one.to_json(), one.tensors() | {"scale": torch.zeros(3, dtype=torch.float64)})

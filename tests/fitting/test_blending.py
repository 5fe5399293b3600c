"""How models are weighed by held-out rows, and that no row weighs those that it judges."""

import math

import pytest
import torch

from polytask.core import Batch, Task
from polytask.data.tables.folds import Fold, folds_of_rows
from polytask.evaluate.skill import row_losses
from polytask.fitting.blending import _Errors, blend
from polytask.fitting.stacked_stopping import PRIOR_LABELS
from polytask.models.network_stack import weighted_prediction

Y, K = Task(name="y", kind="regression"), Task(name="k", kind="binary")
FOLDS = folds_of_rows(40, n_folds=4, seed=0)


def rows(known: torch.Tensor | None = None) -> Batch:
    draw = torch.Generator().manual_seed(0)
    targets = {"y": torch.randn(40, generator=draw), "k": torch.randint(0, 2, (40,), generator=draw).float()}
    mask = torch.ones(40, dtype=torch.bool) if known is None else known
    return Batch(inputs=torch.zeros(40, 1), targets=targets, masks={"y": mask, "k": mask})


def candidate(y_noise: float, k_noise: float, seed: int) -> dict[str, torch.Tensor]:
    """Predictions that are right but for some noise."""
    draw = torch.Generator().manual_seed(seed)
    data = rows()
    y = data.targets["y"][:, None] + y_noise * torch.randn(40, 1, generator=draw)
    return {
        "y": y,
        "k": 4 * (data.targets["k"][:, None] - 0.5) + k_noise * torch.randn(40, 1, generator=draw),
    }


def test_each_target_takes_the_model_that_is_better_for_it() -> None:
    models = [candidate(0.01, 9.0, 1), candidate(3.0, 0.01, 2)]
    found = blend([Y, K], rows(), models, FOLDS, together=False)
    assert found.weights["y"][0] > 0.9 and found.weights["k"][1] > 0.9
    for name, shares in found.weights.items():
        assert sum(shares) == pytest.approx(1) and min(shares) >= 0, name


def test_few_labels_take_most_of_their_weights_from_all_targets_together() -> None:
    """For y, with 40 labels, the first model is far better; for k, with 3, the second is by luck."""
    known = torch.arange(40) < 3
    data = rows()
    data = Batch(inputs=data.inputs, targets=data.targets, masks={**data.masks, "k": known})
    models = [candidate(0.01, 1.0, 1), candidate(9.0, 0.9, 2)]
    alone = blend([Y, K], data, models, FOLDS, together=False).weights
    found = blend([Y, K], data, models, FOLDS).weights
    assert alone["k"][1] > 0.9 and found["k"][0] > 0.8
    shared = (found["y"][0] * (40 + PRIOR_LABELS) - 40 * alone["y"][0]) / PRIOR_LABELS
    assert found["k"][0] == pytest.approx((3 * alone["k"][0] + PRIOR_LABELS * shared) / (3 + PRIOR_LABELS))


def test_the_loss_of_an_average_is_that_of_its_predictions() -> None:
    """The closed form against averaged predictions, for numbers, two classes and three."""
    draw = torch.Generator().manual_seed(1)
    tasks = [Y, K, Task(name="c", kind="multiclass", n_outputs=3)]
    targets = {**rows().targets, "c": torch.randint(0, 3, (40,), generator=draw)}
    data = Batch(inputs=torch.zeros(40, 1), targets=targets, masks={})
    for task in tasks:
        stacked = torch.randn(3, 40, task.n_outputs, generator=draw)
        shares = torch.tensor([0.5, 0.2, 0.3])
        one = Batch(
            inputs=data.inputs,
            targets={task.name: targets[task.name]},
            masks={task.name: torch.ones(40, dtype=torch.bool)},
        )
        wanted = row_losses(task, weighted_prediction(task, stacked, shares).double(), one).mean()
        found = _Errors.of(task, stacked, one).losses(shares[None].double().numpy())[0]
        assert found == pytest.approx(float(wanted), rel=1e-5), task.kind


def test_errors_that_cancel_are_averaged() -> None:
    truth = rows().targets["y"][:, None]
    found = blend([Y], rows(), [{"y": truth + 1}, {"y": truth - 1}], FOLDS)
    assert found.weights["y"] == (0.5, 0.5)
    torch.testing.assert_close(found.predictions["y"], truth)


def test_one_model_has_all_the_weight() -> None:
    alone = candidate(1.0, 1.0, 1)
    found = blend([Y, K], rows(), [alone], FOLDS)
    assert found.weights == {"y": (1.0,), "k": (1.0,)}
    torch.testing.assert_close(found.predictions["y"], alone["y"])


def test_labels_of_a_fold_do_not_weigh_the_models_that_predict_it() -> None:
    models = [candidate(0.5, 3.0, 1), candidate(1.0, 2.0, 2), candidate(2.0, 1.0, 3)]
    held_out = torch.from_numpy(FOLDS[1].held_out)
    data = rows()
    for values in data.targets.values():
        values[held_out] = 1 - values[held_out]
    before, after = blend([Y, K], rows(), models, FOLDS), blend([Y, K], data, models, FOLDS)
    for name, values in before.predictions.items():
        assert torch.equal(values[held_out], after.predictions[name][held_out])
    assert before.weights != after.weights


def test_missing_labels_and_rows_that_were_not_judged_count_for_nothing() -> None:
    known = torch.arange(40) % 3 > 0
    models = [candidate(0.5, 1.0, 1), candidate(1.0, 2.0, 2)]
    data = rows(known)
    for values in data.targets.values():
        values[~known] = 77.0
    assert blend([Y], data, models, FOLDS).weights == blend([Y], rows(known), models, FOLDS).weights
    for model in models:
        model["y"][:5] = math.nan
    judged = Fold(train=torch.arange(5).numpy(), held_out=torch.arange(5, 40).numpy())
    found = blend([Y], rows(), models, [judged])
    assert found.predictions["y"][:5].isnan().all() and found.predictions["y"][5:].isfinite().all()
    assert sum(found.weights["y"]) == pytest.approx(1)


def test_without_any_label_all_models_count_alike() -> None:
    nothing = torch.zeros(40, dtype=torch.bool)
    assert blend([Y], rows(nothing), [candidate(1, 1, 1), candidate(1, 1, 2)], FOLDS).weights["y"] == (
        0.5,
        0.5,
    )

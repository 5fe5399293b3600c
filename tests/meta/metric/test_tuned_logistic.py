"""TunedLogistic: against scikit-learn's logistic regression; classes without a row; gradients; messages."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from polytask.checks import check_learner
from polytask.core import Batch, Episode, InputError, Task, generator
from polytask.execution import check_meta_gradient
from polytask.meta.metric import TunedLogistic
from polytask.meta.metric.tuned_logistic import multinomial_weights

FIVE = Task(name="y", kind="multiclass", n_outputs=5)


def points(n_rows: int, n_inputs: int, *path: str | int) -> Tensor:
    return torch.randn(n_rows, n_inputs, generator=generator(0, *path), dtype=torch.float64)


def known(n_rows: int, n_inputs: int, classes: tuple[int, ...] = (0, 1, 3)) -> Batch:
    codes = torch.tensor(classes)[torch.arange(n_rows) % len(classes)]
    x = points(n_rows, n_inputs, n_rows) + codes[:, None] * torch.linspace(-0.4, 0.5, n_inputs)
    return Batch(inputs=x, targets={"y": codes})


@pytest.mark.parametrize(("n_rows", "n_inputs", "penalty"), [(40, 3, 1.0), (12, 30, 0.3), (60, 2, 0.02)])
def test_without_training_it_is_the_logistic_regression_of_an_independent_solver(n_rows, n_inputs, penalty):
    support, asked = known(n_rows, n_inputs), points(20, n_inputs, "asked")
    learner = TunedLogistic(n_inputs, penalty=penalty).double()
    ours = learner.adapt([FIVE], support)(asked)["y"].softmax(1).detach().numpy()
    x, new = (np.c_[rows.numpy(), np.ones(len(rows))] for rows in (support.inputs, asked))
    model = LogisticRegression(C=1 / penalty, fit_intercept=False, tol=1e-9, max_iter=5000)
    found = model.fit(x, support.targets["y"].numpy()).predict_proba(new)
    np.testing.assert_allclose(ours[:, [0, 1, 3]], found, atol=1e-4)
    assert (ours[:, [2, 4]] == 0).all()


def test_scale_penalty_and_sharpness_are_those_of_the_inputs_the_solver_and_the_answer():
    support, asked = known(30, 2), points(9, 2, "asked")
    learner = TunedLogistic(2, pace=2.0).double()
    learner.load_state_dict(
        {
            "scale": torch.tensor([2.0, 0.5, 3.0]).log() / 2,
            "ridge": torch.tensor(0.25).log() / 2,
            "sharpness": torch.tensor(1.5).log() / 2,
        }
    )
    ours = learner.adapt([FIVE], support)(asked)["y"][:, [0, 1, 3]].log_softmax(1).detach().numpy()
    x, new = (np.c_[rows.numpy() * [2.0, 0.5], np.full(len(rows), 3.0)] for rows in (support.inputs, asked))
    model = LogisticRegression(C=4.0, fit_intercept=False, tol=1e-9, max_iter=5000)
    logits = 1.5 * model.fit(x, support.targets["y"].numpy()).decision_function(new)
    np.testing.assert_allclose(ours, torch.from_numpy(logits).log_softmax(1), atol=1e-4)


def test_a_class_that_is_shown_alone_is_certain_and_one_without_a_row_impossible():
    support = Batch(inputs=points(3, 2), targets={"y": torch.tensor([3, 3, 3])})
    shares = TunedLogistic(2).double().adapt([FIVE], support)(points(4, 2, "asked"))["y"].softmax(1)
    assert shares.tolist() == [[0.0, 0.0, 0.0, 1.0, 0.0]] * 4


@pytest.mark.parametrize("n_inputs", [2, 40])
def test_rows_without_a_label_and_the_numbers_of_classes_have_no_say(n_inputs):
    whole, asked = known(14, n_inputs), points(6, n_inputs, "asked")
    learner = TunedLogistic(n_inputs).double()
    expected = learner.adapt([FIVE], whole.rows(slice(9)))(asked)["y"].softmax(1)
    masked = Batch(
        inputs=whole.inputs,
        targets={"y": torch.where(torch.arange(14) < 9, whole.targets["y"], 99)},
        masks={"y": torch.arange(14) < 9},
    )
    torch.testing.assert_close(learner.adapt([FIVE], masked)(asked)["y"].softmax(1), expected)
    places = torch.tensor([4, 0, 1, 2, 3])
    renamed = Batch(inputs=whole.inputs[:9], targets={"y": places[whole.targets["y"][:9]]})
    torch.testing.assert_close(learner.adapt([FIVE], renamed)(asked)["y"].softmax(1)[:, places], expected)


def test_steps_that_would_overshoot_are_shortened():
    x = 60 * points(40, 2, "wide")
    y = torch.nn.functional.one_hot(torch.arange(40) % 3, 3).double()
    found = multinomial_weights(x, y, torch.ones(40, dtype=torch.bool), n_steps=12)
    torch.testing.assert_close(found, x.T @ (y - (x @ found).softmax(1)), atol=1e-5, rtol=1e-5)


def test_both_forms_of_the_solver_find_the_same_weights():
    x = torch.cat(
        [points(9, 4, "x"), torch.zeros(9, 40, dtype=torch.float64)], 1
    )  # as many inputs as make it dual
    y = torch.nn.functional.one_hot(torch.arange(9) % 3, 4).double()
    there = torch.ones(9, dtype=torch.bool)
    dual, primal = (multinomial_weights(one, y, there, n_steps=9) for one in (x, x[:, :4]))
    torch.testing.assert_close(dual[:4], primal)


def episodes(n_inputs: int) -> list[Episode]:
    asked = [known(7, n_inputs, (0, 1, 3)), known(8, n_inputs, (3, 0))]
    return [
        Episode(tasks=(FIVE,), support=known(12, n_inputs, classes), query=query).to("cpu", torch.float32)
        for query, classes in zip(asked, [(0, 1, 3), (0, 3)], strict=True)
    ]


@pytest.mark.parametrize("n_inputs", [2, 20])
def test_the_contract_is_kept_and_the_gradient_is_that_of_finite_differences(n_inputs):
    check_learner(TunedLogistic(n_inputs), episodes(n_inputs))
    check_meta_gradient(TunedLogistic(n_inputs, penalty=0.5, n_steps=6), episodes(n_inputs)).raise_if_wrong()


def test_the_gradient_is_finite_where_classes_are_certain():
    learner = TunedLogistic(1, penalty=1e-4)
    support = Batch(inputs=torch.tensor([[-90.0], [-80.0], [70.0]]), targets={"y": torch.tensor([0, 0, 1])})
    learner([FIVE], support, support).backward()
    assert all(torch.isfinite(one.grad).all() for one in learner.parameters() if one.grad is not None)


def test_what_it_cannot_be_or_learn_is_refused():
    with pytest.raises(InputError, match=r"`n_inputs` must be at least 1, got 0; `penalty` must be above 0"):
        TunedLogistic(0, penalty=0.0)
    with pytest.raises(InputError, match=r"Inputs must be a tensor \[batch, 2\], got \(3, 4\)"):
        TunedLogistic(2).adapt([FIVE], Batch(inputs=torch.zeros(3, 4), targets={"y": torch.arange(3)}))
    number = Task(name="y", kind="regression")
    with pytest.raises(
        InputError, match="TunedLogistic answers multiclass and binary tasks, but 'y' is regr"
    ):
        TunedLogistic(2).adapt([number], Batch(inputs=torch.zeros(3, 2), targets={"y": torch.zeros(3)}))

"""FEAT: against an independent numpy transformer, symmetry, contract, gradients and messages."""

import numpy as np
import pytest
import torch
from torch import nn

from polytask.checks import check_learner
from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.execution import check_meta_gradient
from polytask.meta import mlp
from polytask.meta.metric.feat import FEAT, SetTransformer

CAT = Task(name="cat", kind="multiclass", n_outputs=3)


def points(n_rows: int, *path: str | int) -> Batch:
    x = torch.randn(n_rows, 5, generator=generator(0, *path))
    return Batch(inputs=x, targets={"cat": torch.arange(n_rows) % 3})


def feat(encoder: nn.Module | None = None, n_features: int = 5, **arguments) -> FEAT:
    with seeded(0):
        return FEAT(encoder or nn.Identity(), n_features, **arguments)


def small(**arguments) -> FEAT:
    with seeded(1):
        return feat(mlp([5, 6, 4], nn.Tanh), 4, temperature=2.0, **arguments)


def adapted(block: SetTransformer, rows: np.ndarray) -> np.ndarray:
    """Apply the block in evaluation mode, in numpy."""
    weights = {name: value.detach().double().numpy() for name, value in block.state_dict().items()}
    q, k, v = (rows @ weights[f"to_{part}.weight"].T for part in ("queries", "keys", "values"))
    scores = np.exp(q @ k.T / np.sqrt(rows.shape[1]))
    mixed = scores / scores.sum(1, keepdims=True) @ v
    z = rows + mixed @ weights["to_outputs.weight"].T + weights["to_outputs.bias"]
    return (z - z.mean(1, keepdims=True)) / np.sqrt(z.var(1, keepdims=True) + 1e-5)


def test_logits_are_those_of_the_formula() -> None:
    learner, support, query = feat(), points(6), points(4, "q").inputs
    means = np.stack([support.inputs[k::3].double().numpy().mean(0) for k in range(3)])
    prototypes = adapted(learner.adaptation, means)
    expected = -((query.double().numpy()[:, None] - prototypes[None]) ** 2).sum(2) / 64
    found = learner.adapt([CAT], support)(query)["cat"].detach()
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_the_contrast_is_that_of_the_formula() -> None:
    learner, support, query = feat(contrast=0.5, temperature=3.0).eval(), points(6), points(9, "q")
    plain = feat(temperature=3.0).eval()
    rows = torch.cat([support.inputs, query.inputs]).double().numpy()
    labels = torch.cat([support.targets["cat"], query.targets["cat"]]).numpy()
    centres = np.stack([adapted(learner.adaptation, rows[labels == k]).mean(0) for k in range(3)])
    logits = -((rows[:, None] - centres[None]) ** 2).sum(2) / 3
    scores = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = -scores[np.arange(15), labels].mean()
    found = learner([CAT], support, query) - plain([CAT], support, query)
    assert float(found.detach()) == pytest.approx(0.5 * expected, abs=1e-5)


def test_classes_may_come_in_any_order() -> None:
    learner, support, query = feat(), points(6), points(4, "q").inputs
    order = torch.tensor([2, 0, 1])
    renamed = Batch(inputs=support.inputs, targets={"cat": order.argsort()[support.targets["cat"]]})
    expected = learner.adapt([CAT], support)(query)["cat"][:, order]
    torch.testing.assert_close(learner.adapt([CAT], renamed)(query)["cat"], expected)


def test_a_group_sees_its_own_rows_only() -> None:
    with seeded(0):
        block = SetTransformer(5).eval()
    rows, groups = points(6).inputs, torch.arange(6) % 2 == torch.arange(2).unsqueeze(1)
    found = block(rows, groups)
    torch.testing.assert_close(found[1, 1::2], block(rows[1::2]))


def test_rows_without_label_do_not_enter_the_contrast() -> None:
    learner, support, whole = small(contrast=1.0).eval(), points(6), points(9, "q")
    mask = torch.arange(9) < 6
    hidden = Batch(
        inputs=whole.inputs, targets={"cat": torch.where(mask, whole.targets["cat"], 1)}, masks={"cat": mask}
    )
    expected = learner([CAT], support, whole.rows(slice(6)))
    torch.testing.assert_close(learner([CAT], support, hidden), expected)


def episodes() -> list[Episode]:
    return [Episode(tasks=(CAT,), support=points(6, i, "s"), query=points(9, i, "q")) for i in range(2)]


@pytest.mark.parametrize("contrast", [0.0, 0.3])
def test_the_contract_of_a_learner_is_kept(contrast: float) -> None:
    check_learner(small(contrast=contrast), episodes())


@pytest.mark.parametrize("contrast", [0.0, 0.3])
def test_the_meta_gradient_is_right_in_loop_and_vmap(contrast: float) -> None:
    check_meta_gradient(small(contrast=contrast), episodes()).raise_if_wrong()


def test_dropout_works_in_training_only() -> None:
    learner = feat(dropout=0.5)
    with seeded(0):
        first, second = (learner.learn([CAT], points(6))["cat"]["prototypes"] for _ in range(2))
    assert not torch.equal(first, second)
    state = learner.adapt([CAT], points(6)).state["cat"]["prototypes"]
    assert torch.equal(state, learner.adapt([CAT], points(6)).state["cat"]["prototypes"])


def test_all_wrong_arguments_are_named_at_once() -> None:
    expected = (
        "`n_features` must be at least 1, got 0; `temperature` must be above 0, got 0; `contrast` must be 0 "
        "or more, got -1; `dropout` must be at least 0 and below 1, got 1"
    )
    with pytest.raises(InputError, match=expected):
        FEAT(nn.Identity(), 0, temperature=0, contrast=-1, dropout=1)


def test_a_class_without_support_is_an_error_with_a_contrast_too() -> None:
    with pytest.raises(InputError, match="needs an example of every class, but 2 have none"):
        small(contrast=1.0)([CAT], points(2), points(6))

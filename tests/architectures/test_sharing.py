"""Ways of sharing do what their equations say."""

import pytest
import torch
from torch import nn

from polytask.architectures import HardSharing, Sluice, SoftSharing, TraceNormSharing, table_trunk
from polytask.core import Batch, Episode, InputError, SharedModel, Task, private_parameters, shared_parameters


def test_hard_sharing_encodes_once():
    calls = []
    trunk = nn.Linear(3, 2)
    trunk.register_forward_hook(lambda *_: calls.append(1))
    represented = HardSharing(trunk)(torch.zeros(4, 3), ["a", "b", "c"])
    assert len(calls) == 1 and set(represented.by_task) == {"a", "b", "c"} and represented.penalty is None


def test_a_table_trunk_is_layers_with_relu_and_dropout():
    torch.manual_seed(0)
    trunk, rows = table_trunk(3, [50, 40], dropout=0.5), torch.randn(4, 3)
    first, second = (layer for layer in trunk if isinstance(layer, nn.Linear))
    torch.testing.assert_close(trunk.eval()(rows), second(first(rows).relu()).relu())
    dropped = trunk.train()(rows[:1].expand(2000, -1))
    assert float((dropped == 0).double().mean(0).min()) > 0.4 and not torch.equal(dropped[0], dropped[1])


def soft(strength: float = 0.6) -> SoftSharing:
    sharing = SoftSharing(["a", "b", "c"], lambda: nn.Linear(2, 1, bias=False), strength=strength)
    for name, weight in {"a": [0.0, 0.0], "b": [3.0, 4.0], "c": [0.0, 1.0]}.items():
        sharing.trunks[name].weight.data.copy_(torch.tensor([weight]))
    return sharing


def test_the_soft_penalty_is_the_summed_squared_distance():
    penalty = soft()(torch.zeros(1, 2), ["a"]).penalty
    assert penalty.item() == pytest.approx(0.6 / 2 * (25 + 1 + (9 + 9)))


def test_the_soft_penalty_pulls_each_trunk_to_the_others():
    sharing = soft()
    sharing(torch.zeros(1, 2), ["a"]).penalty.backward()
    expected = (
        0.6 / 2 * 2 * (torch.tensor([0.0, 0.0]) * 2 - torch.tensor([3.0, 4.0]) - torch.tensor([0.0, 1.0]))
    )
    torch.testing.assert_close(sharing.trunks["a"].weight.grad[0], expected)


@pytest.mark.parametrize(
    "build",
    [
        soft,
        lambda: TraceNormSharing(list("abc"), lambda: nn.Linear(2, 1)),
        lambda: Sluice(list("abc"), [lambda: nn.Linear(2, 2)], n_subspaces=2),
    ],
    ids=["soft", "trace norm", "sluice"],
)
def test_a_penalty_is_part_of_training_and_of_no_evaluation(build):
    tasks = [Task(name=name, kind="regression") for name in "abc"]
    sharing = build()
    width = sharing(torch.zeros(1, 2), ["a"]).by_task["a"].shape[1]
    model = SharedModel(tasks, sharing, {name: nn.Linear(width, 1) for name in "abc"})
    query = Batch(inputs=torch.ones(3, 2), targets={name: torch.ones(3) for name in "abc"})
    step = [Episode(tasks=tuple(tasks), query=query)]
    trained, evaluated = model.train().objectives(step), model.eval().objectives(step)
    assert trained.penalty is not None
    assert trained.total().item() > trained.values.sum().item()
    assert evaluated.penalty is None and torch.equal(evaluated.values, trained.values)


def test_soft_trunks_start_equal_and_are_private():
    sharing = SoftSharing(["a", "b"], lambda: table_trunk(3, [4]))
    for left, right in zip(sharing.trunks["a"].parameters(), sharing.trunks["b"].parameters(), strict=True):
        assert torch.equal(left, right) and left is not right
    assert shared_parameters(sharing) == [] and set(private_parameters(sharing)) == {"a", "b"}


def test_strength_zero_means_separate_models():
    assert soft(0.0)(torch.zeros(1, 2), ["a"]).penalty is None
    with pytest.raises(InputError, match="`strength` must be 0 or more"):
        SoftSharing(["a"], lambda: nn.Linear(1, 1), strength=-1)

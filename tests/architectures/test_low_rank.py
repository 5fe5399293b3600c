"""Adapters change a backbone for their own task alone."""

import pytest
import torch
from torch import nn

from polytask.architectures import LowRankAdapters
from polytask.core import (
    Batch,
    Episode,
    InputError,
    SharedModel,
    Task,
    generator,
    private_parameters,
    shared_parameters,
)
from polytask.data import JointSource
from polytask.train import train

NAMES = ["a", "b"]


class Attending(nn.Module):
    """Attention, whose weights are used without a forward pass of their layers."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.attention(inputs, inputs, inputs, need_weights=False)[0].mean(1)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 4))


def cnn() -> nn.Module:
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 4))


def words() -> nn.Module:
    return nn.Sequential(nn.Embedding(20, 6), nn.Flatten(), nn.Linear(30, 4))


DRAW = generator(0, "inputs")
BACKBONES = {
    "mlp": (mlp, torch.randn(5, 3, generator=DRAW)),
    "cnn": (cnn, torch.randn(5, 2, 6, 6, generator=DRAW)),
    "words": (words, torch.randint(0, 20, (5, 5), generator=DRAW)),
    "attention": (Attending, torch.randn(5, 7, 6, generator=DRAW)),
}


def shaken(sharing: LowRankAdapters) -> LowRankAdapters:
    """Give all factors values, as training would."""
    with torch.no_grad():
        for parameter in sharing.adapters.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return sharing


@pytest.mark.parametrize("kind", BACKBONES)
def test_at_the_start_every_task_has_the_backbone(kind):
    build, inputs = BACKBONES[kind]
    backbone = build().eval()
    expected = backbone(inputs)
    represented = LowRankAdapters(NAMES, backbone, rank=2)(inputs, NAMES)
    for name in NAMES:
        torch.testing.assert_close(represented.by_task[name], expected)


@pytest.mark.parametrize("kind", BACKBONES)
def test_a_merged_backbone_answers_as_the_adapted_one(kind):
    build, inputs = BACKBONES[kind]
    sharing = shaken(LowRankAdapters(NAMES, build(), rank=2))
    adapted = sharing(inputs, NAMES).by_task
    for name in NAMES:
        torch.testing.assert_close(sharing.merged(name)(inputs), adapted[name])
    assert not torch.allclose(adapted["a"], adapted["b"])


def test_the_change_is_the_scaled_product_of_the_factors():
    backbone = nn.Linear(3, 5)
    sharing = shaken(LowRankAdapters(NAMES, backbone, rank=2, alpha=6.0))
    down, up = sharing.adapters["b"].down[0], sharing.adapters["b"].up[0]
    inputs = torch.randn(4, 3)
    expected = inputs @ (backbone.weight + 3 * up @ down).T + backbone.bias
    torch.testing.assert_close(sharing(inputs, ["b"]).by_task["b"], expected)


def test_a_convolution_is_changed_by_one_to_few_channels_and_one_back():
    backbone = nn.Conv2d(2, 4, 3)
    sharing = shaken(LowRankAdapters(NAMES, backbone, rank=3, alpha=6.0)).double()
    down, up = sharing.adapters["a"].down[0], sharing.adapters["a"].up[0]
    inputs = torch.randn(5, 2, 6, 6, dtype=torch.float64)
    few = nn.functional.conv2d(inputs, down.reshape(3, 2, 3, 3))
    expected = backbone(inputs) + 2 * nn.functional.conv2d(few, up[:, :, None, None])
    torch.testing.assert_close(sharing(inputs, ["a"]).by_task["a"], expected)


@pytest.mark.parametrize("cell", [nn.LSTM, nn.GRU])
def test_recurrent_layers_run_with_the_changed_weights(cell):
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = cell(3, 6, batch_first=True)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.cell(inputs)[0][:, -1]

    sharing, inputs = shaken(LowRankAdapters(NAMES, Last(), rank=2)), torch.randn(5, 4, 3)
    adapted = sharing(inputs, ["a"]).by_task["a"]
    torch.testing.assert_close(sharing.merged("a")(inputs), adapted)
    assert not torch.allclose(adapted, sharing.backbone(inputs))


def test_what_is_frozen_in_a_tuned_backbone_stays_frozen():
    backbone = mlp()
    backbone[0].requires_grad_(False)
    sharing = LowRankAdapters(NAMES, backbone, tune_backbone=True)
    assert list(map(id, shared_parameters(sharing))) == list(map(id, backbone[2].parameters()))


def test_the_rank_is_at_most_the_smaller_side():
    sharing = LowRankAdapters(NAMES, mlp(), rank=100)
    assert [factor.shape[0] for factor in sharing.adapters["a"].down] == [3, 4]


def test_only_targets_are_changed():
    sharing = LowRankAdapters(NAMES, Attending(), rank=2, targets=["*.in_proj_weight"])
    assert list(sharing.weights("a")) == ["attention.in_proj_weight"]


def test_factors_are_private_and_a_tuned_backbone_is_shared():
    frozen, tuned = LowRankAdapters(NAMES, mlp()), LowRankAdapters(NAMES, mlp(), tune_backbone=True)
    assert shared_parameters(frozen) == []
    assert len(shared_parameters(tuned)) == len(list(tuned.backbone.parameters()))
    assert {name: len(own) for name, own in private_parameters(frozen).items()} == {"a": 4, "b": 4}


@pytest.mark.parametrize("tune", [False, True])
def test_training_one_task_leaves_the_other_and_a_frozen_backbone_alone(tune):
    sharing = LowRankAdapters(NAMES, cnn(), tune_backbone=tune)
    tasks = [Task(name=name, kind="regression") for name in NAMES]
    model = SharedModel(tasks, sharing, {name: nn.Linear(4, 1) for name in NAMES})
    before = {key: value.clone() for key, value in model.state_dict().items()}
    inputs = BACKBONES["cnn"][1]
    data = Batch(inputs=inputs, targets={"a": inputs.mean((1, 2, 3))})
    train(model, JointSource(tasks[:1], data, batch_size=5, seed=0), n_steps=5)
    moved = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    assert any("adapters.task:a" in key for key in moved)
    assert not any("task:b" in key for key in moved)
    assert any("backbone" in key for key in moved) == tune


def test_an_objective_reaches_its_own_factors_alone():
    tasks = tuple(Task(name=name, kind="regression") for name in NAMES)
    sharing = shaken(LowRankAdapters(NAMES, mlp()))
    model = SharedModel(tasks, sharing, {name: nn.Linear(4, 1) for name in NAMES})
    data = Batch(inputs=torch.randn(6, 3), targets={name: torch.randn(6) for name in NAMES})
    model.objectives([Episode(tasks=tasks, query=data)]).values[0].backward()
    assert all(p.grad.any() for p in sharing.adapters["a"].parameters())
    assert not any(p.grad.any() for p in sharing.adapters["b"].parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 0}, "`rank` must be an integer of at least 1 .* got 0"),
        ({"rank": 1.5}, "got 1.5"),
        ({"alpha": -1.0}, "got 4 and -1.0"),
        ({"alpha": float("inf")}, "finite, got 4 and inf"),
        (
            {"targets": ["*.query"]},
            r"'\*.query'\] fit no weight of the backbone; it has 0.weight",
        ),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(InputError, match=message):
        LowRankAdapters(NAMES, mlp(), **options)

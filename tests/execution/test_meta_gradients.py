"""The meta-gradient of every kind of network, by every execution, against finite differences in float64."""

import functools
from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor, nn

from polytask.core import Batch, Episode, Task, generator, jacobian, seeded
from polytask.core.learner import TOGETHER, run_loop
from polytask.execution import check_meta_gradient, run_vmap
from polytask.meta.initialization import FOMAML, MAML
from polytask.meta.metric import Prototypes

CLASSES = Task(name="class", kind="multiclass", n_outputs=3)


def images(n_rows: int, *path: str | int) -> Batch:
    draw = generator(0, *path)
    return Batch(
        inputs=torch.randn(n_rows, 2, 6, 6, generator=draw), targets={"class": torch.arange(n_rows) % 3}
    )


def image_episodes(n_episodes: int = 3) -> list[Episode]:
    return [
        Episode(tasks=(CLASSES,), support=images(6, "support", i), query=images(9, "query", i))
        for i in range(n_episodes)
    ]


def seeded_net(*layers: Callable[[], nn.Module]) -> nn.Sequential:
    with seeded(0, "net"):
        net = nn.Sequential(*(layer() for layer in layers))
        for tensor in [*net.parameters(), *net.buffers()]:
            if tensor.is_floating_point() and tensor.min() == tensor.max():
                tensor.data += torch.rand(tensor.shape)  # away from the ones and zeros that norms start with
    return net


def conv_net(norm: Callable[[], nn.Module]) -> nn.Sequential:
    return seeded_net(
        lambda: nn.Conv2d(2, 4, 3, stride=2, padding=1),
        norm,
        nn.Softplus,
        nn.Flatten,
        lambda: nn.Linear(36, 5),
        nn.Tanh,
        lambda: nn.Linear(5, 3),
    )


def batch_norm_mlp() -> nn.Sequential:
    return seeded_net(
        nn.Flatten,
        lambda: nn.Linear(72, 6),
        lambda: nn.BatchNorm1d(6),
        nn.Tanh,
        lambda: nn.LayerNorm(6),
        lambda: nn.Linear(6, 3),
    )


NETS = {
    "linear": lambda: seeded_net(nn.Flatten, lambda: nn.Linear(72, 5), nn.Tanh, lambda: nn.Linear(5, 3)),
    "conv": lambda: conv_net(nn.Identity),
    "batch norm by the batch": lambda: conv_net(functools.partial(nn.BatchNorm2d, 4)),
    "batch norm frozen": lambda: conv_net(functools.partial(nn.BatchNorm2d, 4)),
    "batch norm and layer norm": batch_norm_mlp,
    "layer norm": lambda: conv_net(functools.partial(nn.LayerNorm, [4, 3, 3])),
    "group norm": lambda: conv_net(functools.partial(nn.GroupNorm, 2, 4)),
    "instance norm": lambda: conv_net(functools.partial(nn.InstanceNorm2d, 4, affine=True)),
    "tracked instance norm frozen": lambda: conv_net(
        functools.partial(nn.InstanceNorm2d, 4, affine=True, track_running_stats=True)
    ),
}


@pytest.mark.parametrize("n_steps", [1, 3])
@pytest.mark.parametrize("name", NETS)
def test_every_execution_gives_the_gradient_of_finite_differences(name: str, n_steps: int) -> None:
    policy = "frozen" if "frozen" in name else "batch"
    learner = MAML(NETS[name](), inner_rate=0.2, n_steps=n_steps, normalization=policy)
    report = check_meta_gradient(learner, image_episodes(2), n_directions=1)
    assert report.errors["vmap"] < 1e-10, report
    assert report.finite_difference_error is not None
    assert report.finite_difference_error < 1e-6, report


@pytest.mark.parametrize("name", NETS)
def test_first_order_gradients_agree_between_executions(name: str) -> None:
    policy = "frozen" if "frozen" in name else "batch"
    learner = FOMAML(NETS[name](), inner_rate=0.2, n_steps=3, normalization=policy)
    report = check_meta_gradient(learner, image_episodes(2))
    assert report.errors["vmap"] < 1e-10
    assert report.finite_difference_error is None


def test_missing_labels_are_left_out_alike() -> None:
    def masked(batch: Batch, i: int) -> Batch:
        keep = torch.rand(len(batch), generator=generator(1, i)) < 0.7
        return Batch(inputs=batch.inputs, targets=batch.targets, masks={"class": keep})

    episodes = [
        Episode(tasks=e.tasks, support=masked(e.support, i), query=masked(e.query, 10 + i))
        for i, e in enumerate(image_episodes())
        if e.support is not None
    ]
    check_meta_gradient(MAML(NETS["linear"](), inner_rate=0.2, n_steps=2), episodes).raise_if_wrong()


class TwoHeads(nn.Module):
    """Two tasks from a nested mapping."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(2, 4), nn.Linear(3, 4)
        self.number, self.kind = nn.Linear(4, 2), nn.Linear(4, 3)

    def forward(self, inputs: Mapping[str, Tensor | Mapping[str, Tensor]]) -> dict[str, Tensor]:
        right = inputs["more"]
        assert isinstance(right, Mapping)
        assert isinstance(inputs["left"], Tensor)
        features = torch.tanh(self.left(inputs["left"]) + self.right(right["right"]))
        return {"number": self.number(features), "class": self.kind(features)}


def two_task_episodes() -> list[Episode]:
    tasks = (Task(name="number", kind="regression", n_outputs=2), CLASSES)

    def batch(n_rows: int, *path: str | int) -> Batch:
        draw = generator(2, *path)
        mask = torch.rand(n_rows, 2, generator=draw) < 0.8
        return Batch(
            inputs={
                "left": torch.randn(n_rows, 2, generator=draw),
                "more": {"right": torch.randn(n_rows, 3, generator=draw)},
            },
            targets={
                "number": torch.randn(n_rows, 2, generator=draw).masked_fill(~mask, float("nan")),
                "class": torch.randint(3, (n_rows,), generator=draw),
            },
            masks={"number": mask},
        )

    return [Episode(tasks=tasks, support=batch(5, "s", i), query=batch(7, "q", i)) for i in range(3)]


def test_several_tasks_on_nested_inputs_agree() -> None:
    with seeded(0, "heads"):
        net = TwoHeads()
    check_meta_gradient(MAML(net, inner_rate=0.1, n_steps=2), two_task_episodes()).raise_if_wrong()


def test_a_frozen_layer_is_neither_adapted_nor_meta_learned() -> None:
    net = NETS["linear"]()
    net[1].requires_grad_(False)
    learner = MAML(net, inner_rate=0.2, n_steps=2)
    report = check_meta_gradient(learner, image_episodes())
    report.raise_if_wrong()
    state = learner.adapt([CLASSES], images(6)).state[TOGETHER]
    assert set(state) == {"3.weight", "3.bias"}
    assert report.n_parameters == 5 * 3 + 3


def test_tied_parameters_are_one_parameter() -> None:
    with seeded(0, "tied"):
        first, last = nn.Linear(4, 4), nn.Linear(4, 4)
        last.weight = first.weight
        net = nn.Sequential(nn.Flatten(), nn.Linear(72, 4), first, nn.Tanh(), last, nn.Linear(4, 3))
    check_meta_gradient(MAML(net, inner_rate=0.2, n_steps=2), image_episodes()).raise_if_wrong()


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_prototypes_have_the_right_gradient(distance: str) -> None:
    learner = Prototypes(conv_net(nn.Identity), distance=distance)  # pyright: ignore[reportArgumentType]
    check_meta_gradient(learner, image_episodes()).raise_if_wrong()


@pytest.mark.parametrize("second_order", [True, False])
def test_the_meta_gradient_is_that_of_a_hand_written_maml(second_order: bool) -> None:
    with seeded(3, "reference"):
        net = nn.Sequential(nn.Linear(4, 5), nn.LayerNorm(5), nn.Tanh(), nn.Linear(5, 3)).double()
    draw = generator(4)

    def batch(n_rows: int) -> Batch:
        x = torch.randn(n_rows, 4, generator=draw, dtype=torch.float64)
        return Batch(inputs=x, targets={"class": torch.randint(3, (n_rows,), generator=draw)})

    episodes = [Episode(tasks=(CLASSES,), support=batch(6), query=batch(8)) for _ in range(4)]
    learner = MAML(net, inner_rate=0.3, n_steps=3, second_order=second_order)
    parameters = list(net.parameters())
    expected = torch.stack([_by_hand(parameters, e, 0.3, 3, second_order) for e in episodes])
    for execution in (run_loop, run_vmap):
        found = jacobian(execution(learner, episodes), parameters)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def _by_hand(
    parameters: list[nn.Parameter], episode: Episode, rate: float, n_steps: int, second_order: bool
) -> Tensor:
    """Run one episode without torch.func and without modules, and return its meta-gradient."""

    def loss(weights: list[Tensor], batch: Batch) -> Tensor:
        w1, b1, scale, shift, w2, b2 = weights
        assert isinstance(batch.inputs, Tensor)
        hidden = batch.inputs @ w1.T + b1
        centred = hidden - hidden.mean(1, keepdim=True)
        hidden = centred / (centred.square().mean(1, keepdim=True) + 1e-5).sqrt() * scale + shift
        logits = torch.tanh(hidden) @ w2.T + b2
        chosen = logits.gather(1, batch.targets["class"][:, None]).squeeze(1)
        return (logits.exp().sum(1).log() - chosen).mean()

    assert episode.support is not None
    weights: list[Tensor] = list(parameters)
    for _ in range(n_steps):
        gradients = torch.autograd.grad(loss(weights, episode.support), weights, create_graph=second_order)
        weights = [w - rate * g for w, g in zip(weights, gradients, strict=True)]
    found = torch.autograd.grad(loss(weights, episode.query), parameters)
    return torch.cat([gradient.reshape(-1) for gradient in found])

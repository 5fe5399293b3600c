"""The same nets through other libraries' MAML: their meta-gradients against finite differences.

The reference is a plain loop of `torch.autograd.grad` through `torch.func.functional_call`, written here; it
has to pass finite differences itself, or the layer is left out.
"""

import copy
import importlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from benchmarks.warrant.algorithms import episodes
from benchmarks.warrant.grid import Cell, shortened
from benchmarks.warrant.layers import LAYERS, net_of
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from polytask.core import Batch
from polytask.execution.finite_differences import directions, finite_difference_errors

__all__ = ["PEERS", "Peer", "peer_cells", "peer_versions"]

RATE, N_STEPS = 0.2, 2
TOLERANCE = 1e-6
Data = Sequence[tuple[Tensor, Tensor, Tensor, Tensor]]
"""Of each task: support inputs and labels, query inputs and labels."""

Peer = Callable[[nn.Module, Data], dict[str, Tensor]]
"""From a net and tasks to the gradient of the mean loss over tasks, by parameter."""


def loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy."""
    return nn.functional.cross_entropy(logits, labels)


def adapted(
    net: nn.Module, parameters: dict[str, Tensor], x: Tensor, y: Tensor, *, inside: bool = False
) -> dict[str, Tensor]:
    """Return the parameters after the inner steps; ``inside`` a transform by `torch.func.grad`."""
    for _ in range(N_STEPS):
        if inside:
            found = grad(lambda p: loss(functional_call(net, p, (x,)), y))(parameters)
        else:
            value = loss(functional_call(net, parameters, (x,)), y)
            rows = torch.autograd.grad(value, list(parameters.values()), create_graph=True)
            found = dict(zip(parameters, rows, strict=True))
        parameters = {name: p - RATE * found[name] for name, p in parameters.items()}
    return parameters


def reference(net: nn.Module, data: Data) -> Tensor:
    """Return the loss of each task after adaptation, ``[task]``, to be differentiated."""
    values = []
    for x, y, x_query, y_query in data:
        with torch.enable_grad():
            last = adapted(net, dict(net.named_parameters()), x, y)
        values.append(loss(functional_call(net, last, (x_query,)), y_query))
    return torch.stack(values)


def _higher(net: nn.Module, data: Data) -> dict[str, Tensor]:
    higher: Any = importlib.import_module("higher")
    total: dict[str, Tensor] = {name: torch.zeros_like(p) for name, p in net.named_parameters()}
    for x, y, x_query, y_query in data:
        optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
        with higher.innerloop_ctx(net, optimizer, copy_initial_weights=False) as (inner, inner_optimizer):
            for _ in range(N_STEPS):
                inner_optimizer.step(loss(inner(x), y))
            rows = torch.autograd.grad(loss(inner(x_query), y_query), list(net.parameters()))
        for (name, sum_), row in zip(total.items(), rows, strict=True):
            total[name] = sum_ + row / len(data)
    return total


def _torchopt(net: nn.Module, data: Data) -> dict[str, Tensor]:
    torchopt: Any = importlib.import_module("torchopt")
    total: dict[str, Tensor] = {name: torch.zeros_like(p) for name, p in net.named_parameters()}
    start = list(net.parameters())
    state = torchopt.extract_state_dict(net, by="reference")
    for x, y, x_query, y_query in data:
        inner = torchopt.MetaSGD(net, lr=RATE)
        for _ in range(N_STEPS):
            inner.step(loss(net(x), y))
        rows = torch.autograd.grad(loss(net(x_query), y_query), start)
        for (name, sum_), row in zip(total.items(), rows, strict=True):
            total[name] = sum_ + row / len(data)
        torchopt.recover_state_dict(net, state)
    return total


def _outside(net: nn.Module, data: Data) -> dict[str, Tensor]:
    """The gradient of a vmapped inner loop: as the examples of torch.func and of torchopt take it."""
    parameters: dict[str, Tensor] = dict(net.named_parameters())

    def outer(x: Tensor, y: Tensor, x_query: Tensor, y_query: Tensor) -> Tensor:
        last = adapted(net, parameters, x, y, inside=True)
        return loss(functional_call(net, last, (x_query,)), y_query)

    stacked = [torch.stack(column) for column in zip(*data, strict=True)]
    value = vmap(outer, randomness="different")(*stacked).mean()
    return dict(zip(parameters, torch.autograd.grad(value, list(parameters.values())), strict=True))


class _Part(nn.Module):
    """A part of a net that takes and ignores what parallel-metalearn hands on."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor, **ignored: object) -> Tensor:
        return self.part(x)


def _parallel_metalearn(net: nn.Module, data: Data) -> dict[str, Tensor]:
    algorithms: Any = importlib.import_module("metalearn.algorithms")
    wrappers: Any = importlib.import_module("metalearn.model_wrappers")
    losses: Any = importlib.import_module("metalearn.loss")
    optimizers: Any = importlib.import_module("metalearn.inner_optimizers")
    assert isinstance(net, nn.Sequential)
    names = [name for name, _ in net.named_parameters()]
    model = wrappers.MAML_Model(backbone=_Part(net[:-1]), head=_Part(net[-1]))
    model.train(net.training)
    inner = optimizers.InnerSGD(
        initial_fast_weights=model.get_fast_weights(), inner_lr=RATE, first_order=False, learn_lr=False
    ).double()
    learner = algorithms.MAML(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.0),
        inner_optimizer=inner,
        support_loss_fn=losses.CrossEntropy(metric_fn=losses.CategoricalAccuracy()),
        inner_steps=N_STEPS,
        device=torch.device("cpu"),
    )
    x, y, x_query, y_query = (torch.stack(column) for column in zip(*data, strict=True))
    learner.step(iter([(x, {"labels": y}, x_query, {"labels": y_query})]))
    found = [p.grad for p in [*model.backbone.parameters(), *model.head.parameters()]]
    return {name: torch.zeros(()) if row is None else row for name, row in zip(names, found, strict=True)}


PEERS: dict[str, tuple[str, Peer]] = {
    "higher": ("higher", _higher),
    "torchopt": ("torchopt", _torchopt),
    "parallel-metalearn, vmap": ("parallel-metalearn", _parallel_metalearn),
    "torch.func, gradient of a vmapped inner loop": ("torch", _outside),
}


def peer_versions() -> dict[str, str]:
    """Return the version of each peer, or why it is missing."""
    found = {"learn2learn": "does not install: its Cython sources do not build for this Python"}
    for package in dict.fromkeys(package for package, _ in PEERS.values()):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed: make .venv/.peers"
    return found


def peer_cells(layers: Sequence[str] = ()) -> Iterator[Cell]:
    """Compute a cell for every layer and peer that is installed, by MAML."""
    data = [
        (*_tensors(episode.support), *_tensors(episode.query))
        for episode in episodes()
        if episode.support is not None
    ]
    for layer in layers or LAYERS:
        net = net_of(layer)
        net.train(layer != "Dropout" and LAYERS[layer].normalization != "frozen")
        named = list(net.named_parameters())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            right, distance = _checked(net, data, named)
            for peer, (package, function) in PEERS.items():
                try:
                    version(package)
                except PackageNotFoundError:
                    continue
                yield _cell(layer, peer, function, copy.deepcopy(net), data, right, distance)


def _tensors(batch: Batch) -> tuple[Tensor, Tensor]:
    assert isinstance(batch.inputs, Tensor)
    return batch.inputs, batch.targets["class"]


def _checked(
    net: nn.Module, data: Data, named: list[tuple[str, nn.Parameter]]
) -> tuple[dict[str, Tensor] | None, str]:
    """Return the gradient by the reference, or why it is none: the layer has no second derivative."""
    parameters = [parameter for _, parameter in named]
    try:
        values = reference(net, data)
        rows = torch.stack(
            [
                torch.cat([g.reshape(-1) for g in torch.autograd.grad(value, parameters, retain_graph=True)])
                for value in values
            ]
        )
        errors = finite_difference_errors(
            lambda: reference(net, data).detach(), parameters, rows, directions(named, 2, 0)
        )
    except RuntimeError as error:
        return None, shortened(str(error))
    if max(errors.values()) > TOLERANCE:
        return None, f"the plain loop itself is off by {max(errors.values()):.1e}"
    mean = rows.mean(0).split([p.numel() for p in parameters])
    return {name: row.reshape(p.shape) for (name, p), row in zip(named, mean, strict=True)}, ""


def _cell(
    layer: str,
    peer: str,
    function: Peer,
    net: nn.Module,
    data: Data,
    right: dict[str, Tensor] | None,
    why: str,
) -> Cell:
    def cell(outcome: str, error: float | None = None, reason: str = "") -> Cell:
        return Cell(
            layer=layer,
            algorithm="MAML",
            execution=peer,
            outcome=outcome,
            error=error,
            reason=reason,
            exact=right is not None,
        )

    try:
        found = function(net, data)
    except Exception as error:  # noqa: BLE001 - the cell says what the other library said
        return cell("failed", reason=shortened(f"{type(error).__name__}: {error}"))
    if right is None:
        return cell("unknown", reason=why)
    whole = torch.cat([row.reshape(-1) for row in right.values()]).norm()
    off = max(
        float((found[name] - row).norm() / max(float(row.norm()), 1e-6 * float(whole)))
        for name, row in right.items()
    )
    return cell("right" if off <= TOLERANCE else "wrong", error=off)

"""The layer-wise engine follows what it can, and takes everything else as the loop does."""

import copy
import logging
import warnings
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune
from torch.utils.checkpoint import checkpoint

from polytask.architectures import HardSharing
from polytask.balancing import BalancedBackward, Balancer, Evidence, Weights
from polytask.balancing.engines import FullJacobian, Layerwise
from polytask.balancing.engines.linear_use import consumers_of, linear_uses
from polytask.core import (
    Objectives,
    SharedModel,
    Task,
    TrainingError,
    generator,
    jacobian,
    seeded,
    shared_parameters,
)

N_IN, N_ROWS = 20, 6
TASKS = tuple(Task(name=name, kind="regression") for name in "abc")


class Asking(Balancer):
    """Weights that differ, and a look at the Gramian."""

    def forward(self, evidence: Evidence) -> Weights:
        self.seen = evidence.gramian()
        return Weights(values=torch.arange(1.0, len(evidence.names) + 1).to(self.seen))


class Function(nn.Module):
    """Layers under a forward of their own."""

    def __init__(self, function: Callable[..., Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.function(self, inputs)


class Doubled(nn.Linear):
    """A linear layer that is none."""

    def forward(self, input: Tensor) -> Tensor:
        return 2 * super().forward(input) + super().forward(input.flip(0))


class Symmetric(nn.Module):
    """A parametrization by the weight itself."""

    def forward(self, weight: Tensor) -> Tensor:
        return weight * weight.abs()


class Halved(torch.autograd.Function):
    @staticmethod
    def forward(ctx, inputs):
        return inputs.clone()

    @staticmethod
    def backward(ctx, *gradients):
        return gradients[0] / 2


def wide() -> nn.Linear:
    return nn.Linear(N_IN, 30)


def then(first: nn.Module) -> nn.Module:
    return nn.Sequential(first, nn.Tanh(), nn.Linear(30, 8))


def hooked(register: Callable[[nn.Linear], object]) -> nn.Module:
    layer = wide()
    register(layer)
    return then(layer)


def changed(layer: nn.Linear, change: Callable[[nn.Linear], object]) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old functions, which people still use
        change(layer)
    return then(layer)


def own(forward: Callable[..., Tensor], *, width: int = 30) -> nn.Module:
    """A layer ``a`` of 30 outputs and a layer ``b`` of 8 under a forward of their own."""
    return Function(forward, a=wide(), b=nn.Linear(width, 8))


def two_that_share(which: str) -> nn.Module:
    first, second = wide(), wide()
    setattr(second, which, getattr(first, which))
    return Function(
        lambda m, x: m.last(torch.tanh(m.first(x)) * m.second(x.flip(0))),
        first=first, second=second, last=nn.Linear(30, 8),
    )  # fmt: skip


def hooked_after_another(register: Callable[[nn.Linear], object]) -> nn.Module:
    layer = nn.Linear(30, 30)
    register(layer)
    return nn.Sequential(wide(), layer, nn.Tanh(), nn.Linear(30, 8))


def replaced_forward() -> nn.Module:
    layer = wide()
    plain = layer.forward
    layer.forward = lambda inputs: 3 * plain(inputs)
    return then(layer)


def frozen(which: str) -> nn.Module:
    layer = wide()
    getattr(layer, which).requires_grad_(False)
    return then(layer)


def product(scale: float, bias_shape: tuple[int, ...]) -> nn.Module:
    module = Function(
        lambda m, x: m.last(torch.tanh(torch.addmm(m.bias, x, m.enc.weight.t(), beta=scale, alpha=scale))),
        enc=nn.Linear(N_IN, 30, bias=False), last=nn.Linear(30, 8),
    )  # fmt: skip
    module.bias = nn.Parameter(torch.randn(*bias_shape))
    return module


def hook_on_output(layer: nn.Linear) -> None:
    layer.register_forward_hook(lambda module, given, output: output.register_hook(lambda g: 2 * g) and None)


def recomputed(m: nn.Module, x: Tensor) -> Tensor:
    return m.b(checkpoint(nn.Sequential(m.a, nn.Tanh()), x, use_reentrant=False))


TRUNKS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    # What is built, and how many of its weights are followed.
    "plain": (lambda: then(wide()), 2),
    "without bias": (lambda: then(nn.Linear(N_IN, 30, bias=False)), 2),
    "in place": (lambda: nn.Sequential(wide(), nn.ReLU(inplace=True), nn.Linear(30, 8)), 2),
    "in place by hand": (lambda: own(lambda m, x: m.b(m.a(x).mul_(2).tanh_())), 2),
    "three dimensions": (lambda: own(lambda m, x: m.b(torch.tanh(m.a(x.view(2, 3, -1))).flatten(0, 1))), 2),
    "rows out of order": (
        lambda: own(lambda m, x: m.b(torch.tanh(m.a(x.view(2, 3, -1).transpose(0, 1)))).flatten(0, 1)), 2
    ),
    "used by a function once": (lambda: own(lambda m, x: m.b(torch.tanh(F.linear(x, m.a.weight)))), 2),
    "used by a function too": (
        lambda: own(lambda m, x: m.b(torch.tanh(F.linear(torch.tanh(m.a(x)), m.a.weight.T))), width=N_IN), 1
    ),
    "weight in what is added": (
        lambda: own(lambda m, x: m.b(torch.tanh(m.a(x))) + m.a.weight.square().sum()), 1
    ),
    "called twice": (lambda: own(lambda m, x: m.b(torch.tanh(m.a(x)) + m.a(x.flip(0)))), 1),
    "one weight in two layers": (lambda: two_that_share("weight"), 1),
    "one bias in two layers": (lambda: two_that_share("bias"), 3),
    "parameters given": (
        lambda: own(lambda m, x: m.b(torch.func.functional_call(m.a, {"weight": 2 * m.a.weight}, (x,)))), 1
    ),
    "pruned": (lambda: changed(wide(), lambda a: prune.l1_unstructured(a, "weight", amount=0.5)), 1),
    "spectral norm by hooks": (lambda: changed(wide(), nn.utils.spectral_norm), 1),
    "spectral norm": (lambda: changed(wide(), parametrizations.spectral_norm), 1),
    "weight norm by hooks": (lambda: changed(wide(), nn.utils.weight_norm), 1),
    "weight norm": (lambda: changed(wide(), parametrizations.weight_norm), 1),
    "parametrized": (
        lambda: changed(wide(), lambda a: parametrize.register_parametrization(a, "weight", Symmetric())), 1
    ),
    "forward hook": (lambda: hooked(lambda a: a.register_forward_hook(lambda m, i, o: 2 * o)), 2),
    "forward hook in place": (
        lambda: hooked(lambda a: a.register_forward_hook(lambda m, i, o: o.mul_(2))), 2
    ),
    "forward hook with the weight": (
        lambda: hooked(lambda a: a.register_forward_hook(lambda m, i, o: o + m.weight.sum())), 1
    ),
    "forward pre-hook": (lambda: hooked(lambda a: a.register_forward_pre_hook(lambda m, i: (3 * i[0],))), 2),
    "backward pre-hook": (
        lambda: hooked_after_another(lambda a: a.register_full_backward_pre_hook(lambda m, g: (3 * g[0],))), 3
    ),
    "backward hook": (
        lambda: hooked_after_another(lambda a: a.register_full_backward_hook(lambda m, i, o: (2 * i[0],))), 3
    ),
    "hook on a weight": (lambda: hooked(lambda a: a.weight.register_hook(lambda g: 2 * g)), 1),
    "hook on a bias": (lambda: hooked(lambda a: a.bias.register_hook(lambda g: 2 * g)), 2),
    "hook on an output": (lambda: hooked(hook_on_output), 2),
    "a gradient of one's own": (lambda: own(lambda m, x: m.b(Halved.apply(m.a(x)))), 2),
    "forward replaced": (replaced_forward, 2),
    "subclass": (lambda: then(Doubled(N_IN, 30)), 1),
    "lazy": (lambda: then(nn.LazyLinear(30)), 2),
    "frozen weight": (lambda: frozen("weight"), 1),
    "frozen bias": (lambda: frozen("bias"), 2),
    "plain product": (lambda: product(1.0, (30,)), 2),
    "scaled product": (lambda: product(2.0, (30,)), 1),
    "bias by row": (lambda: product(1.0, (N_ROWS, 30)), 2),
    "one bias for all": (lambda: product(1.0, (1,)), 2),
    "sparse inputs": (lambda: own(lambda m, x: m.b(torch.tanh(m.a(x.to_sparse())))), 1),
    "recomputed": (lambda: own(recomputed), 2),
}  # fmt: skip


def learner(make: Callable[[], nn.Module]) -> SharedModel:
    with seeded(0, "model"):
        trunk = make().double()
        trunk(torch.zeros(N_ROWS, N_IN, dtype=torch.float64))  # what is lazy knows its size
        heads = {task.name: nn.Linear(8, 1) for task in TASKS}
        return SharedModel(TASKS, HardSharing(trunk), heads).double().eval()


def objectives(model: SharedModel) -> Objectives:
    inputs = torch.randn(N_ROWS, N_IN, generator=generator(0, "inputs"), dtype=torch.float64)
    represented = model.sharing(inputs, [task.name for task in TASKS])
    values = [model.heads[name](represented.by_task[name]).square().mean() for name in "abc"]
    return Objectives(values=torch.stack(values), names=tuple("abc"), taps=(represented.taps,))


def relative(found: Tensor, true: Tensor) -> float:
    true = true.detach()
    return float((found - true).norm() / true.norm())


@pytest.mark.parametrize("name", TRUNKS)
def test_whatever_is_done_to_a_layer_the_gramian_is_that_of_the_jacobian(name, caplog):
    make, n_followed = TRUNKS[name]
    model, balancer = learner(make), Asking()
    shared = shared_parameters(model)
    rows = jacobian(objectives(model).values, shared)
    found = objectives(model)
    followed = {id(use.parameters[0]) for use in linear_uses(consumers_of([found.values]), shared)}
    assert len(followed) == n_followed
    caplog.set_level(logging.INFO, logger="polytask")
    BalancedBackward(model, balancer, engine="exact")(found)
    assert relative(balancer.seen, rows @ rows.T) < 1e-9
    assert "differs" not in caplog.text
    matrices = {name for name, p in model.named_parameters() if p.ndim == 2 and any(p is s for s in shared)}
    assert ("takes the full gradients of" in caplog.text) == (len(followed) < len(matrices))


def test_the_log_names_what_is_not_followed_once(caplog):
    model = learner(TRUNKS["pruned"][0])
    backward = BalancedBackward(model, Asking(), engine="exact")
    caplog.set_level(logging.INFO, logger="polytask.balancing.engines.layerwise")
    for _ in range(2):
        backward(objectives(model))
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "The layer-wise engine takes the full gradients of sharing.trunk.0.weight_orig"
    ]


class Node(nn.Module):
    """A layer whose node in the graph changes the gradient of its weight, which the graph does not show."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = wide()

    def forward(self, inputs: Tensor) -> Tensor:
        outputs = self.layer(inputs)
        outputs.grad_fn.register_hook(lambda got, gave: tuple(None if g is None else 2 * g for g in got))
        return outputs


@pytest.mark.parametrize("engine", ["exact", "auto"])
def test_what_the_graph_does_not_show_is_found_on_the_first_step(engine, caplog, monkeypatch):
    monkeypatch.setattr(Layerwise, "saves", lambda *_: True)
    monkeypatch.setattr("polytask.balancing.engines.linear_use._HOLD", 1e9)
    model, balancer = learner(lambda: then(Node())), Asking()
    rows = jacobian(objectives(model).values, shared_parameters(model))
    backward = BalancedBackward(model, balancer, engine=engine)
    for _ in range(2):
        backward(objectives(model))
        assert relative(balancer.seen, rows @ rows.T) < 1e-9
    assert isinstance(backward.engine, FullJacobian)
    assert caplog.text.count("differs from that of the gradients") == 1


def test_a_wide_layer_takes_a_column_a_row_and_not_its_inputs():
    model = learner(TRUNKS["plain"][0])
    use = next(
        each for each in linear_uses(consumers_of([objectives(model).values]), shared_parameters(model))
        if each.inputs.shape[1] == N_IN
    )  # fmt: skip
    assert use.narrow and use.factor().shape == (N_ROWS, N_ROWS)
    torch.testing.assert_close(use.factor() @ use.factor().T, use.inputs @ use.inputs.T + 1)


def test_rows_that_repeat_give_a_factor_without_their_directions():
    model = learner(TRUNKS["plain"][0])
    inputs = torch.ones(N_ROWS, N_IN, dtype=torch.float64) * 1e3

    def alike() -> Objectives:
        represented = model.sharing.trunk(inputs)
        values = torch.stack([model.heads[name](represented).square().mean() for name in "abc"])
        return Objectives(values=values, names=tuple("abc"))

    rows = jacobian(alike().values, shared_parameters(model))
    balancer = Asking()
    BalancedBackward(model, balancer, engine="exact")(alike())
    assert relative(balancer.seen, rows @ rows.T) < 1e-9


def test_an_objective_that_does_not_come_by_has_a_gradient_of_zero():
    model = learner(TRUNKS["plain"][0])
    free = nn.Parameter(torch.ones((), dtype=torch.float64))

    def partly() -> Objectives:
        whole = objectives(model)
        return Objectives(values=torch.stack([whole.values[0], 2 * free, whole.values[2]]), names=whole.names)

    rows = jacobian(partly().values, shared_parameters(model))
    assert not rows[1].any()
    balancer = Asking()
    BalancedBackward(model, balancer, engine="exact")(partly())
    assert relative(balancer.seen, rows @ rows.T) < 1e-9


def test_a_learner_can_be_copied_after_a_step():
    model = learner(TRUNKS["plain"][0])
    BalancedBackward(model, Asking(), engine="exact")(objectives(model))
    assert not any(module._forward_hooks for module in copy.deepcopy(model).modules())


@pytest.mark.parametrize("engine", ["exact", "loop"])
def test_the_old_form_of_recomputation_names_the_cure(engine):
    def old(m: nn.Module, x: Tensor) -> Tensor:
        return checkpoint(nn.Sequential(nn.Tanh(), m.b), m.a(x), use_reentrant=True)

    model = learner(lambda: own(old))
    with pytest.raises(TrainingError, match="Call it with `use_reentrant=False`"):
        BalancedBackward(model, Asking(), engine=engine)(objectives(model))

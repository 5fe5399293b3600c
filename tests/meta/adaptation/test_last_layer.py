"""Where an inner loop changes a linear last layer alone: the written-out gradient is that of autograd."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from polytask.core import Batch, Episode, Task, generator
from polytask.core.learner import run_loop
from polytask.execution import run_vmap
from polytask.meta.adaptation.gradient_learner import GradientLearner
from polytask.meta.adaptation.inner_loop import InnerLoop
from polytask.meta.adaptation.rules.sgd import SGD

ROWS, WIDTH = 7, 3
TASKS = {
    "number": Task(name="y", kind="regression"),
    "numbers": Task(name="y", kind="regression", n_outputs=2),
    "yes or no": Task(name="y", kind="binary"),
    "classes": Task(name="y", kind="multiclass", n_outputs=4),
    "labels": Task(name="y", kind="multilabel", n_outputs=2),
    "one label": Task(name="y", kind="multilabel", n_outputs=1),
}


def targets(task: Task, seed: int) -> Tensor:
    shape = (ROWS,) if task.kind == "multiclass" or task.n_outputs == 1 else (ROWS, task.n_outputs)
    if task.kind == "multiclass":
        return torch.randint(task.n_outputs, shape, generator=generator(seed))
    values = torch.randn(shape, generator=generator(seed), dtype=torch.float64)
    return values if task.kind == "regression" else (values > 0).double()


def episode(task: Task, seed: int = 0, **support: Any) -> Episode:
    first, second = torch.randn(2, ROWS, WIDTH, generator=generator(seed), dtype=torch.float64)
    known = Batch(inputs=first, targets={"y": targets(task, seed)})
    query = Batch(inputs=second, targets={"y": targets(task, seed + 1)})
    return Episode(tasks=(task,), support=Batch(**(vars_of(known) | support)), query=query)


def vars_of(batch: Batch) -> dict[str, Any]:
    return {"inputs": batch.inputs, "targets": batch.targets, "masks": batch.masks}


def network(n_outputs: int, *, bias: bool = True) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(WIDTH, 5), nn.Tanh(), nn.Linear(5, n_outputs, bias=bias)).double()


def learner(net: nn.Module, **options: Any) -> GradientLearner:
    """Adapts the last layer; with a number of rows a step it lets autograd take all gradients."""
    names = [name for name, _ in net.named_parameters() if name.startswith("2.")]
    return GradientLearner(
        net, **({"rule": SGD(0.3, momentum=0.5), "n_steps": 3, "adapted": names} | options)
    )


def found(
    of: GradientLearner, episodes: list[Episode], run: Callable[..., Tensor] = run_loop
) -> list[Tensor]:
    """Return the values of episodes, and the gradient of their sum."""
    values = run(of, episodes)
    return [values, *torch.autograd.grad(values.sum(), list(of.model.parameters()))]


def written_out(
    monkeypatch: pytest.MonkeyPatch, of: GradientLearner, episodes: list[Episode], **options: Any
):
    """Return what is found where autograd is not there to ask for the gradients of a step."""

    def asked(*_: Any) -> None:
        raise AssertionError("autograd took a gradient of an inner step")

    with monkeypatch.context() as patch:
        patch.setattr(InnerLoop, "_by_autograd", asked)
        return found(of, episodes, **options)


@pytest.mark.parametrize("run", [run_loop, run_vmap])
@pytest.mark.parametrize("n_differentiated", [None, 1, 0])
@pytest.mark.parametrize("name", TASKS)
def test_values_and_meta_gradients_are_those_of_autograd(
    name: str, n_differentiated: int | None, run: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = TASKS[name]
    net = network(task.n_outputs)
    episodes = [episode(task, seed) for seed in (0, 2)]
    expected = found(learner(net, batch_size=ROWS, n_differentiated=n_differentiated), episodes)
    ours = written_out(monkeypatch, learner(net, n_differentiated=n_differentiated), episodes, run=run)
    torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("adapted", [["2.weight"], ["2.bias"]])
def test_one_of_weight_and_bias_may_be_changed_alone(
    adapted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    task, net = TASKS["classes"], network(4)
    expected = found(learner(net, adapted=adapted, batch_size=ROWS), [episode(task)])
    ours = written_out(monkeypatch, learner(net, adapted=adapted), [episode(task)])
    torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-12)


def test_a_layer_without_bias_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    task, net = TASKS["number"], network(1, bias=False)
    expected = found(learner(net, batch_size=ROWS), [episode(task)])
    torch.testing.assert_close(written_out(monkeypatch, learner(net), [episode(task)]), expected)


def test_rows_whose_class_cross_entropy_leaves_out_count_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    task, net = TASKS["classes"], network(4)
    some = targets(task, 0)
    some[::3] = -100
    of = episode(task, targets={"y": some})
    expected = found(learner(net, batch_size=ROWS), [of])
    torch.testing.assert_close(written_out(monkeypatch, learner(net), [of]), expected)


def test_a_class_that_is_none_is_an_error_as_ever() -> None:
    task, net = TASKS["classes"], network(4)
    of = episode(task, targets={"y": torch.full((ROWS,), 9)})
    with pytest.raises(IndexError, match="out of bounds"):
        run_loop(learner(net), [of])


class Half(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return 0.5 * super().forward(input)


def hooked(net: nn.Sequential) -> nn.Sequential:
    net[2].register_forward_hook(lambda *given: given[-1].mul(0.5))
    return net


def halved(net: nn.Sequential) -> nn.Sequential:
    net[2] = Half(5, 1).double()
    return net


def longer(net: nn.Sequential) -> nn.Sequential:
    return net.append(nn.Softplus())


@pytest.mark.parametrize("special", [hooked, halved, longer])
def test_a_layer_that_is_more_than_linear_is_left_to_autograd(special: Callable[..., nn.Sequential]) -> None:
    task, net = TASKS["number"], special(network(1))
    expected = found(learner(net, batch_size=ROWS), [episode(task)])
    torch.testing.assert_close(found(learner(net), [episode(task)]), expected)


@pytest.mark.parametrize("support", [{"masks": {"y": torch.arange(ROWS) > 2}}, {}])
def test_a_mask_and_a_loss_of_its_own_are_left_to_autograd(support: dict[str, Any]) -> None:
    loss = None if support else lambda answers, known: (answers - known).abs()
    task, net = Task(name="y", kind="regression", loss=loss), network(1)
    of = episode(task, **support)
    expected = found(learner(net, batch_size=ROWS), [of])
    torch.testing.assert_close(found(learner(net), [of]), expected)


def test_autocast_is_left_to_autograd(monkeypatch: pytest.MonkeyPatch) -> None:
    of = episode(TASKS["classes"]).to("cpu", torch.float32)
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(AssertionError, match="autograd took"):
        written_out(monkeypatch, learner(network(4).float()), [of])

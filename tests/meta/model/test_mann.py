"""MANN: against an independent numpy recurrence and torch's LSTM, masks, executions, messages."""

import numpy as np
import pytest
import torch
from torch import nn

from polytask.checks import check_learner
from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.execution import check_meta_gradient
from polytask.execution.forward import run_forward
from polytask.meta.layers.lstm_cell import LSTMCell
from polytask.meta.model.mann import MANN

KIND = Task(name="kind", kind="multiclass", n_outputs=3)
SICK = Task(name="sick", kind="binary")


def small(**changes) -> MANN:
    arguments = {
        "n_classes": 4, "n_hidden": 6, "n_slots": 5, "slot_width": 3, "n_heads": 2, "decay": 0.9, **changes,
    }  # fmt: skip
    with seeded(0):
        return MANN(nn.Linear(2, 3), 3, **arguments)


def batch(n_rows: int, *path: str | int, masked: bool = False) -> Batch:
    draw = generator(0, *path)
    targets = {
        "kind": torch.randint(3, (n_rows,), generator=draw),
        "sick": torch.randint(2, (n_rows,), generator=draw).float(),
    }
    masks = {name: torch.rand(n_rows, generator=draw) > 0.4 for name in targets} if masked else {}
    return Batch(inputs=torch.randn(n_rows, 2, generator=draw), targets=targets, masks=masks)


def episode(*path: str | int, masked: bool = False) -> Episode:
    return Episode(
        tasks=(KIND, SICK),
        support=batch(7, *path, "support", masked=masked),
        query=batch(5, *path, "query", masked=masked),
    )


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def logits_of_the_last(learner: MANN, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The recurrence written out for one sequence: features ``[step, ...]``, labels of all steps but one."""
    weights = {name: value.detach().double().numpy() for name, value in learner.named_parameters()}

    def linear(name: str, z: np.ndarray) -> np.ndarray:
        return weights[f"{name}.weight"] @ z + weights.get(f"{name}.bias", 0)

    memory, usage = np.zeros((5, 3)), np.zeros(5)
    reading, read, late = np.zeros((2, 5)), np.zeros(6), np.zeros(4)
    hidden, cell, logits = np.zeros(6), np.zeros(6), np.zeros(4)
    for step, x in enumerate(features):
        gates = linear("controller.inputs", np.concatenate([x, late, read]))
        i, f, g, o = np.split(gates + linear("controller.hidden", hidden), 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell)
        keys = np.tanh(linear("to_keys", hidden)).reshape(2, 3)
        gate = sigmoid(linear("to_gates", hidden))
        least = sorted(range(5), key=lambda slot: (usage[slot], slot))[:2]
        writing = np.stack([gate[j] * reading[j] + (1 - gate[j]) * np.eye(5)[least[j]] for j in range(2)])
        memory[least] = 0
        memory = memory + sum(np.outer(writing[j], keys[j]) for j in range(2))
        cosines = np.array(
            [[k @ m / np.sqrt((k @ k) * (m @ m) + 1e-6) for m in memory] for k in keys]
        )  # [head, slot]
        reading = np.exp(cosines) / np.exp(cosines).sum(1, keepdims=True)
        usage = 0.9 * usage + reading.sum(0) + writing.sum(0)
        read = (reading @ memory).ravel()
        logits = linear("head", np.concatenate([hidden, read]))
        late = labels[step] if step < len(labels) else late
    return logits


@pytest.mark.parametrize("n_support", [1, 3, 9])
def test_each_query_is_the_step_after_the_support(n_support: int) -> None:
    learner, support = small().double(), batch(n_support, "support").to("cpu", torch.float64)
    queries = torch.randn(3, 2, generator=generator(1), dtype=torch.float64)
    found = learner.adapt([KIND], support)(queries)["kind"].detach()
    known, last = (learner.encoder(x).detach().numpy() for x in (support.inputs, queries))
    labels = np.eye(4)[support.targets["kind"].numpy()]
    for row, query in zip(found, last, strict=True):
        expected = logits_of_the_last(learner, np.vstack([known, query]), labels)
        np.testing.assert_allclose(row, expected[:3], rtol=1e-6)


def test_a_step_of_the_controller_is_that_of_torch() -> None:
    with seeded(0):
        cell, x, state = (
            LSTMCell(3, 5, hidden_bias=False),
            torch.randn(2, 3),
            (torch.randn(2, 5), torch.randn(2, 5)),
        )
    reference = nn.LSTMCell(3, 5)
    with torch.no_grad():
        reference.weight_ih.copy_(cell.inputs.weight)
        reference.bias_ih.copy_(cell.inputs.bias)
        reference.weight_hh.copy_(cell.hidden.weight)
        reference.bias_hh.zero_()
    torch.testing.assert_close(cell(x, *state), reference(x, state))


def test_a_step_of_the_controller_can_be_differentiated_twice_under_vmap() -> None:
    cell = LSTMCell(3, 5, hidden_bias=False)
    x = torch.randn(4, 2, 3, generator=generator(0))

    def total(x: torch.Tensor) -> torch.Tensor:
        return cell(x, x.new_zeros(2, 5), x.new_zeros(2, 5))[0].sum()

    found = torch.func.vmap(torch.func.hessian(total))(x)
    torch.testing.assert_close(found[1], torch.autograd.functional.hessian(total, x[1]))


def test_labels_come_one_step_late() -> None:
    learner, support = small().eval(), batch(4, "support").only(["kind"])
    other = Batch(
        inputs=support.inputs, targets={"kind": (support.targets["kind"] + torch.eye(4)[3]).long() % 3}
    )
    first, second = (learner.learn([KIND], given) for given in (support, other))
    assert torch.equal(first["kind"]["contents"], second["kind"]["contents"])
    assert not torch.equal(first["kind"]["label"], second["kind"]["label"])


def test_examples_without_label_are_passed_over() -> None:
    learner, support = small(), batch(6).only(["kind"])
    mask = torch.tensor([True, False, True, True, False, True])
    targets = torch.where(mask, support.targets["kind"], 99)
    masked = Batch(inputs=support.inputs, targets={"kind": targets}, masks={"kind": mask})
    query = torch.randn(4, 2, generator=generator(1))
    found = learner.adapt([KIND], masked)(query)["kind"]
    torch.testing.assert_close(found, learner.adapt([KIND], support.rows(mask))(query)["kind"])


def test_training_draws_the_order_and_evaluation_takes_it_as_given() -> None:
    learner, support = small(), batch(7)
    learner.train()
    with seeded(1):
        drawn = [learner.learn([KIND], support)["kind"]["contents"] for _ in range(2)]
    assert not torch.equal(drawn[0], drawn[1])
    fixed = small(shuffle=False).train().learn([KIND], support)["kind"]["contents"]
    torch.testing.assert_close(fixed, learner.eval().learn([KIND], support)["kind"]["contents"])


def test_trained_it_binds_labels_to_what_it_saw() -> None:
    def step(index: int) -> list[Episode]:
        found = []
        for number in range(32):
            draw = generator(3, index, number)
            swap = torch.randint(2, (), generator=draw)  # which of two known points is class 1
            labels = torch.arange(4) % 2
            points = torch.tensor([[1.0, 0.0], [0.0, 1.0]])[(labels + swap) % 2]
            whole = Batch(inputs=points, targets={"sick": labels.float()})
            found.append(Episode(tasks=(SICK,), support=whole.rows(slice(2)), query=whole.rows(slice(2, 4))))
        return found

    with seeded(0):
        learner = MANN(
            nn.Identity(), 2, n_classes=2, n_hidden=32, n_slots=8, slot_width=8, n_heads=1,
        )  # fmt: skip
    optimizer = torch.optim.Adam(learner.parameters(), lr=1e-2)
    with seeded(1):
        for index in range(150):
            optimizer.zero_grad()
            learner.objectives(step(index), execution=run_forward).values.mean().backward()
            optimizer.step()
    right = [
        SICK.decide(learner.adapt(one.tasks, one.support)(one.query.inputs)["sick"])
        == one.query.targets["sick"]
        for one in step(1000)
    ]
    assert float(torch.cat(right).float().mean()) > 0.9


@pytest.mark.slow  # tests/test_conformance.py holds the executions against each other
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_are_right_in_every_execution(masked: bool) -> None:
    check_meta_gradient(small(shuffle=False), [episode(i, masked=masked) for i in (0, 3)]).raise_if_wrong()


def test_it_keeps_the_contract_of_learners() -> None:
    check_learner(small(), [episode(0), episode(1)])


def test_all_wrong_arguments_are_named_at_once() -> None:
    with pytest.raises(InputError, match=r"`n_hidden` .* 0; `n_classes` .* 1; `n_slots` .*; `decay` .* 2"):
        small(n_hidden=0, n_classes=1, n_slots=1, decay=2)


def test_features_of_another_width_are_refused() -> None:
    with pytest.raises(InputError, match="`encoder` gives 2 features, but `n_features` is 3"):
        MANN(nn.Identity(), 3, n_classes=3).learn([KIND], batch(4))

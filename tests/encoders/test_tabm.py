"""TabM is an ensemble of networks of which each can be written down by itself."""

import pickle

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from torch import nn

from polytask.architectures import HardSharing
from polytask.checks import check_learner
from polytask.core import Batch, Episode, InputError, SharedModel, Task, generator, private_parameters, seeded
from polytask.encoders import TabM
from polytask.encoders.tabm import TabMHead, member_task

_TASKS = (
    Task(name="value", kind="regression"),
    Task(name="values", kind="regression", n_outputs=2),
    Task(name="yes", kind="binary"),
    Task(name="class", kind="multiclass", n_outputs=3),
    Task(name="labels", kind="multilabel", n_outputs=2),
)
_IDS = [task.name for task in _TASKS]


def _target(task: Task, n_rows: int) -> torch.Tensor:
    draw = generator(0, "target", task.name)
    if task.kind == "multiclass":
        return torch.randint(task.n_outputs, (n_rows,), generator=draw)
    values = torch.randn(n_rows, task.n_outputs, generator=draw)
    values = values if task.kind == "regression" else (values > 0).float()
    return values.squeeze(1) if task.n_outputs == 1 else values


def _learner(n_members: int = 4, *, spread: bool = True) -> tuple[SharedModel, Episode]:
    tasks = tuple(member_task(task) for task in _TASKS)
    with seeded(0, "initialization"):
        trunk = TabM(3, [16, 8], n_members=n_members)
        heads = {task.name: TabMHead(task, 8, n_members=n_members) for task in tasks}
        if spread:
            for parameter in trunk.parameters():
                nn.init.normal_(parameter, std=0.7)
    inputs = torch.randn(7, 3, generator=generator(0, "inputs"))
    query = Batch(inputs=inputs, targets={task.name: _target(task, 7) for task in tasks})
    return SharedModel(tasks, HardSharing(trunk), heads), Episode(tasks=tasks, query=query)


def test_a_member_is_a_network_of_its_own_matrices():
    with seeded(0, "trunk"):
        trunk = TabM(3, [6, 5], n_members=4).double()
        for parameter in trunk.parameters():
            nn.init.normal_(parameter)
    rows = torch.randn(7, 3, dtype=torch.float64, generator=generator(0, "rows"))
    found = trunk(rows).detach().numpy()
    for member in range(4):
        hidden = rows.numpy()
        for layer in trunk.layers:
            weight, r, s, b = (parameter.detach().numpy() for parameter in layer.parameters())
            own = np.diag(s[member]) @ weight @ np.diag(r[member])
            hidden = np.maximum(hidden @ own.T + b[member], 0)
        np.testing.assert_allclose(found[:, member], hidden, rtol=1e-9, atol=1e-12)


def test_members_differ_at_the_start_by_the_first_scaling_alone():
    with seeded(0, "trunk"):
        trunk = TabM(5, [4, 4], n_members=8)
    first, second = (dict(layer.named_parameters()) for layer in trunk.layers)
    assert set(first["before"].unique().tolist()) == {-1.0, 1.0}
    for scaling in (first["after"], second["before"], second["after"]):
        assert bool((scaling == 1).all())
    for bias in (first["bias"], second["bias"]):
        assert bool((bias == bias[:1]).all())


def test_the_normal_start_draws_the_first_scaling_from_a_normal_distribution():
    with seeded(0, "trunk"):
        before = TabM(100, [4], n_members=50, start="normal").layers[0].get_parameter("before")
    assert abs(before.mean().item()) < 0.05 and abs(before.std().item() - 1) < 0.05


@pytest.mark.parametrize("task", _TASKS, ids=_IDS)
@pytest.mark.parametrize("masked", [False, True], ids=["labelled", "masked"])
def test_the_objective_is_the_average_of_the_members_objectives(task, masked):
    members = torch.randn(6, 5, task.n_outputs, generator=generator(0, "members"))
    target = _target(task, 6)
    mask = torch.rand(target.shape, generator=generator(0, "mask")) < 0.6 if masked else None
    expected = torch.stack([task.objective(members[:, m], target, mask) for m in range(5)]).mean()
    torch.testing.assert_close(member_task(task).objective(members, target, mask), expected)


@pytest.mark.parametrize("task", _TASKS, ids=_IDS)
def test_a_single_prediction_has_the_loss_of_the_task(task):
    prediction, target = torch.randn(6, task.n_outputs, generator=generator(0, "p")), _target(task, 6)
    torch.testing.assert_close(
        member_task(task).objective(prediction, target), task.objective(prediction, target)
    )


def test_a_loss_of_the_task_itself_is_kept():
    task = Task(name="value", kind="regression", loss=lambda p, t: (p - t).abs())
    members = torch.tensor([[[1.0], [5.0]]])
    assert member_task(task).objective(members, torch.tensor([2.0])).item() == 2.0


def test_as_many_rows_as_members_are_not_mixed_up():
    members = torch.arange(4.0).reshape(2, 2, 1)  # rows (0, 1) and (2, 3)
    found = member_task(_TASKS[0]).objective(members, torch.tensor([0.0, 2.0]))
    assert found.item() == 0.5


@pytest.mark.parametrize("task", _TASKS, ids=_IDS)
def test_outside_training_values_or_probabilities_are_averaged(task):
    with seeded(0, "head"):
        head = TabMHead(task, 6, n_members=5).double()
    represented = 3 * torch.randn(7, 5, 6, dtype=torch.float64, generator=generator(0, "rows"))
    members = head.train()(represented).detach().numpy()  # [row, member, output]
    found = head.eval()(represented).detach()
    if task.kind == "regression":
        np.testing.assert_allclose(found.numpy(), members.mean(1))
        return
    probabilities = softmax(members, axis=-1) if task.kind == "multiclass" else expit(members)
    expected = probabilities.mean(1)
    expected = expected[:, 0] if task.kind == "binary" else expected
    np.testing.assert_allclose(task.probabilities(found).numpy(), expected, rtol=1e-9)


@pytest.mark.parametrize("task", _TASKS[2:], ids=_IDS[2:])
def test_members_that_are_very_sure_average_to_finite_logits(task):
    with seeded(0, "head"):
        head = TabMHead(task, 6, n_members=5)
    sure = 1e4 * torch.randn(2, 5, 6, generator=generator(0, "sure"))
    found, members = head.eval()(sure), head.train()(sure).double()
    assert bool(found.isfinite().all())
    expected = (members.softmax(-1) if task.kind == "multiclass" else members.sigmoid()).mean(1)
    expected = expected.squeeze(-1) if task.kind == "binary" else expected
    torch.testing.assert_close(task.probabilities(found), expected.float(), rtol=1e-3, atol=1e-6)


def test_a_head_is_one_linear_layer_for_each_member():
    with seeded(0, "head"):
        head = TabMHead(_TASKS[3], 6, n_members=5)
    represented = torch.randn(7, 5, 6, generator=generator(0, "rows"))
    for member in range(5):
        expected = represented[:, member] @ head.weight[member] + head.bias[member]
        torch.testing.assert_close(head(represented)[:, member], expected)


def test_a_model_of_members_keeps_the_contract_of_learners():
    learner, episode = _learner()
    check_learner(learner, [episode])


def test_members_share_the_trunk_and_heads_are_private():
    learner, _ = _learner()
    assert {name: len(found) for name, found in private_parameters(learner).items()} == dict.fromkeys(_IDS, 2)


def test_training_lowers_every_objective_and_members_become_different():
    learner, episode = _learner(spread=False)
    before = learner.objectives([episode]).by_name()
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        learner.objectives([episode]).total().backward()
        optimizer.step()
    after = learner.objectives([episode]).by_name()
    assert all(after[name] < before[name] for name in before)
    trunk = learner.get_submodule("sharing.trunk")
    scales = trunk.get_parameter("layers.1.after")
    assert bool((scales.std(0) > 1e-3).any())


def test_a_member_task_can_be_pickled():
    task = member_task(_TASKS[3])
    assert pickle.loads(pickle.dumps(task)) == task  # noqa: S301 - our own bytes


def test_a_trunk_without_layers_and_an_unknown_start_are_named_together():
    with pytest.raises(
        InputError, match=r"`widths` needs a layer.*`start` is 'ones'; use 'signs' or 'normal'"
    ):
        TabM(3, [], start="ones")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"`n_members` must be at least 1, got 8 and 0"):
        TabMHead(_TASKS[0], 8, n_members=0)


def test_inputs_and_representations_of_another_shape_are_refused():
    with pytest.raises(InputError, match=r"must be \[row, 3\], but have shape \(5, 2\)"):
        TabM(3, [4])(torch.zeros(5, 2))
    with pytest.raises(InputError, match=r"trunk and head need the same `n_members`"):
        TabMHead(_TASKS[0], 4, n_members=3)(torch.zeros(5, 2, 4))

"""Several networks are one learner."""

import pytest
import torch
from torch import nn
from torch.optim import Adam

from polytask.architectures import BranchingTree, HardSharing
from polytask.balancing import BalancedBackward
from polytask.balancing.methods import EqualWeights, PCGrad
from polytask.checks import check_learner
from polytask.core import (
    Batch,
    Episode,
    InputError,
    SharedModel,
    Task,
    generator,
    jacobian,
    private_parameters,
    seeded,
    shared_parameters,
)
from polytask.data import JointSource
from polytask.relate.grouping import Grouping, group_tasks
from polytask.relate.networks import GroupedModel
from polytask.train import train

NAMES = ("a.b", "c", "d", "e")
TASKS = [Task(name=name, kind="regression") for name in NAMES]
APART = Grouping(
    groups=(("a.b", "d"), ("c",), ("e",)),
    served_by={"a.b": 0, "d": 0, "c": 1, "e": 2},
    gain=dict.fromkeys(NAMES, 0.0),
    cost=3.0,
    method="exact",
)
HELPED = Grouping(
    groups=(("a.b", "d", "e"), ("c", "d"), ("e",)),
    served_by={"a.b": 0, "d": 0, "c": 1, "e": 2},
    gain=dict.fromkeys(NAMES, 0.0),
    cost=3.0,
    method="exact",
)


def build(group) -> SharedModel:
    trunk = nn.Sequential(nn.Linear(3, 8), nn.Tanh())
    return SharedModel(group, HardSharing(trunk), {task.name: nn.Linear(8, 1) for task in group})


def model(grouping: Grouping = APART) -> GroupedModel:
    with seeded(0, "model"):
        return GroupedModel(TASKS, grouping, build)


def batch(names=NAMES) -> Batch:
    draw = generator(0, "batch")
    inputs = torch.randn(64, 3, generator=draw)
    return Batch(
        inputs=inputs,
        targets={name: inputs @ torch.randn(3, generator=draw) for name in names},
        masks={"c": torch.arange(64) % 3 != 0} if "c" in names else {},
    )


def episode(names=NAMES) -> Episode:
    return Episode(tasks=tuple(TASKS), query=batch(names))


@pytest.mark.parametrize("grouping", [APART, HELPED])
def test_it_is_a_learner_like_any_other(grouping):
    check_learner(model(grouping), [episode(), episode(("a.b", "c", "d", "e"))])


@pytest.mark.parametrize("grouping", [APART, HELPED])
def test_a_task_is_answered_by_the_network_that_serves_it(grouping):
    learner, inputs = model(grouping), batch().inputs
    answers = learner.adapt(TASKS)(inputs)
    assert tuple(answers) == NAMES
    for task in TASKS:
        serving = learner.networks[grouping.served_by[task.name]]
        torch.testing.assert_close(answers[task.name], serving.adapt([task])(inputs)[task.name])


def test_disjoint_groups_have_one_objective_a_task():
    found = model().objectives([episode()])
    assert set(found.names) == set(NAMES)
    assert found.counts is not None
    assert dict(zip(found.names, found.counts)) == {"a.b": 64, "c": 42, "d": 64, "e": 64}


def test_a_task_that_helps_has_an_objective_there_too():
    learner = model(HELPED)
    found = learner.objectives([episode()])
    assert found.names == learner.objective_names == ("a.b", "d", "e@0", "c", "d@1", "e")
    alone = learner.networks[1].objectives([Episode(tasks=(TASKS[2],), query=batch().only(["d"]))])
    torch.testing.assert_close(found.values[4], alone.values[0])


def test_no_gradient_passes_between_networks():
    learner = model(HELPED)
    found = learner.objectives([episode()])
    second = list(learner.networks[1].parameters())
    rows = jacobian(found.values, second)
    reached = {name for name, row in zip(found.names, rows) if row.abs().sum() > 0}
    assert reached == {"c", "d@1"}


def test_the_network_of_a_task_alone_is_private_to_it():
    learner = model()
    own = {id(parameter) for parameter in learner.networks[1].parameters()}
    assert own == {id(parameter) for parameter in private_parameters(learner)["c"]}
    assert not own & {id(parameter) for parameter in shared_parameters(learner)}


def test_a_task_without_label_is_absent_and_leaves_its_network_alone():
    found = model(HELPED).objectives([episode(("a.b", "c", "d"))])
    assert set(found.absent) == {"e@0", "e"}
    assert "e" not in found.names


@pytest.mark.parametrize("engine", ["exact", "features", "loop"])
@pytest.mark.parametrize("grouping", [APART, HELPED])
def test_every_engine_finds_the_gradients_of_the_sum(grouping, engine):
    learner = model(grouping)
    learner.objectives([episode()]).total().backward()
    expected = [parameter.grad for parameter in learner.parameters()]
    learner.zero_grad(set_to_none=True)
    BalancedBackward(learner, EqualWeights(), engine=engine)(learner.objectives([episode()]))
    for parameter, gradient in zip(learner.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


@pytest.mark.parametrize("grouping", [APART, HELPED])
def test_taps_give_the_jacobian_of_the_shared_parameters(grouping):
    learner = model(grouping)
    found = learner.objectives([episode()])
    expected = jacobian(found.values, shared_parameters(learner))
    rows = torch.zeros_like(expected)
    for taps in found.taps:
        for position, name in enumerate(found.names):
            if name in taps:
                (at_tap,) = torch.autograd.grad(found.values[position], taps[name], retain_graph=True)
                parts = torch.autograd.grad(
                    taps[name],
                    shared_parameters(learner),
                    at_tap,
                    retain_graph=True,
                    allow_unused=True,
                    materialize_grads=True,
                )
                rows[position] += torch.cat([part.flatten() for part in parts])
    torch.testing.assert_close(rows, expected)


def test_it_trains_with_a_balancer():
    learner, data = model(HELPED), batch()
    before = learner.objectives([episode()]).total().item()
    source = JointSource(TASKS, data, batch_size=32, seed=0)
    train(learner, source, n_steps=60, balancer=PCGrad(), optimizer=lambda p: Adam(p, lr=0.02), seed=0)
    assert learner.objectives([episode()]).total().item() < before / 2


def test_disjoint_groups_are_a_tree_of_one_depth():
    learner, inputs = model(), batch().inputs
    tree = BranchingTree(NAMES, [lambda: nn.Sequential(nn.Linear(3, 8), nn.Tanh())], groups=[APART.groups])
    other = SharedModel(TASKS, tree, {name: nn.Linear(8, 1) for name in NAMES})
    with torch.no_grad():
        for ours, theirs in zip(shared_parameters(learner), shared_parameters(other), strict=True):
            theirs.copy_(ours)
        for name in NAMES:
            ours, theirs = private_parameters(learner)[name], private_parameters(other)[name]
            for one, copied in zip(ours, theirs, strict=True):
                copied.copy_(one)
    answers = learner.adapt(TASKS)(inputs)
    for name, answer in other.adapt(TASKS)(inputs).items():
        torch.testing.assert_close(answers[name], answer)


def test_a_found_grouping_can_be_built():
    gains = torch.tensor([[0, -1, 2, -1], [-1, 0, -1, -1], [2, -1, 0, -1], [-1, -1, -1, 0]])
    assert len(model(group_tasks(gains, NAMES, budget=3)).networks) == 3


def test_a_grouping_of_other_tasks_is_refused():
    with pytest.raises(InputError, match=r"The tasks are a.b, c, but the grouping's are"):
        GroupedModel(TASKS[:2], APART, build)


def test_what_is_no_learner_is_refused():
    with pytest.raises(InputError, match="must return a learner, but gave Linear, Linear, Linear"):
        GroupedModel(TASKS, APART, lambda group: nn.Linear(2, 2))  # type: ignore[arg-type, return-value]


def test_two_objectives_of_one_name_are_refused():
    grouping = Grouping(
        groups=(("a", "a@1"), ("b", "a")),
        served_by={"a": 0, "a@1": 0, "b": 1},
        gain={},
        cost=2.0,
        method="exact",
    )
    tasks = [Task(name=name, kind="regression") for name in ("a", "a@1", "b")]
    with pytest.raises(InputError, match="two objectives share a name"):
        GroupedModel(tasks, grouping, build)


def test_an_unknown_task_is_named():
    with pytest.raises(InputError, match="knows no task 'f'"):
        model().adapt([Task(name="f", kind="regression")])

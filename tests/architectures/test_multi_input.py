"""Tasks on different inputs share a trunk."""

import copy
from collections.abc import Iterable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from polytask.architectures.hard import HardSharing
from polytask.architectures.multi_input import MultiInputSharing
from polytask.balancing import BalancedBackward
from polytask.balancing.methods import UPGrad
from polytask.checks import check_learner
from polytask.core import (
    Batch,
    Episode,
    InputError,
    SharedModel,
    Task,
    generator,
    private_parameters,
    seeded,
    shared_parameters,
)
from polytask.data import JointSource
from polytask.data.steps.several_sources import SeveralSources
from polytask.train import train

DIGITS = Task(name="digits", kind="multiclass", n_outputs=3)
LETTERS = Task(name="letters.small", kind="multiclass", n_outputs=5)
TASKS = (DIGITS, LETTERS)
WIDTHS = {DIGITS.name: 4, LETTERS.name: 7}
NAMES = list(WIDTHS)


def build() -> MultiInputSharing:
    with seeded(0, "initialization"):
        encoders = {name: nn.Linear(width, 6) for name, width in WIDTHS.items()}
        return MultiInputSharing(encoders, nn.Sequential(nn.Tanh(), nn.Linear(6, 5), nn.Tanh()))


def model() -> SharedModel:
    with seeded(1, "initialization"):
        return SharedModel(TASKS, build(), {task.name: nn.Linear(5, task.n_outputs) for task in TASKS})


def rows(name: str, n_rows: int = 6) -> torch.Tensor:
    return torch.randn(n_rows, WIDTHS[name], generator=generator(0, "inputs", name))


def entries(n_rows: int = 6) -> dict[str, torch.Tensor]:
    return {name: rows(name, n_rows) for name in NAMES}


def labels(task: Task, n_rows: int) -> torch.Tensor:
    return torch.randint(task.n_outputs, (n_rows,), generator=generator(0, "labels", task.name))


def own_inputs() -> list[Episode]:
    """Return a step of one episode for each task, of different sizes."""
    return [
        Episode(
            tasks=(task,),
            query=Batch(inputs=rows(task.name, n_rows), targets={task.name: labels(task, n_rows)}),
        )
        for task, n_rows in zip(TASKS, (6, 9), strict=True)
    ]


def entries_by_task() -> list[Episode]:
    """Return a step of one episode, whose inputs have an entry for each task."""
    targets = {task.name: labels(task, 6) for task in TASKS}
    return [Episode(tasks=TASKS, query=Batch(inputs=entries(), targets=targets))]


def places(parameters: Iterable[nn.Parameter]) -> list[int]:
    return [id(parameter) for parameter in parameters]


every_step = pytest.mark.parametrize("steps", [own_inputs, entries_by_task])


def test_a_representation_is_the_trunk_after_the_own_encoder():
    sharing = build()
    for name in NAMES:
        first, last = sharing.encoders[name], sharing.trunk[1]
        inputs = rows(name).numpy()
        encoded = np.tanh(inputs @ first.weight.detach().numpy().T + first.bias.detach().numpy())
        expected = np.tanh(encoded @ last.weight.detach().numpy().T + last.bias.detach().numpy())
        found = sharing(rows(name), [name]).by_task[name]
        np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-5, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 8), st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
def test_a_task_reads_its_own_entry_alone_in_any_company(n_rows, names):
    sharing = build()
    together = sharing(entries(n_rows), names).by_task
    assert list(together) == names
    for name in names:
        alone = sharing(rows(name, n_rows), [name]).by_task[name]
        torch.testing.assert_close(together[name], alone, rtol=0, atol=0)


def test_entries_of_tasks_that_are_not_asked_are_not_run():
    broken = entries() | {LETTERS.name: torch.zeros(6, 99)}
    assert list(build()(broken, [DIGITS.name]).by_task) == [DIGITS.name]


def test_several_tasks_may_read_one_tensor():
    sharing = MultiInputSharing({"a": nn.Linear(3, 2), "b": nn.Linear(3, 2)}, nn.Identity())
    inputs = torch.ones(4, 3)
    found = sharing(inputs, ["a", "b"]).by_task
    for name in ["a", "b"]:
        torch.testing.assert_close(found[name], sharing.encoders[name](inputs))


class _Sum(nn.Module):
    def forward(self, parts: dict[str, torch.Tensor]) -> torch.Tensor:
        return parts["image"] + parts["text"]


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_encoder_may_read_a_mapping_as_a_whole_or_as_its_entry(wrapped):
    parts = {"image": torch.ones(2, 3), "text": torch.full((2, 3), 4.0)}
    sharing = MultiInputSharing({"a": _Sum()}, nn.Identity())
    found = sharing({"a": parts} if wrapped else parts, ["a"]).by_task["a"]
    torch.testing.assert_close(found, torch.full((2, 3), 5.0))


def test_with_encoders_that_change_nothing_it_is_hard_sharing():
    trunk, inputs = nn.Linear(3, 2), torch.randn(4, 3, generator=generator(0, "inputs"))
    found = MultiInputSharing({"a": nn.Identity(), "b": nn.Identity()}, trunk)(inputs, ["a", "b"]).by_task
    expected = HardSharing(trunk)(inputs, ["a", "b"]).by_task
    torch.testing.assert_close(found, dict(expected), rtol=0, atol=0)


def test_nothing_is_represented_where_nobody_asks():
    assert build()(entries(), []).by_task == {}


def test_encoders_are_private_and_the_trunk_is_shared():
    sharing = build()
    assert places(shared_parameters(sharing)) == places(sharing.trunk.parameters())
    found = private_parameters(sharing)
    assert {name: [p.shape for p in own] for name, own in found.items()} == {
        name: [torch.Size([6, width]), torch.Size([6])] for name, width in WIDTHS.items()
    }


def test_a_module_that_encodes_for_two_tasks_is_shared():
    encoder = nn.Linear(3, 2)
    sharing = MultiInputSharing({"a": encoder, "b": encoder}, nn.Identity())
    assert places(shared_parameters(sharing)) == places(encoder.parameters())
    assert private_parameters(sharing) == {}


def test_there_is_no_place_where_tasks_leave_the_shared_part():
    assert build()(entries(), NAMES).taps is None


@every_step
def test_it_keeps_the_contract_of_a_learner(steps):
    check_learner(model(), steps())


@every_step
@pytest.mark.parametrize("engine", ["exact", "streamed"])
def test_a_trunk_that_is_run_for_each_task_has_the_gramian_of_the_full_jacobian(steps, engine):
    found = {}
    for name in ("loop", engine):
        learner = model().double()
        backward = BalancedBackward(learner, UPGrad(), engine=name)
        episodes = [episode.to("cpu", torch.float64) for episode in steps()]
        found[name] = backward(learner.objectives(episodes)).gramian
    torch.testing.assert_close(found[engine], found["loop"], rtol=1e-8, atol=1e-10)


def test_objectives_do_not_depend_on_whether_inputs_come_as_entries_or_episodes():
    (joined,) = entries_by_task()
    apart = [
        Episode(
            tasks=(task,),
            query=Batch(
                inputs=joined.query.inputs[task.name], targets={task.name: joined.query.targets[task.name]}
            ),
        )
        for task in TASKS
    ]
    torch.testing.assert_close(model().objectives(apart).values, model().objectives([joined]).values)


def test_encoders_must_not_be_empty():
    with pytest.raises(InputError, match="`encoders` is empty; give every task one"):
        MultiInputSharing({}, nn.Identity())


def test_a_task_without_an_encoder_is_named():
    with pytest.raises(InputError, match=r"none for 'signs'; it has digits, letters\.small\."):
        build()(rows(DIGITS.name), [DIGITS.name, "signs"])


def test_a_task_without_an_entry_is_named():
    with pytest.raises(InputError, match=r"none for 'letters\.small'; they have digits\. Add the entry"):
        build()({DIGITS.name: rows(DIGITS.name)}, NAMES)


def test_an_encoder_that_cannot_read_inputs_of_another_width_says_whose_it_is():
    with pytest.raises(InputError, match=r"encoder of task 'digits' fails on inputs of shape \(6, 7\): mat1"):
        build()(rows(LETTERS.name), [DIGITS.name])


def test_an_encoder_that_cannot_read_a_mapping_says_what_is_in_it():
    strangers = {"image": {"left": torch.zeros(2, 3)}, "text": torch.zeros(2, 4)}
    with pytest.raises(
        InputError, match=r"'digits' fails on .* \{image: \{left: \(2, 3\)\}, text: \(2, 4\)\}"
    ):
        build()(strangers, [DIGITS.name])


def test_an_encoder_whose_output_the_trunk_cannot_read_is_named():
    sharing = MultiInputSharing({"a": nn.Linear(3, 8), "b": nn.Linear(3, 9)}, nn.Linear(8, 2))
    with pytest.raises(InputError, match=r"trunk fails on .* task 'b' are encoded to, shape \(5, 9\): mat1"):
        sharing(torch.zeros(5, 3), ["a", "b"])


class _Full(nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError(f"no room for {len(inputs)} rows")


def test_memory_that_ran_out_is_not_blamed_on_the_inputs():
    with pytest.raises(torch.OutOfMemoryError, match="no room for 5 rows"):
        MultiInputSharing({"a": _Full()}, nn.Identity())(torch.zeros(5, 3), ["a"])


def clusters(task: Task, part: str, n_rows: int = 400) -> Batch:
    """Draw classes with two opposite centers each: no linear layer tells them apart."""
    width, draw = WIDTHS[task.name], generator(0, part, task.name)
    centers = 3 * torch.randn(task.n_outputs, width, generator=generator(0, "centers", task.name))
    classes = torch.randint(task.n_outputs, (n_rows,), generator=draw)
    signs = 2.0 * torch.randint(2, (n_rows, 1), generator=draw) - 1
    inputs = signs * centers[classes] + torch.randn(n_rows, width, generator=draw)
    return Batch(inputs=inputs, targets={task.name: classes})


def source(task: Task) -> JointSource:
    return JointSource([task], clusters(task, "train"), batch_size=50, seed=0)


def accuracy(learner: SharedModel, task: Task) -> float:
    test = clusters(task, "test")
    found = task.decide(learner.adapt([task])(test.inputs)[task.name])
    return float((found == test.targets[task.name]).float().mean())


def deep_model() -> SharedModel:
    with seeded(0, "initialization"):
        encoders = {
            name: nn.Sequential(nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, 16))
            for name, width in WIDTHS.items()
        }
        trunk = nn.Sequential(nn.ReLU(), nn.Linear(16, 16), nn.ReLU())
        heads = {task.name: nn.Linear(16, task.n_outputs) for task in TASKS}
    return SharedModel(TASKS, MultiInputSharing(encoders, trunk), heads)


def test_two_tasks_on_different_inputs_are_both_learned_with_a_gramian_balancer():
    learner = deep_model()
    before = {task.name: accuracy(learner, task) for task in TASKS}
    outcome = train(
        learner,
        SeveralSources([source(task) for task in TASKS]),
        n_steps=250,
        balancer=UPGrad(),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=5e-3),
    )
    assert max(before.values()) < 0.6
    assert outcome.skipped == 0 and outcome.absent == {}
    assert {task.name: accuracy(learner, task) > 0.85 for task in TASKS} == dict.fromkeys(NAMES, True)


@pytest.mark.parametrize("absent", TASKS, ids=lambda task: task.name)
def test_training_moves_nothing_that_is_private_to_a_task_without_a_source(absent):
    learner = deep_model()
    before = copy.deepcopy(private_parameters(learner))
    (present,) = [task for task in TASKS if task != absent]
    train(learner, SeveralSources([source(present)]), n_steps=3, balancer=UPGrad())
    after = private_parameters(learner)
    assert len(after[absent.name]) == 6  # two layers of its encoder and its head
    assert all(map(torch.equal, after[absent.name], before[absent.name]))
    assert not any(map(torch.equal, after[present.name], before[present.name]))


READS = {"topic": ["image", "text"], "color.rgb": ["image"], "mood": ["text"], "shade": ["image"]}
SIZES = {"image": 4, "text": 3, "sound": 2}


def by_input(reads=READS) -> MultiInputSharing:
    """Every task reads 5 features, as the trunk does, whatever it reads."""
    used = dict.fromkeys(each for names in reads.values() for each in names)
    with seeded(0, "initialization"):
        encoders = {name: nn.Linear(SIZES[name], 5) for name in used}
        return MultiInputSharing(encoders, _Fold(), inputs=reads)


class _Fold(nn.Module):
    """Fold any number of encodings of 5 features onto one, and transform that."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 2)

    def forward(self, joined: torch.Tensor) -> torch.Tensor:
        return self.linear(joined.unflatten(1, (-1, 5)).sum(1)).tanh()


def parts(n_rows: int = 6) -> dict[str, torch.Tensor]:
    return {
        name: torch.randn(n_rows, width, generator=generator(0, "parts", name))
        for name, width in SIZES.items()
    }


def test_a_task_reads_its_inputs_joined_in_the_order_that_is_given():
    encoders = {"image": nn.Linear(4, 2), "text": nn.Linear(3, 5)}
    trunk, x = nn.Linear(7, 3), parts()
    for order in (["image", "text"], ["text", "image"]):
        found = MultiInputSharing(encoders, trunk, inputs={"a": order})(x, ["a"]).by_task["a"]
        joined = torch.cat([encoders[name](x[name]) for name in order], dim=1)
        torch.testing.assert_close(found, trunk(joined))


def test_maps_are_joined_along_their_channels():
    encoders = {"left": nn.Conv2d(1, 2, 3), "right": nn.Conv2d(3, 4, 3)}
    trunk = nn.Sequential(nn.Conv2d(6, 2, 1), nn.Flatten())
    maps = {"left": torch.ones(2, 1, 5, 5), "right": torch.ones(2, 3, 5, 5)}
    found = MultiInputSharing(encoders, trunk, inputs={"a": ["left", "right"]})(maps, ["a"]).by_task["a"]
    joined = torch.cat([encoders[name](maps[name]) for name in ("left", "right")], dim=1)
    torch.testing.assert_close(found, trunk(joined))


def test_an_input_is_encoded_once_for_all_tasks_and_the_trunk_run_once_for_all_that_read_the_same():
    sharing, calls = by_input(), []
    for name, encoder in {**dict(sharing.encoders["topic"].named_children())}.items():
        encoder.register_forward_hook(lambda *_, name=name: calls.append(name))
    sharing.trunk.register_forward_hook(lambda *_: calls.append("trunk"))
    sharing(parts(), list(READS))
    assert sorted(calls) == ["task:image", "task:text", "trunk", "trunk", "trunk"]
    calls.clear()
    sharing(parts(), ["shade", "color.rgb"])
    assert calls == ["task:image", "trunk"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(list(READS)), min_size=1, unique=True))
def test_a_task_by_inputs_is_answered_alike_in_any_company(names):
    sharing = by_input()
    together = sharing(parts(), names).by_task
    assert list(together) == names
    for name in names:
        torch.testing.assert_close(together[name], sharing(parts(), [name]).by_task[name], rtol=0, atol=0)


def test_the_encoder_of_an_input_that_one_task_reads_is_private_and_any_other_shared():
    sharing = by_input({"a": ["image", "sound"], "b": ["image", "text"], "c": ["text"]})
    image, sound = (sharing.encoders["a"][name] for name in ("image", "sound"))
    text = sharing.encoders["c"]["text"]
    assert sharing.encoders["b"]["text"] is text
    expected = [*image.parameters(), *text.parameters(), *sharing.trunk.parameters()]
    assert set(places(shared_parameters(sharing))) == set(places(expected))
    assert {name: places(own) for name, own in private_parameters(sharing).items()} == {
        "a": places(sound.parameters())
    }
    by_task = sharing(parts(), ["a", "b", "c"]).by_task
    for name, reached in {"a": True, "b": False, "c": False}.items():
        (gradient,) = torch.autograd.grad(
            by_task[name].sum(), [sound.weight], retain_graph=True, allow_unused=True
        )
        assert (gradient is not None) == reached


def test_one_encoder_for_one_input_of_all_tasks_is_hard_sharing():
    encoder, trunk, x = nn.Linear(4, 3), nn.Linear(3, 2), parts()
    found = MultiInputSharing({"image": encoder}, trunk, inputs={"a": ["image"], "b": ["image"]})
    expected = HardSharing(nn.Sequential(encoder, trunk))(x["image"], ["a", "b"]).by_task
    for inputs in (x, x["image"]):
        torch.testing.assert_close(found(inputs, ["a", "b"]).by_task, dict(expected), rtol=0, atol=0)


def test_every_task_with_an_input_of_its_name_is_the_form_without_inputs():
    plain = build()
    encoders = {name: plain.encoders[name] for name in NAMES}
    named = MultiInputSharing(encoders, plain.trunk, inputs={name: [name] for name in NAMES})
    torch.testing.assert_close(named(entries(), NAMES).by_task, plain(entries(), NAMES).by_task)
    assert {name: places(own) for name, own in private_parameters(named).items()} == {
        name: places(own) for name, own in private_parameters(plain).items()
    }


def test_a_model_by_inputs_keeps_the_contract_of_a_learner_and_has_the_gramian_of_the_full_jacobian():
    tasks = tuple(Task(name=name, kind="regression") for name in READS)
    targets = {name: torch.randn(6, generator=generator(0, "targets", name)) for name in READS}
    with seeded(0, "initialization"):
        model = SharedModel(tasks, by_input(), {name: nn.Linear(2, 1) for name in READS})
    steps = [Episode(tasks=tasks, query=Batch(inputs=parts(), targets=targets))]
    check_learner(model, steps)
    found = {}
    for engine in ("loop", "exact", "streamed"):
        learner = copy.deepcopy(model).double()
        episodes = [episode.to("cpu", torch.float64) for episode in steps]
        found[engine] = BalancedBackward(learner, UPGrad(), engine=engine)(learner.objectives(episodes))
    for engine in ("exact", "streamed"):
        torch.testing.assert_close(found[engine].gramian, found["loop"].gramian, rtol=1e-8, atol=1e-10)


def test_a_saved_state_with_shared_encoders_is_read_again():
    used, fresh = by_input(), by_input()
    for parameter in used.parameters():
        parameter.data += 1
    fresh.load_state_dict(used.state_dict())
    torch.testing.assert_close(fresh(parts(), list(READS)).by_task, used(parts(), list(READS)).by_task)


def test_all_that_keeps_inputs_from_fitting_is_said_at_once():
    encoders = {"image": nn.Linear(4, 5), "text": nn.Linear(3, 5)}
    with pytest.raises(InputError) as caught:
        MultiInputSharing(encoders, nn.Identity(), inputs={"a": [], "b": ["image", "image"], "c": ["sound"]})
    for expected in ("no input for 'a'", "repeats an input for 'b'", "without an encoder: 'sound'"):
        assert expected in str(caught.value)
    assert "never names the inputs of the encoders 'text'" in str(caught.value)
    with pytest.raises(InputError, match="never names the inputs of the encoders 'image', 'text'"):
        MultiInputSharing(encoders, nn.Identity(), inputs={})


@pytest.mark.parametrize(
    ("inputs", "names", "message"),
    [
        ({"image": torch.zeros(6, 4)}, ["topic"], r"lack 'text', which a task reads; they have image\."),
        (torch.zeros(6, 4), ["topic"], "read 'image', 'text', but the inputs are one tensor"),
        (parts(), ["topic", "z"], "`inputs` has none for 'z'; it has topic, "),
        (
            {"image": torch.zeros(6, 9)},
            ["shade"],
            r"encoder of input 'image' fails on inputs of shape \(6, 9\): mat1",
        ),
    ],
)
def test_inputs_that_do_not_fit_are_named(inputs, names, message):
    with pytest.raises(InputError, match=message):
        by_input()(inputs, names)


@pytest.mark.parametrize("odd", [nn.Flatten(0), nn.Unflatten(1, (1, 3))])
def test_encodings_that_cannot_be_joined_are_named(odd):
    sharing = MultiInputSharing(
        {"image": nn.Linear(4, 3), "text": odd}, nn.Identity(), inputs={"a": ["image", "text"]}
    )
    with pytest.raises(InputError, match=r"task 'a' are encoded to shapes \(6, 3\), .*cannot be joined"):
        sharing(parts(), ["a"])

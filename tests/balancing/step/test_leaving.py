"""What several tasks use is trained as shared, wherever it stands: in heads, embeddings, in the middle."""

from collections.abc import Callable, Sequence

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from polytask.architectures import HardSharing
from polytask.balancing import BalancedBackward, Balancer, Evidence, Weights
from polytask.balancing.engines import LastLayer
from polytask.balancing.engines.by_name import EngineName
from polytask.balancing.step.accumulation import Accumulation
from polytask.balancing.step.graph import StepGraph
from polytask.core import (
    Batch,
    Episode,
    InputError,
    Objectives,
    Representation,
    SharedModel,
    Sharing,
    Task,
    generator,
    jacobian,
    private_parameters,
    seeded,
    shared_parameters,
)
from polytask.core.shared_model import tap
from polytask.train.parts import part_of

NAMES = ("a", "b", "c")
TASKS = tuple(Task(name=name, kind="regression") for name in NAMES)
ENGINES: tuple[EngineName, ...] = ("auto", "exact", "loop", "streamed", "features", "last-layer")
EXACT = ENGINES[:4]
WEIGHTS = torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64)


class Weighing(Balancer):
    """Fixed weights that differ, with or without a look at the gradients."""

    def __init__(self, needs: str = "gramian") -> None:
        super().__init__()
        self.needs = needs

    def forward(self, evidence: Evidence) -> Weights:
        if self.needs == "gramian":
            self.seen = evidence.gramian()
        if self.needs == "jacobian":
            self.seen = evidence.jacobian() @ evidence.jacobian().T
        return Weights(values=WEIGHTS)


class Back(nn.Module):
    """A head that ends in the encoder's own weight; the module of it may be registered or not."""

    def __init__(self, encoder: nn.Linear, *, registered: bool) -> None:
        super().__init__()
        self.kept = [encoder]
        if registered:
            self.encoder = encoder
        self.last = nn.Linear(encoder.in_features, 1)

    def forward(self, represented: Tensor) -> Tensor:
        return self.last(torch.tanh(F.linear(represented, self.kept[0].weight.T)))


class OwnTaps(Sharing):
    """A shared part whose taps are made by a function of the test."""

    def __init__(self, make: Callable[[nn.Module, Tensor, Sequence[str]], Representation]) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(5, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.make = make

    def forward(self, inputs, names):
        return self.make(self, torch.tanh(self.first(inputs)), names)


def trunk() -> nn.Sequential:
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh())


def head() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 4), nn.Tanh(), nn.Linear(4, 1))


def hard(heads: dict[str, nn.Module], shared: nn.Module | None = None) -> SharedModel:
    return SharedModel(TASKS, HardSharing(shared or trunk()), heads)


def one_head_for_two() -> SharedModel:
    both = head()
    return hard({"a": both, "b": both, "c": head()})


def one_head_for_all() -> SharedModel:
    return hard(dict.fromkeys(NAMES, head()))


def a_layer_in_the_middle() -> SharedModel:
    middle = nn.Linear(8, 6)
    return hard({name: nn.Sequential(middle, nn.Tanh(), nn.Linear(6, 1)) for name in "ab"} | {"c": head()})


def one_weight_in_two_heads() -> SharedModel:
    heads = {name: nn.Linear(8, 1) for name in NAMES}
    heads["b"].weight = heads["a"].weight
    return hard(dict(heads))


def a_head_with_a_weight_of_the_trunk() -> SharedModel:
    shared = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh())
    own = nn.Linear(8, 8)
    own.weight = shared[2].weight
    return hard({"a": nn.Sequential(own, nn.Linear(8, 1)), "b": head(), "c": head()}, shared)


def tied_embedding(*, registered: bool = True) -> SharedModel:
    shared = trunk()
    return hard({"a": Back(shared[0], registered=registered), "b": head(), "c": head()}, shared)


def a_layer_behind_the_taps() -> SharedModel:
    def make(m, hidden, names):
        taps = tap(hidden, names)
        return Representation(by_task={name: torch.tanh(m.second(taps[name])) for name in names}, taps=taps)

    return SharedModel(TASKS, OwnTaps(make), {name: head() for name in NAMES})


def one_tensor_for_all_taps() -> SharedModel:
    def make(m, hidden, names):
        return Representation(by_task=dict.fromkeys(names, hidden), taps=dict.fromkeys(names, hidden))

    return SharedModel(TASKS, OwnTaps(make), {name: head() for name in NAMES})


def taps_of_different_tensors() -> SharedModel:
    def make(m, hidden, names):
        layers = {"a": m.second, "b": m.third, "c": m.third}
        taps = {name: torch.tanh(layers[name](hidden)) for name in names}
        return Representation(by_task=taps, taps=taps)

    return SharedModel(TASKS, OwnTaps(make), {name: head() for name in NAMES})


def scaled_taps() -> SharedModel:
    def make(m, hidden, names):
        taps = {name: (1 + place) * hidden for place, name in enumerate(names)}
        return Representation(by_task=taps, taps=taps)

    return SharedModel(TASKS, OwnTaps(make), {name: head() for name in NAMES})


def a_task_that_uses_anothers_tap() -> SharedModel:
    def make(m, hidden, names):
        taps = tap(hidden, names)
        return Representation(by_task={**taps, "a": taps["a"] * taps[names[-1]]}, taps=taps)

    return SharedModel(TASKS, OwnTaps(make), {name: head() for name in NAMES})


def a_way_round_the_tap() -> SharedModel:
    def make(m, hidden, names):
        taps = tap(m.second(hidden), names)
        return Representation(by_task={**taps, "b": taps["b"] + hidden}, taps=taps)

    return SharedModel(TASKS, OwnTaps(make), {name: head() for name in NAMES})


def a_tap_changed_in_place() -> SharedModel:
    heads = {name: nn.Sequential(nn.ReLU(inplace=name == "c"), nn.Linear(8, 1)) for name in NAMES}
    return hard(dict(heads), nn.Sequential(nn.Linear(5, 8), nn.Linear(8, 8)))


LEARNERS: dict[str, Callable[[], SharedModel]] = {
    make.__name__: make
    for make in (
        one_head_for_two, one_head_for_all, a_layer_in_the_middle, one_weight_in_two_heads,
        a_head_with_a_weight_of_the_trunk, tied_embedding, a_layer_behind_the_taps, one_tensor_for_all_taps,
        taps_of_different_tensors, scaled_taps, a_task_that_uses_anothers_tap, a_way_round_the_tap,
        a_tap_changed_in_place,
    )
} | {"tied_embedding_that_is_not_registered": lambda: tied_embedding(registered=False)}  # fmt: skip
NO_COMMON_PLACE = {
    "one_tensor_for_all_taps", "taps_of_different_tensors", "scaled_taps", "a_task_that_uses_anothers_tap",
    "a_tap_changed_in_place",
}  # fmt: skip


def learner(name: str) -> SharedModel:
    with seeded(1, name):
        return LEARNERS[name]().double()


def episodes(n_encodings: int, part: int = 0, n_parts: int = 1) -> list[Episode]:
    """One encoding of ten rows or several, with labels of all tasks or of two."""
    draw = generator(0, "batch")
    inputs = torch.randn(10, 5, generator=draw, dtype=torch.float64)
    targets = {name: torch.randn(10, generator=draw, dtype=torch.float64) for name in NAMES}
    whole = Batch(inputs=inputs, targets=targets)
    given = [Episode(tasks=TASKS, query=whole)]
    if n_encodings == 2:
        given = [
            Episode(tasks=TASKS, query=whole.rows(slice(0, 4))),
            Episode(tasks=TASKS[:2], query=whole.rows(slice(4, 10)).only(NAMES[:2])),
        ]
    return part_of(given, part, n_parts)


def expected(model: SharedModel, given: list[Episode]) -> dict[str, Tensor]:
    """Return the gradients from the definition: weighted where it is shared, its own where it is private."""
    values = model.objectives(given).values
    private = {id(p) for own in private_parameters(model).values() for p in own}
    found = {}
    for name, parameter in model.named_parameters():
        total = values.sum() if id(parameter) in private else (WEIGHTS * values).sum()
        (gradient,) = torch.autograd.grad(total, parameter, retain_graph=True, allow_unused=True)
        found[name] = torch.zeros_like(parameter) if gradient is None else gradient
    return found


def step(
    model: SharedModel, engine: EngineName, n_encodings: int, n_parts: int, needs: str = "gramian"
) -> Weighing:
    balancer = Weighing(needs)
    backward = BalancedBackward(model, balancer, engine=engine)
    if n_parts == 1:
        backward(model.objectives(episodes(n_encodings)))
    else:
        parts = [
            lambda part=part: model.objectives(episodes(n_encodings, part, n_parts))
            for part in range(n_parts)
        ]
        backward.accumulated(Accumulation(model, parts))
    return balancer


def trained(model: SharedModel) -> dict[str, Tensor]:
    return {
        name: torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        for name, parameter in model.named_parameters()
    }


WAYS = [(engine, 1) for engine in ENGINES] + [("auto", 2), ("features", 2), ("last-layer", 2)]


@pytest.mark.parametrize("n_encodings", [1, 2])
@pytest.mark.parametrize("name", LEARNERS)
def test_every_engine_trains_what_tasks_share_by_weight_and_the_rest_by_its_own(name, n_encodings, caplog):
    model = learner(name)
    right = expected(model, episodes(n_encodings))
    rows = jacobian(model.objectives(episodes(n_encodings)).values, shared_parameters(model))
    for engine, n_parts in WAYS:
        if engine != "features" or name not in NO_COMMON_PLACE:
            model.zero_grad()
            balancer = step(model, engine, n_encodings, n_parts)
            torch.testing.assert_close(trained(model), right, rtol=1e-9, atol=1e-12)
            if engine in EXACT:
                torch.testing.assert_close(balancer.seen, rows @ rows.T, rtol=1e-9, atol=1e-13)
    assert not caplog.records  # the first step's trial found nothing


@pytest.mark.parametrize("name", LEARNERS)
def test_methods_that_need_no_gramian_train_it_too(name):
    model = learner(name)
    right = expected(model, episodes(1))
    for needs in ("losses", "jacobian"):
        model.zero_grad()
        step(model, "auto", 1, 1, needs)
        torch.testing.assert_close(trained(model), right, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", sorted(NO_COMMON_PLACE))
def test_without_a_common_place_there_is_no_gramian_at_the_representation(name):
    with pytest.raises(InputError, match="needs one representation that all tasks share"):
        step(learner(name), "features", 1, 1)


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("n_parts", [1, 2])
def test_the_gramian_at_the_last_layer_is_that_of_its_jacobian(name, n_parts):
    model = learner(name)
    engine = LastLayer()
    engine.open(model)
    rows = jacobian(model.objectives(episodes(1)).values, engine.parameters)
    seen = step(model, "last-layer", 1, n_parts).seen
    torch.testing.assert_close(seen, rows @ rows.T, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "behind"),
    [
        ("one_head_for_two", lambda model: model.heads["a"].parameters()),
        ("a_layer_in_the_middle", lambda model: model.heads["a"][0].parameters()),
        ("one_weight_in_two_heads", lambda model: [model.heads["a"].weight]),
        ("tied_embedding", lambda model: [model.sharing.trunk[0].weight]),
        ("tied_embedding_that_is_not_registered", lambda model: [model.sharing.trunk[0].weight]),
        ("a_layer_behind_the_taps", lambda model: model.sharing.second.parameters()),
    ],
)
@pytest.mark.parametrize("n_parts", [1, 2])
def test_the_gramian_at_the_representation_has_what_is_shared_behind_it(name, behind, n_parts):
    model = learner(name)
    objectives = model.objectives(episodes(1))
    (taps,) = objectives.taps
    at_taps = [
        torch.autograd.grad(value, taps[task], retain_graph=True)[0].flatten()
        for task, value in zip(objectives.names, objectives.values, strict=True)
    ]
    rows = torch.cat([torch.stack(at_taps), jacobian(objectives.values, list(behind(model)))], dim=1)
    seen = step(model, "features", 1, n_parts).seen
    torch.testing.assert_close(seen, rows @ rows.T, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("name", LEARNERS)
def test_no_task_has_a_gradient_at_anothers_private_parameters(name):
    model = learner(name)
    objectives = model.objectives(episodes(1))
    values = dict(zip(objectives.names, objectives.values, strict=True))
    for owner, parameters in private_parameters(model).items():
        for task, value in values.items():
            found = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
            reached = any(gradient is not None and bool(gradient.any()) for gradient in found)
            assert reached == (task == owner)


def graph_of(objectives: Objectives, model: SharedModel) -> StepGraph:
    return StepGraph(objectives, shared_parameters(model), [])


def test_separate_heads_are_left_at_the_taps_with_one_backward_pass():
    model = hard({name: head() for name in NAMES})
    model.double()
    assert graph_of(model.objectives(episodes(2)), model).tapped


@pytest.mark.parametrize("change", ["scaled", "turned round"])
def test_taps_count_only_where_the_graph_tells_which_value_is_whose(change):
    model = hard({name: head() for name in NAMES}).double()
    given = model.objectives(episodes(1))
    values = given.values.flip(0) if change == "turned round" else 2 * given.values
    changed = Objectives(values=values, names=given.names, taps=given.taps)
    assert not graph_of(changed, model).tapped
    torch.testing.assert_close(
        graph_of(changed, model).jacobian(), jacobian(values, shared_parameters(model)), rtol=1e-9, atol=1e-13
    )

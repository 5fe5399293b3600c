"""Methods that adapt by gradients: closed forms on quadratic tasks, and the grid of meta-gradients."""

import copy
import pickle
from collections.abc import Callable
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from polytask.core import Batch, Episode, InputError, Task, generator, jacobian, seeded
from polytask.core.learner import TOGETHER, run_loop
from polytask.execution import check_meta_gradient
from polytask.meta import mlp
from polytask.meta.adaptation.fixed_body import n_fixed_layers
from polytask.meta.adaptation.gradient_learner import GradientLearner
from polytask.meta.adaptation.rules import SGD, Adam, RMSprop
from polytask.meta.initialization import (
    ANIL,
    BOIL,
    CAVIA,
    FOMAML,
    IMAML,
    MAML,
    MAMLPlusPlus,
    MultiStepLoss,
    ProtoMAML,
    Reptile,
)
from polytask.meta.optimization import ALFA, MetaCurvature, MetaSGD, WarpGrad

QUADRATIC = Task(
    name="centre", kind="regression", n_outputs=3, loss=lambda p, t: 0.5 * (p - t).square().sum(-1)
)
NUMBER = Task(name="y", kind="regression")
CLASSES = Task(name="class", kind="multiclass", n_outputs=3)


class Point(nn.Module):
    """Answers its parameter, whatever it is asked."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.theta = nn.Parameter(start)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.theta.expand(inputs.shape[0], -1)


def quadratic() -> tuple[Tensor, Tensor, Tensor, Episode]:
    start, centre, target = torch.randn(3, 3, generator=generator(0), dtype=torch.float64)
    zeros = torch.zeros(1, 1, dtype=torch.float64)
    support = Batch(inputs=zeros, targets={"centre": centre[None]})
    query = Batch(inputs=zeros, targets={"centre": target[None]})
    return start, centre, target, Episode(tasks=(QUADRATIC,), support=support, query=query)


def meta_gradient(learner: GradientLearner, episode: Episode) -> Tensor:
    return jacobian(run_loop(learner, [episode]), [p for p in learner.model.parameters() if p.requires_grad])[
        0
    ]


def episodes(n_features: int = 4) -> list[Episode]:
    def batch(n_rows: int, *path: str | int) -> Batch:
        draw = generator(0, *path)
        x = torch.randn(n_rows, n_features, generator=draw)
        return Batch(inputs=x, targets={"class": torch.arange(n_rows) % 3})

    return [
        Episode(tasks=(CLASSES,), support=batch(6, "support", i), query=batch(5, "query", i))
        for i in range(3)
    ]


def net(*, norm: bool = False) -> nn.Sequential:
    with seeded(0, "net"):
        middle: list[nn.Module] = [nn.BatchNorm1d(5)] if norm else []
        return nn.Sequential(nn.Linear(4, 5), *middle, nn.Tanh(), nn.Linear(5, 3))


class Attention(nn.Module):
    """A transformer layer over the features of an example."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(1, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 8, dropout=0.0, batch_first=True, activation="gelu")
        self.head = nn.Linear(8, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.layer(self.embed(inputs.unsqueeze(-1))).mean(1))


def attention() -> Attention:
    with seeded(0, "attention"):
        return Attention()


def by_rule(rule: SGD | Adam | RMSprop, **options: object) -> Callable[[], GradientLearner]:
    return lambda: GradientLearner(net(), rule=rule, n_steps=3, **options)  # pyright: ignore[reportArgumentType]


GRID: dict[str, Callable[[], GradientLearner]] = {
    "momentum": by_rule(SGD(0.2, momentum=0.9)),
    "Adam": by_rule(Adam(0.05)),
    "RMSprop": by_rule(RMSprop(0.05)),
    "recomputed": by_rule(SGD(0.2), recompute=True),
    "recomputed Adam": by_rule(Adam(0.05), recompute=True),
    "inner batches": by_rule(SGD(0.2), batch_size=2),
    "attention": lambda: MAML(attention(), inner_rate=0.2, n_steps=2),
    "attention, recomputed": lambda: MAML(attention(), inner_rate=0.2, n_steps=2, recompute=True),
    "ANIL": lambda: ANIL(net(), n_steps=3),
    "ANIL, recomputed": lambda: GradientLearner(
        net(), rule=SGD(0.2), n_steps=2, adapted=["2.weight", "2.bias"], recompute=True
    ),
    "ANIL with BatchNorm": lambda: ANIL(net(norm=True), n_steps=3, normalization="batch"),
    "BOIL": lambda: BOIL(net(), n_steps=2),
    "MAML++": lambda: MAMLPlusPlus(net(norm=True), n_steps=3, n_multi_step=10),
    "CAVIA": lambda: CAVIA(mlp([4 + 3, 6, 3], nn.Tanh), n_context=3, n_steps=2),
    "ProtoMAML": lambda: ProtoMAML(mlp([4, 6, 5], nn.Tanh), n_steps=2, second_order=True),
    "Meta-SGD": lambda: MetaSGD(net(), n_steps=2),
    "Meta-SGD, recomputed": lambda: GradientLearner(
        net(), rule=MetaSGD(net()).rule, n_steps=2, recompute=True
    ),
    "Meta-Curvature": lambda: MetaCurvature(net(), n_steps=2),
    "ALFA": lambda: ALFA(net(), n_steps=2, inner_rate=0.1),
}


@pytest.mark.parametrize("name", GRID)
def test_the_meta_gradient_is_that_of_finite_differences_in_every_execution(name: str) -> None:
    with seeded(0, "learner"):
        learner = GRID[name]()
    for parameter in learner.rule.parameters():  # away from the zeros and ones that rules start with
        parameter.data += 0.01 * torch.randn(parameter.shape, generator=generator(1))
    report = check_meta_gradient(learner, episodes()[:2], n_directions=1)
    report.raise_if_wrong()
    assert report.finite_difference_error is not None


def test_on_quadratic_tasks_truncation_keeps_the_last_steps_only() -> None:
    start, centre, target, episode = quadratic()
    learner = GradientLearner(Point(start.clone()), rule=SGD(0.3), n_steps=4, n_differentiated=2)
    end = centre + 0.7**4 * (start - centre)
    torch.testing.assert_close(meta_gradient(learner, episode), 0.7**2 * (end - target))


@pytest.mark.parametrize("solver", ["cg", "neumann"])
def test_on_quadratic_tasks_imaml_has_the_implicit_gradient(solver: Literal["cg", "neumann"]) -> None:
    start, centre, target, episode = quadratic()
    learner = IMAML(
        Point(start.clone()),
        strength=2.0,
        n_steps=60,
        solver=solver,
        n_solver_steps=40,
    )
    end = (centre + 2.0 * start) / 3.0  # of |p - c|^2 / 2 + |p - theta|^2
    found = learner.learn(episode.tasks, episode.support or episode.query)[TOGETHER]["theta"]
    torch.testing.assert_close(found, end, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(
        meta_gradient(learner, episode), (end - target) / (1 + 1 / 2.0), rtol=1e-4, atol=1e-5
    )


def test_the_implicit_gradient_of_a_converged_network_is_that_of_the_unrolled_loop() -> None:
    options = {"strength": 1.0, "rule": SGD(0.3), "n_steps": 400}
    implicit = IMAML(net(), n_solver_steps=60, **options).double()
    unrolled = GradientLearner(net(), rule=implicit.rule, n_steps=400).double()
    (episode, *_) = (e.to("cpu", torch.float64) for e in episodes())
    torch.testing.assert_close(
        meta_gradient(implicit, episode), meta_gradient(unrolled, episode), rtol=1e-6, atol=1e-9
    )


def test_reptile_pulls_towards_the_end_of_training_on_all_examples() -> None:
    start, centre, target, episode = quadratic()
    learner = Reptile(Point(start.clone()), rule=SGD(0.25), n_steps=3, batch_size=None)
    middle = (centre + target) / 2
    end = middle + 0.75**3 * (start - middle)
    torch.testing.assert_close(meta_gradient(learner, episode), start - end)


@pytest.mark.parametrize("build", [lambda: IMAML(net()), lambda: Reptile(net(), rule=SGD(0.1), batch_size=4)])
def test_gradients_that_are_no_derivative_agree_between_executions(
    build: Callable[[], GradientLearner],
) -> None:
    report = check_meta_gradient(build(), episodes())
    report.raise_if_wrong()
    assert report.finite_difference_error is None


def test_anil_changes_the_head_alone_and_boil_the_rest() -> None:
    (episode, *_) = episodes()
    assert episode.support is not None
    assert set(ANIL(net()).adapt(episode.tasks, episode.support).state[TOGETHER]) == {"2.weight", "2.bias"}
    assert set(BOIL(net()).adapt(episode.tasks, episode.support).state[TOGETHER]) == {"0.weight", "0.bias"}


class Whole(nn.Module):
    """A model whose layers nobody can see to follow each other."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layers(inputs)


@pytest.mark.parametrize(
    "options",
    [{}, {"n_differentiated": 0}, {"n_differentiated": 1}, {"recompute": True}, {"rule": Adam(0.1)}],
    ids=str,
)
def test_running_the_body_once_changes_neither_the_state_nor_the_meta_gradient(
    options: dict[str, object],
) -> None:
    (episode, *_) = (e.to("cpu", torch.float64) for e in episodes())
    assert episode.support is not None
    found = []
    for model, prefix in ((net(norm=True), ""), (Whole(net(norm=True)), "layers.")):
        learner = GradientLearner(
            model,
            n_steps=3,
            adapted=[f"{prefix}3.weight", f"{prefix}3.bias"],
            normalization="batch",
            **{"rule": SGD(0.5), **options},
        ).double()
        state = learner.learn(episode.tasks, episode.support)[TOGETHER]
        found.append((*(tensor.detach() for tensor in state.values()), meta_gradient(learner, episode)))
    for once, every in zip(*found, strict=True):
        torch.testing.assert_close(once, every)


@pytest.mark.parametrize(
    ("options", "n_calls"),
    [({}, 1), ({"adapted": ["0.bias", "2.bias"]}, 3), ({"batch_size": 2}, 3), ({"n_steps": 1}, 1)],
    ids=str,
)
def test_a_body_that_no_step_changes_runs_once(options: dict[str, object], n_calls: int) -> None:
    (episode, *_) = episodes()
    assert episode.support is not None
    model = net()
    calls = []
    model[0].register_forward_hook(lambda *_: calls.append(1))
    kept = {"adapted": ["2.weight", "2.bias"], "n_steps": 3, **options}
    GradientLearner(model, **kept).learn(episode.tasks, episode.support)
    assert len(calls) == n_calls


def test_a_model_is_cut_only_where_its_layers_are_known_to_follow_each_other() -> None:
    changed = {"2.weight"}
    assert n_fixed_layers(net(), changed) == 2
    assert n_fixed_layers(Whole(net()), {"layers.2.weight"}) == 0
    hooked = net()
    hooked.register_forward_hook(lambda _module, _inputs, output: 2 * output)
    assert n_fixed_layers(hooked, changed) == 0
    tied = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    tied[2].weight = tied[0].weight
    assert n_fixed_layers(tied, changed) == 0
    assert n_fixed_layers(nn.Sequential(nn.Flatten(), nn.Linear(4, 3)), {"1.bias"}) == 0  # nothing to save


def test_a_body_that_does_not_answer_row_by_row_runs_with_the_rest() -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.Flatten(0), nn.Linear(30, 18), nn.Unflatten(0, (6, 3)))
    (episode, *_) = episodes()
    assert episode.support is not None
    state = ANIL(model, n_steps=2).learn(episode.tasks, episode.support)[TOGETHER]
    assert set(state) == {"2.weight", "2.bias"}


def test_the_head_may_be_any_module() -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 3)))
    assert ANIL(model, head="2").adapted == ("2.0.weight", "2.0.bias", "2.1.weight", "2.1.bias")


def test_proto_maml_without_steps_answers_like_prototypes() -> None:
    from polytask.meta.metric import Prototypes

    encoder = mlp([4, 6, 5], nn.Tanh)
    (episode, *_) = episodes()
    answers = [
        learner.adapt(episode.tasks, episode.support)(episode.query.inputs)["class"].softmax(-1)
        for learner in (ProtoMAML(encoder, n_steps=0), Prototypes(encoder))
    ]
    torch.testing.assert_close(*answers)


def test_a_context_is_all_that_cavia_adapts_and_it_starts_at_zero() -> None:
    learner = CAVIA(mlp([4 + 2, 3]), n_context=2, n_steps=0)
    (episode, *_) = episodes()
    state = learner.adapt(episode.tasks, episode.support).state[TOGETHER]
    assert set(state) == {"context"}
    assert not state["context"].any()
    assert learner.with_steps(1).adapt(episode.tasks, episode.support).state[TOGETHER]["context"].any()


def test_the_weights_of_the_steps_go_from_equal_to_the_last_alone() -> None:
    objective = MultiStepLoss(n_updates=4)
    torch.testing.assert_close(objective.weights(2), torch.tensor([0.5, 0.5]))
    for _ in range(2):
        objective.after()
    torch.testing.assert_close(objective.weights(2), torch.tensor([0.25, 0.75]))
    for _ in range(7):
        objective.after()
    torch.testing.assert_close(objective.weights(2), torch.tensor([0.0, 1.0]))


def test_maml_plus_plus_counts_its_updates_in_its_state() -> None:
    learner = MAMLPlusPlus(net(norm=True), n_steps=2, n_first_order=2)
    orders = []
    for _ in range(4):
        learner.objectives(episodes())
        orders.append(bool(learner.objective.first_order))  # pyright: ignore[reportOptionalMemberAccess]
    assert orders == [True, True, False, False]
    assert float(learner.state_dict()["objective.n_done"]) == 4


def test_meta_curvature_begins_as_gradient_descent() -> None:
    (episode, *_) = episodes()
    states = [
        learner.adapt(episode.tasks, episode.support).state[TOGETHER]
        for learner in (
            MetaCurvature(net(), inner_rate=0.2),
            MAML(net(), inner_rate=0.2),
            ALFA(net(), inner_rate=0.2, n_steps=1),
        )
    ]
    for state in states[1:]:
        for name, tensor in state.items():
            torch.testing.assert_close(tensor, states[0][name])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: GradientLearner(net(), adapted=["nose"]), "`adapted` names 'nose', but the trainable"),
        (lambda: GradientLearner(net(), n_differentiated=-1), "`n_differentiated` must be 0 or more, got -1"),
        (lambda: GradientLearner(net(), batch_size=0), "`batch_size` must be at least 1, got 0"),
        (lambda: ANIL(net(), head="7"), "`head` is '7', but the modules of `model` are 0, 1, 2"),
        (lambda: ANIL(nn.Linear(2, 3), head=""), "The head '' has 0 and the body 2 trainable parameters"),
        (lambda: CAVIA(net(), n_context=0), "needs a buffer named `context` of its own"),
        (lambda: IMAML(net(), strength=0.0), "`strength` must be above 0, got 0.0"),
        (lambda: IMAML(net(), solver="lu"), "`solver` is 'lu'; use 'cg' or 'neumann'"),  # pyright: ignore[reportArgumentType]
        (lambda: MAMLPlusPlus(net()), "`model` has no BatchNorm layer"),
        (lambda: MultiStepLoss(n_updates=-1), "must be 0 or more, got -1"),
    ],
)
def test_a_bad_argument_is_named(build: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()


METHODS = {
    **dict.fromkeys([ALFA, ANIL, BOIL, FOMAML, IMAML, MAML, MetaCurvature, MetaSGD, Reptile, WarpGrad], 4),
    CAVIA: 4 + 5,
    MAMLPlusPlus: 4,
    ProtoMAML: 4,
}


def made(method: type[GradientLearner], **options: Any) -> GradientLearner:
    with seeded(0):
        width = METHODS[method]
        model = nn.Sequential(nn.Linear(width, 6), nn.BatchNorm1d(6), nn.LayerNorm(6), nn.Linear(6, 3))
        return method(model, **{"normalization": "batch", **options})


@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_a_class_of_gradient_learners_and_copies_keep_it(method: type[GradientLearner]) -> None:
    learner = made(method)
    (episode, *_) = episodes()
    episode = episode.to("cpu", torch.float32)
    expected = learner.adapt(episode.tasks, episode.support)(episode.query.inputs)["class"]
    for other in (
        learner,
        copy.deepcopy(learner),
        pickle.loads(pickle.dumps(learner)),  # noqa: S301 - our own
        learner.with_steps(1),
    ):
        assert isinstance(other, GradientLearner) and type(other) is method
        assert repr(other).startswith(f"{method.__name__}(")
        found = other.with_steps(learner.n_steps).adapt(episode.tasks, episode.support)
        torch.testing.assert_close(found(episode.query.inputs)["class"], expected)


@pytest.mark.parametrize("method", METHODS)
def test_the_options_of_the_inner_loop_are_everybodys(method: type[GradientLearner]) -> None:
    learner = made(method, batch_size=2, recompute=True)
    assert (learner.batch_size, learner.recompute, learner.normalization) == (2, True, "batch")
    values = learner.objectives([episode.to("cpu", torch.float32) for episode in episodes()]).values
    values.sum().backward()
    assert any(bool((p.grad != 0).any()) for p in learner.model.parameters() if p.grad is not None)


@pytest.mark.parametrize("method", [method for method in METHODS if method not in (IMAML, Reptile)])
def test_scales_and_shifts_may_be_left_to_the_outer_loop(method: type[GradientLearner]) -> None:
    whole, left = made(method), made(method, adapt_normalization=False)
    inside = {name for name, p in whole.model.named_parameters() if p.shape == (6,) and "bias" not in name}
    assert not inside & set(left.adapted)
    if method not in (ANIL, MAMLPlusPlus):  # whose head has none, and who never adapts those by step
        assert inside <= set(whole.adapted)
    values = left.objectives([episode.to("cpu", torch.float32) for episode in episodes()]).values
    values.sum().backward()
    gradients = [p.grad for name, p in left.model.named_parameters() if name in inside]
    assert all(gradient is not None and bool((gradient != 0).any()) for gradient in gradients)


@pytest.mark.parametrize("method", [IMAML, Reptile])
def test_what_would_never_be_trained_is_refused(method: type[GradientLearner]) -> None:
    message = f"{method.__name__} trains what its inner loop changes, and would never train 1.weight, 1.bias"
    with pytest.raises(InputError, match=message):
        made(method, adapt_normalization=False)


def test_nothing_but_normalization_is_no_inner_loop() -> None:
    with pytest.raises(InputError, match="MAML would adapt nothing but normalization"):
        MAML(nn.LayerNorm(3), adapt_normalization=False)

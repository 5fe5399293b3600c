"""Every engine gives the Gramian of the gradients, and the two-phase step the gradient it stands for."""

import shutil

import pytest
import torch
from torch import Tensor, nn

from polytask.architectures import HardSharing, SoftSharing
from polytask.balancing import BalancedBackward, Balancer, Evidence, Weights
from polytask.balancing.engines import Engine, Fastest, Features, FullJacobian, LastLayer, Streamed
from polytask.core import (
    Batch,
    Episode,
    InputError,
    SharedModel,
    Task,
    TrainingError,
    generator,
    jacobian,
    seeded,
    shared_parameters,
)

NAMES = ["a", "b", "c"]
TASKS = tuple(Task(name=name, kind="regression") for name in NAMES)


class Asking(Balancer):
    """Weights that depend on the Gramian and differ, to be recomputed by hand."""

    def forward(self, evidence: Evidence) -> Weights:
        self.seen = evidence.gramian()
        return Weights(values=torch.arange(1.0, len(evidence.names) + 1).to(self.seen))


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(30, 40), nn.ReLU(), nn.Linear(40, 8), nn.Tanh())


def mlp_in_place() -> nn.Module:
    return nn.Sequential(nn.Linear(30, 40), nn.ReLU(inplace=True), nn.Linear(40, 8), nn.ReLU(inplace=True))


def tied() -> nn.Module:
    first, second = nn.Linear(30, 30), nn.Linear(30, 30)
    second.weight = first.weight
    return nn.Sequential(first, nn.Tanh(), second, nn.Tanh(), first, nn.Linear(30, 8))


def frozen() -> nn.Module:
    trunk = mlp()
    trunk[0].requires_grad_(False)
    trunk[2].bias.requires_grad_(False)
    return trunk


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 5, 6)), nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(),
        nn.LayerNorm(90), nn.Linear(90, 8),
    )  # fmt: skip


TRUNKS = {"mlp": mlp, "in place": mlp_in_place, "tied": tied, "frozen": frozen, "cnn": cnn}


def model(trunk: nn.Module | None = None) -> SharedModel:
    with seeded(0, "model"):
        heads = {name: nn.Sequential(nn.Linear(8, 4), nn.Tanh(), nn.Linear(4, 1)) for name in NAMES}
        return SharedModel(TASKS, HardSharing(trunk or mlp()), heads).double()


def batch(n_rows: int = 6, *, missing: bool = False) -> Batch:
    draw = generator(0, "batch")
    masks = {"b": torch.arange(n_rows) % 2 == 0} if missing else {}
    return Batch(
        inputs=torch.randn(n_rows, 30, generator=draw, dtype=torch.float64),
        targets={name: torch.randn(n_rows, generator=draw, dtype=torch.float64) for name in NAMES},
        masks=masks,
    )


def steps(**options) -> list[Episode]:
    return [Episode(tasks=TASKS, query=batch(**options))]


def gradients(learner: SharedModel) -> dict[str, Tensor]:
    return {name: p.grad for name, p in learner.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("trunk", TRUNKS)
@pytest.mark.parametrize("engine", ["exact", "loop", "streamed", "auto"])
def test_an_exact_engine_gives_the_gramian_of_the_jacobian(trunk, engine):
    with seeded(0, "trunk"):
        learner = model(TRUNKS[trunk]())
    rows = jacobian(learner.objectives(steps(missing=True)).values, shared_parameters(learner))
    balancer = Asking()
    BalancedBackward(learner, balancer, engine=engine)(learner.objectives(steps(missing=True)))
    torch.testing.assert_close(balancer.seen, rows @ rows.T, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("engine", ["exact", "loop", "streamed", "features", "last-layer", "auto"])
@pytest.mark.parametrize("trunk", TRUNKS)
def test_shared_gradients_are_weighted_and_private_ones_are_not(engine, trunk):
    with seeded(0, "trunk"):
        learner = model(TRUNKS[trunk]())
    values = learner.objectives(steps()).values
    expected = dict(
        zip(
            [n for n, p in learner.named_parameters() if p.requires_grad],
            torch.autograd.grad(
                (values * torch.tensor([1.0, 2, 3]).double()).sum(),
                [p for p in learner.parameters() if p.requires_grad],
            ),
        )
    )
    weight_of = {f"heads.task:{name}": position + 1 for position, name in enumerate(NAMES)}
    BalancedBackward(learner, Asking(), engine=engine)(learner.objectives(steps()))
    got = gradients(learner)
    assert set(got) == set(expected)
    for name, gradient in got.items():
        scale = next((w for prefix, w in weight_of.items() if name.startswith(prefix)), 1)
        torch.testing.assert_close(gradient, expected[name] / scale, rtol=1e-9, atol=1e-12)


def test_the_features_engine_gives_the_gramian_at_the_representation():
    learner = model()
    features = learner.sharing.trunk(batch().inputs).detach().requires_grad_()
    values = torch.stack(
        [task.objective(learner.heads[task.name](features), batch().targets[task.name]) for task in TASKS]
    )
    rows = torch.stack([torch.autograd.grad(v, features, retain_graph=True)[0].flatten() for v in values])
    balancer = Asking()
    BalancedBackward(learner, balancer, engine="features")(learner.objectives(steps()))
    torch.testing.assert_close(balancer.seen, rows @ rows.T)


def test_the_features_engine_refuses_an_architecture_without_a_common_representation():
    learner = SharedModel(TASKS, SoftSharing(NAMES, mlp), {n: nn.Linear(8, 1) for n in NAMES}).double()
    with pytest.raises(InputError, match="needs one representation that all tasks share"):
        BalancedBackward(learner, Asking(), engine="features")(learner.objectives(steps()))


def test_several_episodes_are_joined_by_their_labels():
    whole, parts = model(), model()
    data = batch(missing=True)
    split = [
        Episode(tasks=TASKS, query=data.rows(slice(0, 2))),
        Episode(tasks=TASKS, query=data.rows(slice(2, 6))),
    ]
    for learner, given in ((whole, [Episode(tasks=TASKS, query=data)]), (parts, split)):
        BalancedBackward(learner, Asking(), engine="exact")(learner.objectives(given))
    for name, gradient in gradients(whole).items():
        torch.testing.assert_close(gradients(parts)[name], gradient, rtol=1e-9, atol=1e-12)


def test_gradients_add_to_what_is_there():
    once, twice = model(), model()
    BalancedBackward(once, Asking())(once.objectives(steps()))
    step = BalancedBackward(twice, Asking())
    for _ in range(2):
        step(twice.objectives(steps()))
    for name, gradient in gradients(once).items():
        torch.testing.assert_close(gradients(twice)[name], 2 * gradient)


def test_autocast_keeps_the_gramian_close():
    learner = model().float()
    data = batch().to("cpu", torch.float32)
    episode = Episode(tasks=TASKS, query=data)
    found = {}
    for engine in ("loop", "exact", "features"):
        with torch.autocast("cpu", torch.bfloat16):
            objectives = learner.objectives([episode])
        balancer = Asking()
        BalancedBackward(learner, balancer, engine=engine)(objectives)
        found[engine] = balancer.seen
    rows = jacobian(learner.objectives([episode]).values, shared_parameters(learner))
    balancer = Asking()
    BalancedBackward(learner, balancer, engine="features")(learner.objectives([episode]))
    for engine, reference in (("loop", rows @ rows.T), ("exact", rows @ rows.T), ("features", balancer.seen)):
        assert (found[engine] - reference).norm() / reference.norm() < 0.03, engine


def compiled(learner: SharedModel) -> SharedModel:
    learner.sharing.trunk = torch.compile(learner.sharing.trunk, backend="aot_eager")
    return learner


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_trunk_works_with_one_pass_and_names_the_cure_otherwise():
    learner = compiled(model())
    plain = model()
    for each in (learner, plain):
        BalancedBackward(each, Asking(), engine="features")(each.objectives(steps()))
    for name, gradient in gradients(plain).items():
        torch.testing.assert_close(gradients(learner)[name.replace("trunk.", "trunk._orig_mod.")], gradient)
    with pytest.raises(TrainingError, match=r"engine='features'`, or set `torch._functorch.config.donated"):
        BalancedBackward(learner, Asking(), engine="loop")(learner.objectives(steps()))


def test_a_jacobian_beyond_the_memory_allowed_is_streamed_and_the_reason_told():
    learner = model()
    rows = jacobian(learner.objectives(steps()).values, shared_parameters(learner))
    engine, balancer = Fastest(memory_budget=rows.numel() * 8 // 3), Asking()
    BalancedBackward(learner, balancer, engine=engine)(learner.objectives(steps()))
    assert engine.choice is not None and engine.choice.chosen == "streamed" and engine.choice.n_blocks == 3
    assert f"{rows.numel() * 8:,} bytes" in engine.choice.reason
    torch.testing.assert_close(balancer.seen, rows @ rows.T, rtol=1e-9, atol=1e-12)


def test_memory_must_be_positive():
    with pytest.raises(InputError, match="`memory_budget` must be at least 1 byte, got 0"):
        Fastest(memory_budget=0)


@pytest.mark.parametrize(("layer", "parameters"), [(None, (2, 3)), ("sharing.trunk.0", (0, 1))])
def test_the_last_layer_engine_gives_the_gramian_at_one_layer(layer, parameters):
    learner = model()
    chosen = [list(learner.sharing.trunk.parameters())[place] for place in parameters]
    rows = jacobian(learner.objectives(steps()).values, chosen)
    balancer = Asking()
    BalancedBackward(learner, balancer, engine=LastLayer(layer))(learner.objectives(steps()))
    torch.testing.assert_close(balancer.seen, rows @ rows.T)


def test_the_last_layer_engine_names_the_layers_there_are():
    with pytest.raises(InputError, match=r"no layer 'trunk.9'; the learner has sharing.trunk.0, sharing"):
        LastLayer("trunk.9").open(model())


def test_the_last_layer_engine_refuses_a_private_layer():
    learner = model()
    private = next(name for name, module in learner.named_modules() if name.endswith("task:a.0"))
    with pytest.raises(InputError, match="has no shared weight that is trained"):
        LastLayer(private).open(learner)


def test_an_unknown_engine_is_named():
    with pytest.raises(InputError, match=r"No engine is called 'quick'; there are auto, exact"):
        BalancedBackward(model(), Asking(), engine="quick")


def test_streaming_needs_a_block():
    with pytest.raises(InputError, match="`n_blocks` must be at least 1, got 0"):
        Streamed(0)


@pytest.mark.parametrize(
    ("engine", "name"), [(FullJacobian(), "loop"), (Features(), "features"), (Streamed(2), "streamed")]
)
def test_an_engine_may_be_given_as_an_object(engine: Engine, name):
    learner, by_object, by_name = model(), Asking(), Asking()
    BalancedBackward(learner, by_object, engine=engine)(learner.objectives(steps()))
    BalancedBackward(learner, by_name, engine=name)(learner.objectives(steps()))
    torch.testing.assert_close(by_object.seen, by_name.seen, rtol=1e-12, atol=1e-14)

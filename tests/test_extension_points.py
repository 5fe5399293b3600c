"""A learner, a balancer and a source from outside the package pass the public checks; broken ones do not."""

import pytest
import torch
from torch import Tensor, nn

from polytask.balancing import Balancer, Direction, Evidence, Weights
from polytask.balancing.methods import UPGrad
from polytask.checks import ConformanceError, check_balancer, check_learner, check_source
from polytask.core import (
    Batch,
    Episode,
    EpisodicLearner,
    Learner,
    PerTask,
    Predictor,
    Representation,
    SharedModel,
    Sharing,
    Task,
    generator,
    seeded,
)
from polytask.core.learner import TOGETHER
from polytask.data import Source
from polytask.meta.initialization import MAML
from polytask.train import train

TASKS = (Task(name="low", kind="regression"), Task(name="high", kind="binary"))


class Blobs(Source):
    """Two noisy questions about points; few-shot if support is asked for."""

    def __init__(self, *, support: bool) -> None:
        self.support = support

    def step(self, index):
        draw = generator(7, "blobs", index)
        parts = []
        for _ in range(2):
            x = torch.randn(6, 3, generator=draw)
            parts.append(Batch(inputs=x, targets={"low": x.sum(1), "high": (x[:, 0] > 0).float()}))
        return (Episode(tasks=TASKS, query=parts[0], support=parts[1] if self.support else None),)


class KernelRegression(EpisodicLearner):
    """Answers by the support's targets, weighted by nearness in a learned space."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(3, 4)

    def learn(self, tasks, support):
        masks = {t.name: support.masks.get(t.name, torch.ones(len(support), dtype=torch.bool)) for t in tasks}
        state = {TOGETHER: {"keys": self.embed(support.inputs)}}
        for task in tasks:
            targets = torch.where(masks[task.name], support.targets[task.name], 0.0)
            state[task.name] = {"targets": targets, "mask": masks[task.name].float()}
        return state

    def predict(self, state, tasks, inputs):
        distances = (self.embed(inputs)[:, None] - state[TOGETHER]["keys"][None]).square().sum(-1)
        nearness = torch.exp(-distances)[..., None]  # [query, support, 1]
        answers = {}
        for task in tasks:
            weights = nearness[..., 0] * state[task.name]["mask"]
            answers[task.name] = (weights @ state[task.name]["targets"] / (weights.sum(1) + 1e-6))[:, None]
        return answers


class OwnScale(Sharing):
    """A shared layer followed by a private scale of every feature."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(3, 4)
        self.scales = PerTask({task.name: nn.Linear(4, 4) for task in TASKS})

    def forward(self, inputs, names):
        features = torch.tanh(self.body(inputs))
        return Representation(by_task={name: self.scales[name](features) for name in names})


def own_model() -> SharedModel:
    return SharedModel(TASKS, OwnScale(), {task.name: nn.Linear(4, 1) for task in TASKS})


class InverseNorm(Balancer):
    """Gives every objective the same length of gradient."""

    def forward(self, evidence: Evidence) -> Weights:
        lengths = evidence.gramian().diagonal().sqrt()
        return Weights(values=lengths.mean() / lengths.clamp(min=1e-12 + 1e-3 * float(lengths.max())))


class MedianDirection(Balancer):
    """Takes the median of each coordinate, scaled to the number of objectives."""

    def forward(self, evidence: Evidence) -> Direction:
        return Direction(values=evidence.jacobian().median(0).values * len(evidence.names))


def test_an_outside_source_passes():
    check_source(Blobs(support=False))
    check_source(Blobs(support=True))


def test_an_outside_episodic_learner_passes():
    check_learner(KernelRegression(), Blobs(support=True).step(0))


def test_an_outside_way_of_sharing_passes():
    check_learner(own_model(), Blobs(support=False).step(0))


@pytest.mark.parametrize("balancer", [InverseNorm, MedianDirection])
def test_an_outside_balancer_passes(balancer):
    check_balancer(lambda names: balancer())


@pytest.mark.parametrize("balancer", [InverseNorm(), MedianDirection()])
def test_they_train_together(balancer):
    torch.manual_seed(0)
    learner = own_model()
    rows = train(learner, Blobs(support=False), n_steps=300, balancer=balancer, validate_every=100).rows
    assert rows[-1]["loss/low"] < 0.9 * rows[0]["loss/low"] and rows[-1]["loss/high"] < rows[0]["loss/high"]


class Remembers(KernelRegression):
    """Changes itself while adapting."""

    def learn(self, tasks, support):
        with torch.no_grad():
            self.embed.weight += 0.1
        return super().learn(tasks, support)


class PeeksAtTheBatch(KernelRegression):
    """Uses the other queries without saying so."""

    def predict(self, state, tasks, inputs):
        return {k: v - v.mean(0) for k, v in super().predict(state, tasks, inputs).items()}


class ForgetsTheMask(KernelRegression):
    """Looks at targets that are no labels."""

    def forward(self, tasks, support, query):
        answers = self.predict(self.learn(tasks, support), tasks, query.inputs)
        return sum((answers[t.name][:, 0] - query.targets[t.name]).square().mean() for t in tasks)


class ForgetsTheMaskOfTheSupport(KernelRegression):
    """Learns from targets that are no labels."""

    def learn(self, tasks, support):
        known = {name: torch.ones_like(mask) for name, mask in support.masks.items()}
        return super().learn(tasks, Batch(inputs=support.inputs, targets=support.targets, masks=known))


class InItsMode(KernelRegression):
    """Answers by itself as it is, which may be in the midst of training."""

    def adapt(self, tasks, support=None):
        found = super().adapt(tasks, support)

        def answer(state, inputs):
            answers = self.predict(state, tasks, inputs)
            return {k: v + 1 for k, v in answers.items()} if self.training else answers

        return Predictor(tasks=tasks, function=answer, state=found.state)


class WrongShape(KernelRegression):
    """Drops the width of its predictions in evaluation."""

    def predict(self, state, tasks, inputs):
        answers = super().predict(state, tasks, inputs)
        return answers if self.training else {k: v.expand(-1, 2) for k, v in answers.items()}


class Leaks(OwnScale):
    """Lets one task's private layer serve the other."""

    def forward(self, inputs, names):
        features = torch.tanh(self.body(inputs))
        return Representation(by_task={name: self.scales["low"](features) for name in names})


class Draws(SharedModel):
    """Adds noise from the global generator when adapting."""

    def adapt(self, tasks, support=None):
        torch.rand(1)
        return super().adapt(tasks, support)


BROKEN_LEARNERS: dict[str, tuple[type[Learner], str]] = {
    "mutating adapt": (Remembers, "changes the learner: embed.weight"),
    "hidden transduction": (PeeksAtTheBatch, "set `transductive`"),
    "ignored mask": (ForgetsTheMask, "False mask changes the objectives"),
    "ignored mask of the support": (ForgetsTheMaskOfTheSupport, "False mask of the support changes"),
    "mode of the learner": (InItsMode, "2 of 2 answers are others"),
    "wrong shape": (WrongShape, r"shape \(6, 2\), not \(6, 1\)"),
}


@pytest.mark.parametrize("case", BROKEN_LEARNERS)
def test_a_broken_learner_is_caught(case):
    build, message = BROKEN_LEARNERS[case]
    with pytest.raises(ConformanceError, match=message):
        check_learner(build(), Blobs(support=True).step(0))


class Fixed(KernelRegression):
    """Has parameters that can be trained, and answers that do not train them."""

    def predict(self, state, tasks, inputs):
        return {name: answer.detach() for name, answer in super().predict(state, tasks, inputs).items()}


def test_a_learner_whose_answers_have_no_gradient_is_caught():
    with pytest.raises(ConformanceError, match="`objectives` is not differentiable"):
        check_learner(Fixed(), Blobs(support=True).step(0))


class HidesItsGradients(MAML):
    inner_gradients = False


def test_a_learner_that_hides_its_inner_gradients_is_caught():
    episode = Blobs(support=True).step(0)[0]
    assert episode.support is not None
    one = [Episode(tasks=TASKS[:1], support=episode.support.only(["low"]), query=episode.query.only(["low"]))]
    with seeded(0):
        net = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Tanh(), nn.Linear(4, 1))
    check_learner(MAML(net, inner_rate=0.1, n_steps=2), one)
    with pytest.raises(ConformanceError, match="`inner_gradients` is False, but its gradient is another"):
        check_learner(HidesItsGradients(net, inner_rate=0.1, n_steps=2), one)


def test_a_leak_between_private_parameters_is_caught():
    model = SharedModel(TASKS, Leaks(), {task.name: nn.Linear(4, 1) for task in TASKS})
    with pytest.raises(ConformanceError, match="'high' reaches private parameters of 'low'"):
        check_learner(model, Blobs(support=False).step(0))


def test_hidden_randomness_is_caught():
    model = Draws(TASKS, OwnScale(), {task.name: nn.Linear(4, 1) for task in TASKS})
    with pytest.raises(ConformanceError, match="draws from the global generator"):
        check_learner(model, Blobs(support=False).step(0))


class WrongLength(Balancer):
    def forward(self, evidence):
        return Weights(values=torch.ones(len(evidence.names) + 1, dtype=evidence.losses.dtype))


class Divides(Balancer):
    def forward(self, evidence):
        return Weights(values=1 / evidence.gramian().diagonal())


class Ascends(Balancer):
    def forward(self, evidence):
        return Weights(values=-torch.ones_like(evidence.losses))


class HiddenState(Balancer):
    """Counts its calls in a plain attribute."""

    calls = 0

    def forward(self, evidence):
        self.calls += 1
        return Weights(values=torch.ones_like(evidence.losses) * self.calls)


class ByPosition(Balancer):
    """Keeps state by position, so an absent objective breaks it."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, evidence):
        return Weights(values=self.scale[: len(evidence.names)] * torch.ones_like(evidence.losses))


class Meddles(Balancer):
    def forward(self, evidence):
        evidence.losses.zero_()
        return Weights(values=torch.ones_like(evidence.losses))


class Deaf(Balancer):
    """Keeps what comes after the step from the balancer inside."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = UPGrad()

    def forward(self, evidence):
        return self.inside(evidence)


class WrongAudience(Deaf):
    """Tells the balancer inside the losses of something else."""

    looks_after = True

    def after_step(self, names, losses):
        self.inside.after_step(names, losses / losses.sum())


class Unannounced(Balancer):
    """Looks at validation examples without saying so."""

    def forward(self, evidence):
        evidence.validation_gradient(torch.zeros(evidence.jacobian().shape[1], dtype=torch.float64))
        return Weights(values=torch.ones_like(evidence.losses))


class Counts(Balancer):
    """Answers by how often any of its kind was asked."""

    asked = 0

    def forward(self, evidence):
        Counts.asked += 1
        return Weights(values=torch.full_like(evidence.losses, Counts.asked))


class AllOrNothing(Balancer):
    """Wants both of two objectives in every step."""

    def forward(self, evidence):
        if "c" in evidence.names and "b" not in evidence.names:
            raise KeyError("b")
        return Weights(values=torch.ones_like(evidence.losses))


@pytest.mark.parametrize(
    ("balancer", "message"),
    [
        (AllOrNothing, "an absent objective is not handled: KeyError"),
        (Deaf, "UPGrad inside is not told the losses"),
        (WrongAudience, "UPGrad inside is not told the losses"),
        (Unannounced, "asks for `validation_gradients`, but its `needs` is 'gramian'"),
        (Counts, "comes in parts makes another update"),
        (WrongLength, r"weights have shape \(4,\)"),
        (Divides, "not finite for one zero gradient"),
        (Ascends, "raises an objective"),
        (HiddenState, "keep state in buffers"),
        (ByPosition, "absent objective's entry of `scale`"),
        (Meddles, "the evidence is changed"),
    ],
)
def test_a_broken_balancer_is_caught(balancer, message):
    with pytest.raises(ConformanceError, match=message):
        check_balancer(lambda names: balancer())


class Restless(Blobs):
    def step(self, index):
        torch.rand(1)
        (episode,) = super().step(index)
        noise = torch.rand_like(episode.query.inputs)
        return (Episode(tasks=TASKS, query=Batch(inputs=noise, targets=episode.query.targets)),)


class Stuck(Blobs):
    def step(self, index):
        return super().step(0)


class Overlaps(Blobs):
    def step(self, index):
        (episode,) = super().step(index)
        return (Episode(tasks=TASKS, query=episode.query, support=episode.query),)


class BadTargets(Blobs):
    def step(self, index):
        (episode,) = super().step(index)
        targets: dict[str, Tensor] = {"low": episode.query.targets["low"] / 0, "high": torch.full((6,), 2.0)}
        return (Episode(tasks=TASKS, query=Batch(inputs=episode.query.inputs, targets=targets)),)


class OneClassTooMany(Source):
    """Has a label that is the number of classes."""

    def step(self, index):
        task = Task(name="kind", kind="multiclass", n_outputs=3)
        inputs = torch.rand(4, 2, generator=generator(3, "kinds", index))
        return (Episode(tasks=(task,), query=Batch(inputs=inputs, targets={"kind": torch.arange(4)})),)


def test_a_label_beyond_the_classes_is_caught():
    with pytest.raises(ConformanceError, match=r"must hold class indices in \[0, 3\)"):
        check_source(OneClassTooMany())


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Restless, "differs when asked again"),
        (Stuck, "different steps give the same"),
        (Overlaps, "share an example"),
        (BadTargets, "not finite where it is labelled"),
        (BadTargets, "must hold 0 and 1"),
    ],
)
def test_a_broken_source_is_caught(source, message):
    with pytest.raises(ConformanceError, match=message):
        check_source(source(support=True))


def test_a_source_that_cannot_be_sent_to_a_worker_is_caught():
    source = Blobs(support=False)
    source.function = lambda: None
    with pytest.raises(ConformanceError, match="worker process"):
        check_source(source)

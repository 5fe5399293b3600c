"""Parts of your own, checked
==========================

A source, a learner and a balancer in a few lines each. `polytask.checks` tries what training, evaluation
and resuming rely on. A sound part passes in silence; what is broken in another one is told in sentences.
The question here: the class of a point among two blobs that lie elsewhere in every episode, from four
labelled points.
"""

from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from polytask import Batch, Episode, Task
from polytask.balancing import Balancer, Evidence, Weights
from polytask.checks import ConformanceError, check_balancer, check_learner, check_source
from polytask.core import EpisodicLearner, generator, seeded
from polytask.core.batch import Inputs
from polytask.core.learner import TOGETHER, States
from polytask.data import Source, steps_ahead
from polytask.evaluate import evaluate_episodes
from polytask.train import train

torch.set_num_threads(1)
TASK = Task(name="side", kind="multiclass", n_outputs=2)


class Blobs(Source):
    """Two blobs at random places; a step is a function of the seed and its index, so it can be repeated."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def step(self, index: int) -> tuple[Episode, ...]:
        draw = generator(self.seed, "blobs", index)
        return tuple(self.episode(draw) for _ in range(4))

    def episode(self, draw: torch.Generator) -> Episode:
        centres = 2 * torch.randn(2, 8, generator=draw)

        def batch(n: int) -> Batch:
            classes = torch.arange(n) % 2
            noise = torch.randn(n, 8, generator=draw) * torch.tensor([0.5, 0.5, *(6 * [4.0])])
            return Batch(inputs=centres[classes] + noise, targets={"side": classes})

        return Episode(tasks=(TASK,), support=batch(4), query=batch(10))


class ForgetfulBlobs(Blobs):
    """Broken: draws from the global generator, and so gives other episodes when asked again."""

    def step(self, index: int) -> tuple[Episode, ...]:
        return tuple(self.episode(torch.default_generator) for _ in range(4 + index))


class Nearest(EpisodicLearner):
    """Answers by the nearness to the mean of each class, in features whose scales are learned."""

    inner_gradients = False

    def __init__(self) -> None:
        super().__init__()
        self.scales = nn.Parameter(torch.zeros(8))

    def learn(self, tasks: Sequence[Task], support: Batch) -> States:
        labelled = support.labelled("side").float()
        classes = nn.functional.one_hot(support.targets["side"], 2) * labelled[:, None]  # [row, class]
        means = classes.T @ self.encoded(support.inputs) / classes.sum(0).clamp(min=1)[:, None]
        return {TOGETHER: {"means": means}}  # [class, feature]

    def predict(self, state: States, tasks: Sequence[Task], inputs: Inputs) -> dict[str, Tensor]:
        apart = self.encoded(inputs)[:, None] - state[TOGETHER]["means"]  # [row, class, feature]
        return {task.name: -apart.square().sum(-1) for task in tasks}

    def encoded(self, inputs: Inputs) -> Tensor:
        assert isinstance(inputs, Tensor)
        return inputs * self.scales.exp()


class Drifting(Nearest):
    """Broken: learning a task changes the learner, so that no two requests are answered alike."""

    def learn(self, tasks: Sequence[Task], support: Batch) -> States:
        with torch.no_grad():
            self.scales.add_(0.1)
        return super().learn(tasks, support)


class Levelled(Balancer):
    """Gives every objective a weight that is inverse to its loss; they sum to their number."""

    def forward(self, evidence: Evidence) -> Weights:
        inverse = 1 / evidence.losses.clamp(min=1e-6)
        return Weights(values=len(inverse) * inverse / inverse.sum())


def told(check: Callable[[], None]) -> list[str]:
    try:
        check()
    except ConformanceError as error:
        return [line.removeprefix("- ") for line in str(error).splitlines()[1:]]
    return []


# %%
# Checked:
step = Blobs(0).step(0)
sound = {
    "Blobs": told(lambda: check_source(Blobs(0))),
    "Nearest": told(lambda: check_learner(Nearest(), step)),
    "Levelled": told(lambda: check_balancer(lambda _: Levelled())),
}
broken = {
    "ForgetfulBlobs": told(lambda: check_source(ForgetfulBlobs(0))),
    "Drifting": told(lambda: check_learner(Drifting(), step)),
}
for name, found in (sound | broken).items():
    print(f"{name}: {'passes' if not found else ''}", *found, sep="\n  " if found else "")

# %%
# Used
# ----
with seeded(0):
    learner = Nearest()
before = evaluate_episodes(learner, Blobs(1), n_episodes=100).interval
optimizer = lambda parameters: torch.optim.Adam(parameters, lr=0.05)  # noqa: E731
train(learner, Blobs(0), n_steps=100, balancer=Levelled(), optimizer=optimizer)
after = evaluate_episodes(learner, Blobs(1), n_episodes=100).interval
print(f"accuracy, %: {before.format(1, scale=100)} untrained, {after.format(1, scale=100)} trained")
ahead = list(steps_ahead(Blobs(0), start=3, stop=5, n_workers=0))  # as worker processes would make them

axes = plt.figure(figsize=(6, 3), layout="constrained").subplots()
axes.bar(range(8), learner.scales.exp().tolist(), color=["#c2453a", "#c2453a", *(6 * ["#9aa5b1"])])
axes.set(xlabel="feature; only the first two tell the classes apart", ylabel="learned scale")

# %%
# What this page claims, checked:
checks = {
    "the sound parts pass": not any(sound.values()),
    "each broken part is told": all(broken.values()),
    "training helps on new blobs": after.low > before.high,
    "steps made ahead are the steps": repr(ahead[0]) == repr(Blobs(0).step(3)),
}
for claim, holds in checks.items():
    print(f"{'ok  ' if holds else 'FAIL'} {claim}")
if not all(checks.values()):
    raise SystemExit("This does not hold: " + "; ".join(claim for claim in checks if not checks[claim]))

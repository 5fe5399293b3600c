"""Four ways to learn how to adapt
===============================

MAML learns a start for all weights; CAVIA adapts five context numbers alone; MAML++ learns a rate and a
normalization for every inner step; an inner Adam remembers its moments within an episode. Evolution
strategies need no backward pass through the inner loop; persistent ones learn the rate of a long run
window by window.
"""

import argparse
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from polytask.core import generator, mean_interval, seeded
from polytask.core.learner import State
from polytask.data import FunctionEpisodes, Sinusoids
from polytask.evaluate import evaluate_episodes
from polytask.meta import GradientLearner, mlp
from polytask.meta.adaptation.rules.adam import Adam, AdamW, RMSprop
from polytask.meta.adaptation.rules.rule import UpdateRule
from polytask.meta.adaptation.rules.sgd import SGD
from polytask.meta.initialization import CAVIA, MAML, MAMLPlusPlus
from polytask.meta.optimization import PersistentEvolution
from polytask.meta.optimization.evolution import EvolvedObjective
from polytask.train import train

torch.set_num_threads(1)
parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=60, help="training steps of each learner")
options = parser.parse_args()
STEPS = 3


def normalized() -> nn.Module:
    return nn.Sequential(nn.Linear(1, 40), nn.BatchNorm1d(40), nn.Tanh(), nn.Linear(40, 1))


def network(n_inputs: int = 1) -> nn.Module:
    return mlp([n_inputs, 40, 40, 1], nn.Tanh)


def learners() -> dict[str, GradientLearner]:
    with seeded(0):
        return {
            "MAML": MAML(network(), inner_rate=0.05, n_steps=STEPS),
            "CAVIA": CAVIA(network(1 + 5), n_context=5, inner_rate=1.0, n_steps=STEPS),
            "MAML++": MAMLPlusPlus(normalized(), n_steps=STEPS, inner_rate=0.05, normalization="batch"),
            "inner AdamW": GradientLearner(network(), rule=AdamW(0.02, weight_decay=0.01), n_steps=STEPS),
        }


def source(seed: int, n_episodes: int = 8) -> FunctionEpisodes:
    return FunctionEpisodes(Sinusoids(), n_support=10, n_query=20, n_episodes=n_episodes, seed=seed)


def error(learner: GradientLearner) -> float:
    return evaluate_episodes(learner, source(1), n_episodes=100).interval.mean


# %%
# Four learners
# -------------
errors = {}
for name, learner in learners().items():
    before = error(learner)
    train(learner, source(0), n_steps=options.steps, execution="vmap")
    errors[name] = (before, error(learner))
    print(
        f"{name:14s} squared error on new sinusoids {before:6.2f} untrained, {errors[name][1]:6.2f} trained"
    )


axes = plt.figure(figsize=(6, 3), layout="constrained").subplots()
for shift, label in ((-0.2, "untrained"), (0.2, "trained")):
    axes.bar([i + shift for i in range(4)], [pair[shift > 0] for pair in errors.values()], 0.4, label=label)
axes.set_xticks(range(4), list(errors))
axes.set(ylabel="squared error on new sinusoids", yscale="log")
axes.legend(frameon=False)


# %%
# The same gradient, in three ways
# --------------------------------
def gradient(learner: GradientLearner) -> Tensor:
    learner.zero_grad()
    with seeded(0, "perturbations"):
        learner.objectives(source(2, n_episodes=2).step(0)).values.mean().backward()
    return torch.cat([p.grad.flatten() for p in learner.parameters() if p.grad is not None])


def small(rule: UpdateRule, **options: Any) -> GradientLearner:
    with seeded(0):
        return GradientLearner(mlp([1, 6, 1], nn.Tanh), rule=rule, n_steps=STEPS, **options)


rules = {"SGD": SGD(0.05), "Adam": Adam(0.05), "RMSprop": RMSprop(0.01)}
exact = {name: gradient(small(rule)) for name, rule in rules.items()}
recomputed = {name: gradient(small(rule, recompute=True)) for name, rule in rules.items()}
evolved = gradient(small(SGD(0.05), objective=EvolvedObjective(sigma=0.02, n_pairs=200)))
cosine = torch.cosine_similarity(exact["SGD"], evolved, dim=0)
print(f"the meta-gradient by 200 pairs of perturbations has a cosine of {cosine:.2f} with the exact one")

# %%
# The rate of a long run, learned window by window
# ------------------------------------------------
scales = torch.tensor([1.0, 4.0])  # of a valley; a rate above 2 / 4 diverges


def unroll(theta: State, state: State) -> tuple[State, Tensor]:
    place = state["place"]
    for _ in range(5):
        place = place - theta["log rate"].exp() * scales * place
    return {"place": place}, (scales * place.square()).sum()


def start() -> State:
    return {"place": torch.randn(2, generator=draws)}


draws = generator(0, "starts")
evolution = PersistentEvolution(unroll, start, n_windows=4, n_particles=32, sigma=0.1)
rate = torch.tensor(-4.0)
losses = []
for _ in range(80):
    found, loss = evolution.gradient({"log rate": rate})
    losses.append(float(loss))
    rate = rate - 0.05 * found["log rate"].sign()
print(
    f"a rate of {rate.exp():.2f} was learned from {torch.tensor(-4.0).exp():.2f}; up to 0.5 the run is stable"
)
early, late = mean_interval(losses[:16]), mean_interval(losses[-16:])

# %%
# What this page claims, checked:
checks = {
    "every learner is better for its training": all(after < before for before, after in errors.values()),
    "recomputing what was not kept changes nothing": all(
        torch.allclose(exact[name], recomputed[name], atol=1e-5) for name in rules
    ),
    "evolution strategies find the exact gradient's direction": bool(cosine > 0.7),
    "persistent ones find a faster rate": late.mean < 0.5 * early.mean and 0.05 < float(rate.exp()) < 0.5,
}
for claim, holds in checks.items():
    print(f"{'ok  ' if holds else 'FAIL'} {claim}")
if not all(checks.values()):
    raise SystemExit("This does not hold: " + "; ".join(claim for claim in checks if not checks[claim]))

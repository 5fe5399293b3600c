"""A learned optimizer
===================

The update rule itself is a small network: one LSTM that sees, for every weight alike, its gradient, and
says how far to move. It is trained on many small problems to make them fall fast, and then takes twenty
steps on new ones beside gradient descent and Adam, each with the best of several rates.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from polytask.core import seeded
from polytask.data import FunctionEpisodes, Sinusoids
from polytask.evaluate import evaluate_episodes
from polytask.meta import GradientLearner, mlp
from polytask.meta.adaptation.rules import SGD, Adam, UpdateRule
from polytask.meta.optimization import MLPOptimizer
from polytask.train import train

torch.set_num_threads(1)
N_STEPS, N_TRAINING, SHOWN = 6, 150, (0, 3, 6, 12)


def problems(seed: int, n_episodes: int = 8) -> FunctionEpisodes:
    """Return sinusoids, each to be fitted from 20 points by a network that starts anew."""
    return FunctionEpisodes(Sinusoids(), n_support=20, n_query=20, n_episodes=n_episodes, seed=seed)


def learner(rule: UpdateRule) -> GradientLearner:
    """Return what fits a network by a rule, always from the same start, which no rule may change."""
    with seeded(0):
        network = mlp([1, 20, 1], nn.Tanh)
    return GradientLearner(network, rule=rule, n_steps=N_STEPS, n_differentiated=0)


def curve(fitted: GradientLearner) -> list[float]:
    """Return the error on new problems after 0, 1, 2 ... steps."""
    return [evaluate_episodes(fitted.with_steps(k), problems(1), n_episodes=16).interval.mean for k in SHOWN]


# %%
# Rules that people made, each with its best rate
best = {}
for name, rule, rates in (
    ("gradient descent", SGD, (0.01, 0.03, 0.1)),
    ("Adam", Adam, (0.01, 0.03, 0.1, 0.3)),
):
    curves = [curve(learner(rule(rate))) for rate in rates]
    best[name] = min(curves, key=lambda errors: errors[SHOWN.index(N_STEPS)])

# %%
# A rule that is learned
with seeded(0):
    learned = learner(MLPOptimizer(step_scale=0.3))
for parameter in learned.model.parameters():  # the start stays as it is: only the rule learns
    parameter.requires_grad_(False)
train(
    learned,
    problems(0),
    n_steps=N_TRAINING,
    execution="vmap",
    max_norm=1.0,
    optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-2),
)
best["learned"] = curve(learned)
axes = plt.figure(figsize=(6, 3.5), layout="constrained").subplots()
for name, errors in best.items():
    axes.plot(SHOWN, errors, "o-", label=name, markersize=4)
axes.axvline(N_STEPS, color="0.8", zorder=0)
axes.set(
    xlabel="step on a new problem; trained for those left of the line", ylabel="squared error", yscale="log"
)
axes.legend(frameon=False)
middle = SHOWN.index(N_STEPS)
for name, errors in best.items():
    print(
        f"{name:17s} error after {N_STEPS} steps {errors[middle]:.2f}, after {2 * N_STEPS} {errors[-1]:.2f}"
    )

# %%
# What this page claims, checked:
checks = {
    "training makes the rule better": best["learned"][middle] < 0.7 * best["learned"][0],
    "it beats gradient descent where it was trained to": best["learned"][middle]
    < best["gradient descent"][middle],
}
for claim, holds in checks.items():
    print(f"{'ok  ' if holds else 'FAIL'} {claim}")
if not all(checks.values()):
    raise SystemExit("This does not hold: " + "; ".join(claim for claim in checks if not checks[claim]))

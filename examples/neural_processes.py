"""Neural processes: learn the whole way from points to predictions
=================================================================

No gradient step for a new task: a network reads its labelled points and says, at any other place, a mean
and how sure it is. It has seen thousands of functions from a Gaussian process, and for those the best
possible answer is known; the picture has both.
"""

import matplotlib.pyplot as plt
import torch

from polytask.core import Batch, Task, generator, seeded
from polytask.data.episodes.context_episodes import ContextEpisodes
from polytask.data.episodes.gaussian_processes import GaussianProcesses, exact_posterior
from polytask.evaluate import evaluate_episodes
from polytask.meta.model import ConvCNP
from polytask.train import train

torch.set_num_threads(1)
NOISE, TASK = 0.02, Task(name="y", kind="regression")
family = GaussianProcesses("rbf", length=(0.4, 0.6), scale=(0.8, 1.0))

# %%
# Training on functions, new ones at every step
with seeded(0):
    learner = ConvCNP(points_per_unit=16, min_std=0.01)
source = ContextEpisodes(family, seed=0, noise=NOISE)
new = ContextEpisodes(family, seed=1, noise=NOISE)
before = evaluate_episodes(learner, new, n_episodes=200).interval
train(
    learner,
    source,
    n_steps=400,
    execution="forward",
    optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-3),
    schedule=lambda step: 1 - step / 400,
)
after = evaluate_episodes(learner, new, n_episodes=200).interval
print(f"squared error on new functions: {before.format(3)} untrained, {after.format(3)} trained")

# %%
# One new function, from 3 points and from 12
draw = generator(7)
covariances = family.covariances(1, draw)
x, values = family.sample_of(covariances, 12, draw)  # [1, point, 1], [1, point]
values = values + NOISE * torch.randn(values.shape, generator=draw)
places = torch.linspace(-2, 2, 200).reshape(1, -1, 1)
panels = plt.figure(figsize=(10, 3.2), layout="constrained").subplots(1, 2, sharey=True)
widths = []
for axes, n in zip(panels, (3, 12), strict=True):
    support = Batch(inputs=x[0, :n], targets={"y": values[0, :n]})
    with torch.no_grad():
        found = learner.distribution(learner.adapt([TASK], support).state, [TASK], places[0])["y"]
    mean, std = found.mean[:, 0], found.std[:, 0]
    exact, exact_std = exact_posterior(covariances, x[:, :n], values[:, :n], places, noise=NOISE)
    for center, width, color, label in (
        (exact[0], exact_std[0], "0.5", "best possible"),
        (mean, std, "#1f6fb2", "neural process"),
    ):
        axes.fill_between(places[0, :, 0], center - 2 * width, center + 2 * width, color=color, alpha=0.25)
        axes.plot(places[0, :, 0], center, color=color, label=label)
    axes.plot(x[0, :n, 0], values[0, :n], "o", color="#c2453a")
    axes.set(title=f"{n} known points", xlabel="x")
    apart = float((mean - exact[0]).square().mean().sqrt())
    print(f"{n} points: {std.mean():.2f} unsure (best possible {exact_std.mean():.2f}), {apart:.2f} off it")
    widths.append(float(std.mean()))
panels[0].legend(frameon=False)

# %%
# What this page claims, checked:
checks = {
    "training makes it right on new functions": after.high < 0.5 * before.low,
    "more points, more certainty": widths[1] < 0.9 * widths[0],
    "where it does not know, it says so": widths[0] > 5 * NOISE,
}
for claim, holds in checks.items():
    print(f"{'ok  ' if holds else 'FAIL'} {claim}")
if not all(checks.values()):
    raise SystemExit("This does not hold: " + "; ".join(claim for claim in checks if not checks[claim]))

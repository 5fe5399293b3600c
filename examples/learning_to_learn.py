"""Learning to learn: known sinusoids, then a new one from five points.

A net that has seen many sinusoids A sin(x - phase) gets five points of a new one and makes a few gradient
steps. Where it starts decides how well that goes: MAML learns the start itself. Beside it, a random start,
and a net trained jointly on all known sinusoids (which can only learn their average), fine-tuned in the
same way.
"""

import argparse
from pathlib import Path

import torch

from polytask.core import Batch, seeded
from polytask.data import FunctionEpisodes, Sinusoids
from polytask.evaluate import evaluate_episodes
from polytask.meta import MAML, mlp
from polytask.train import train

torch.set_num_threads(1)
SHOTS, INNER_STEPS = 5, 10


def start(n_steps: int) -> MAML:
    """The same random net each time; ``n_steps`` inner steps while training, 0 for plain joint training."""
    with seeded(0, "net"):
        return MAML(mlp([1, 40, 40, 1]), inner_rate=0.01, n_steps=n_steps, execution="vmap")


parser = argparse.ArgumentParser()
parser.add_argument("--output", type=Path, default=Path("runs/learning_to_learn.png"))
parser.add_argument("--steps", type=int, default=1500)
arguments = parser.parse_args()

known = FunctionEpisodes(Sinusoids(), n_support=SHOTS, n_query=10, n_episodes=25, seed=0)
new = FunctionEpisodes(Sinusoids(), n_support=SHOTS, n_query=50, n_episodes=10, seed=1)

learners = {"random start": start(0), "joint pre-training": start(0), "MAML": start(1)}
for name in ("joint pre-training", "MAML"):
    train(
        learners[name],
        known,
        n_steps=arguments.steps,
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=2e-3),
        schedule=lambda step: 1 - 0.9 * step / arguments.steps,
        max_norm=10.0,
    )

print(f"squared error on 300 new sinusoids, after 0, 1 and {INNER_STEPS} steps on {SHOTS} points of each:")
errors = {}
for name, learner in learners.items():
    scores = [evaluate_episodes(learner.with_steps(k), new, n_episodes=300) for k in (0, 1, INNER_STEPS)]
    errors[name] = scores[-1].interval
    print(f"{name:20s}", "   ".join(score.interval.format(2) for score in scores))


def draw(path: Path) -> None:
    """Show one new sinusoid, its five points, and each start before and after the steps."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    adapted = learners["MAML"].with_steps(INNER_STEPS)
    scores = evaluate_episodes(adapted, new, n_episodes=11).values
    position = scores.index(sorted(scores)[5])  # the median task: neither the best nor the worst
    episode = new.step(position // 10)[position % 10]
    support, query = episode.support, episode.query
    if not isinstance(support, Batch) or not isinstance(support.inputs, torch.Tensor):
        raise TypeError("sinusoid episodes hold tensors")
    x = torch.linspace(-5, 5, 200)[:, None]
    whole = torch.cat([support.inputs, query.inputs])[:, 0]  # pyright: ignore[reportArgumentType]
    truth = torch.cat([support.targets["y"], query.targets["y"]])[whole.argsort()]
    figure, axes = pyplot.subplots(1, 3, figsize=(12, 3.6), sharey=True)
    for ax, (name, learner) in zip(axes, learners.items(), strict=True):
        ax.plot(whole.sort().values, truth, color="0.6", linewidth=5, alpha=0.5, label="the new sinusoid")
        for k, style in ((0, ":"), (1, "--"), (INNER_STEPS, "-")):
            answer = learner.with_steps(k).adapt(episode.tasks, support)(x)["y"]
            ax.plot(x, answer.detach(), style, color="#1f6fb2", label=f"after {k} step{'s' * (k != 1)}")
        ax.plot(
            support.inputs, support.targets["y"], "o", color="#c2453a", markersize=8, label="its five points"
        )
        ax.set_title(f"{name}: error {errors[name].format(2)}")
        ax.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.legend(*axes[0].get_legend_handles_labels(), ncols=5, loc="lower center", frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


draw(arguments.output)
print(f"picture written to {arguments.output}")

checks = {
    "MAML adapts far better than a random start": errors["MAML"].high < 0.5 * errors["random start"].low,
    "and than joint pre-training": errors["MAML"].high < 0.6 * errors["joint pre-training"].low,
}
for claim, holds in checks.items():
    print(f"{'ok  ' if holds else 'FAIL'} {claim}")
if not all(checks.values()):
    raise SystemExit("a claim of this page does not hold")

"""Few labels of a new protein
===========================

Which molecules act on a protein? Labels are dear: sixteen for a new one. Here molecules and proteins are
made up, bits that stand for pieces of a molecule, and activities that follow from groups of pieces which
many proteins share. A Gaussian process on the likeness of molecules (Tanimoto) learns from the sixteen
labels alone; the deep one has learned from forty known proteins which pieces belong together.

With real data, `benchmarks/quality/few_shot_molecules.py` does the same for 100 proteins of ChEMBL; there
the gain is smaller, and vanishes where molecules are kept apart (see the figures).
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from polytask.core import Batch, Task, generator, mean_interval, seeded
from polytask.data import TaskEpisodes
from polytask.meta.metric import GaussianProcessHead, tanimoto
from polytask.train import train

torch.set_num_threads(1)
N_BITS, N_GROUPS, N_LABELS = 128, 6, 16
TASK = Task(name="activity", kind="regression")
world = generator(0, "world")
groups = (torch.rand(N_BITS, N_GROUPS, generator=world) < 0.06).float()  # which pieces act alike
scaffolds = torch.rand(12, N_BITS, generator=world) < 0.2  # molecules are variations of some
changed = torch.rand(600, N_BITS, generator=world) < 0.1
molecules = (scaffolds[torch.randint(12, (600,), generator=world)] ^ changed).float()


def proteins(n: int, purpose: str) -> dict[str, Batch]:
    """Return the measured molecules of some proteins, standardized."""
    draw, found = generator(0, purpose), {}
    for number in range(n):
        rows = torch.randperm(600, generator=draw)[:80]
        activity = torch.tanh(molecules[rows] @ groups - 1) @ torch.randn(N_GROUPS, generator=draw)
        activity = activity + 0.3 * torch.randn(80, generator=draw)
        activity = (activity - activity.mean()) / activity.std()
        found[f"{purpose} {number}"] = Batch(inputs=molecules[rows], targets={"activity": activity})
    return found


def explained(learner: GaussianProcessHead, known: dict[str, Batch]) -> list[float]:
    """Return R² on the other molecules of each protein, from its first labels."""
    found = []
    for examples in known.values():
        rows = torch.arange(80)
        predictor = learner.adapt([TASK], examples.rows(rows[:N_LABELS]))
        truth = examples.rows(rows[N_LABELS:])
        with torch.no_grad():
            wrong = predictor(truth.inputs)["activity"][:, 0] - truth.targets["activity"]
        found.append(float(1 - wrong.square().mean() / truth.targets["activity"].var()))
    return found


# %%
# By likeness alone, and with what other proteins taught
with seeded(0):
    likeness = GaussianProcessHead(None, n_inputs=N_BITS, similarity=tanimoto)
    encoder = nn.Sequential(nn.Linear(N_BITS, 64), nn.ReLU(), nn.Linear(64, 32))
    deep = GaussianProcessHead(encoder, n_inputs=N_BITS, similarity=tanimoto)
known, new = proteins(40, "known"), proteins(60, "new")
for learner in (likeness, deep):
    source = TaskEpisodes(TASK, known, n_support=N_LABELS, n_query=40, n_episodes=8, seed=0)
    train(learner, source, n_steps=300, execution="forward", optimizer=lambda p: torch.optim.Adam(p, lr=3e-3))
scores = {"likeness alone": explained(likeness, new), "with other proteins": explained(deep, new)}
intervals = {name: mean_interval(values) for name, values in scores.items()}
for name, interval in intervals.items():
    print(f"{name:20s} R² {interval.format(2)} over {len(new)} new proteins, {N_LABELS} labels each")
axes = plt.figure(figsize=(4.6, 4.2), layout="constrained").subplots()
axes.scatter(*scores.values(), s=18, color="#1f6fb2")
low, high = min(map(min, scores.values())), 1.0
axes.plot([low, high], [low, high], color="0.7", zorder=0)
axes.set(
    xlabel="R² by likeness alone", ylabel="R² with what other proteins taught", title="a dot is a new protein"
)
gain = mean_interval(
    [one - other for one, other in zip(scores["with other proteins"], scores["likeness alone"])]
)

# %%
# What this page claims, checked:
checks = {
    "likeness alone explains something": intervals["likeness alone"].low > 0,
    "other proteins help": gain.low > 0.05,
}
for claim, holds in checks.items():
    print(f"{'ok  ' if holds else 'FAIL'} {claim}")
if not all(checks.values()):
    raise SystemExit("This does not hold: " + "; ".join(claim for claim in checks if not checks[claim]))

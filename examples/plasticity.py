"""Plasticity: connections that learn while they work
==================================================

An episode shows five patterns once, each with a name; then the patterns, damaged, are to be named. The
connections of a plastic layer change with every presentation, what fires together grows together, and
gradient descent has learned over many episodes how much each may change. The same network with fixed
connections cannot remember anything.
"""

from itertools import pairwise

import matplotlib.pyplot as plt
import torch

from polytask.core import seeded
from polytask.data import AssociationEpisodes
from polytask.evaluate import evaluate_episodes
from polytask.meta.model import PlasticNetwork
from polytask.train import train

torch.set_num_threads(1)
N_FEATURES, N_NAMES = 40, 5


def episodes(seed: int, n_patterns: int = 5, n_episodes: int = 16) -> AssociationEpisodes:
    return AssociationEpisodes(
        n_patterns=n_patterns, n_features=N_FEATURES, n_names=N_NAMES, n_episodes=n_episodes, seed=seed
    )


# %%
# The plastic network, and its twin without plasticity
networks = {}
for name, plastic in (("plastic", True), ("fixed", False)):
    with seeded(0):
        networks[name] = PlasticNetwork([N_FEATURES, N_NAMES], rate=0.3, plastic=plastic)
    train(
        networks[name],
        episodes(0),
        n_steps=300,
        execution="forward",
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-2),
    )
found = {
    name: evaluate_episodes(network, episodes(1), n_episodes=400).interval
    for name, network in networks.items()
}
for name, interval in found.items():
    print(f"{name:8s} {interval.format(1, scale=100)} % of five damaged patterns named right (chance 20 %)")

# %%
# One episode: the connections after each presentation
network = networks["plastic"]
(episode,) = episodes(7, n_episodes=1).step(0)
assert episode.support is not None
with torch.no_grad():
    states = network.history(episode.tasks, episode.support)
    (layer,) = network.plastic_layers
    weights = [layer.effective_weight({"trace": state["0.trace"]}) for state in states]
names = episode.support.targets["name"].tolist()
limit = max(float(weight.abs().max()) for weight in weights)
panels = plt.figure(figsize=(8, 7), layout="constrained").subplots(6, 1, sharex=True)
for number, (axes, weight) in enumerate(zip(panels, weights, strict=True)):
    axes.imshow(weight.numpy(), cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    said = (
        "before the first pattern" if number == 0 else f"after pattern {number}, called {names[number - 1]}"
    )
    axes.set_title(said, fontsize=9, loc="left")
    axes.set(ylabel="name", yticks=range(N_NAMES), yticklabels=[])
panels[-1].set_xlabel("input neuron")
plt.colorbar(panels[0].images[0], ax=panels, label="strength of the connection")
changed = [(after - before).abs().sum(1) for before, after in pairwise(weights)]  # [name]

# %%
# What this page claims, checked:
checks = {
    "the plastic network remembers": found["plastic"].low > 0.9,
    "its twin stays at chance": found["fixed"].high < 0.3,
    "a presentation changes most the connections of its name": all(
        int(change.argmax()) == name for change, name in zip(changed, names, strict=True)
    ),
}
for claim, holds in checks.items():
    print(f"{'ok  ' if holds else 'FAIL'} {claim}")
if not all(checks.values()):
    raise SystemExit("This does not hold: " + "; ".join(claim for claim in checks if not checks[claim]))

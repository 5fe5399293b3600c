"""A plastic network learns random associations within an episode; its twin without plasticity cannot.

    python benchmarks/quality/plasticity.py --seed 0 1 2

An episode presents random patterns of 40 signs once each, every one with a random of five names; then the
patterns, a tenth of their signs turned, are to be named. Nothing but a memory of the episode helps. Trained
by gradient descent across episodes, judged on 1,000 new ones. The twin has the same layers; the wide one more
parameters than the plastic network. Writes ``results/plasticity.json`` and a figure of one episode.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from results import write_results  # beside this file
from torch import Tensor
from torch.optim import Adam

from polytask.core import mean_interval, seeded
from polytask.data import AssociationEpisodes
from polytask.evaluate import evaluate_episodes
from polytask.execution.forward import run_forward
from polytask.meta.model import PlasticNetwork

RESULT = Path(__file__).parent / "results" / "plasticity.json"
FIGURE = RESULT.with_suffix(".png")
N_FEATURES, N_NAMES = 40, 5
N_PATTERNS = (2, 5, 10, 20)
NETWORKS: dict[str, Callable[[], PlasticNetwork]] = {
    "plastic": lambda: plastic([N_FEATURES, N_NAMES]),
    "plastic, Oja": lambda: plastic([N_FEATURES, N_NAMES], rule="oja"),
    "plastic, modulated": lambda: plastic([N_FEATURES, N_NAMES], modulation="simple"),
    "twin without plasticity": lambda: plastic([N_FEATURES, N_NAMES], plastic=False),
    "wide twin without plasticity": lambda: plastic([N_FEATURES, 12, N_NAMES], plastic=False),
}


def plastic(sizes: list[int], **options: Any) -> PlasticNetwork:
    return PlasticNetwork(sizes, rate=0.3, **options)


def episodes(n_patterns: int, n_episodes: int, seed: int) -> AssociationEpisodes:
    return AssociationEpisodes(
        n_patterns=n_patterns, n_features=N_FEATURES, n_names=N_NAMES, n_episodes=n_episodes, seed=seed
    )


def trained(name: str, seed: int, n_steps: int) -> PlasticNetwork:
    with seeded(seed, "network"):
        network = NETWORKS[name]()
    source = episodes(10, 16, seed)
    optimizer = Adam(network.parameters(), lr=1e-2)
    for index in range(n_steps):
        optimizer.zero_grad()
        network.objectives(source.step(index), execution=run_forward).values.mean().backward()
        optimizer.step()
    return network


def judged(network: PlasticNetwork, n_patterns: int) -> float:
    return evaluate_episodes(network, episodes(n_patterns, 1, 1_000_000), n_episodes=1000).interval.mean


def accuracy(networks: list[PlasticNetwork], n_patterns: int) -> str:
    return mean_interval([judged(network, n_patterns) for network in networks]).format(1, scale=100)


def picture(network: PlasticNetwork) -> None:
    """Draw the effective weights along one episode, and what is remembered after each presentation."""
    (episode,) = episodes(5, 1, 77).step(0)
    assert episode.support is not None
    with torch.no_grad():
        states = network.history(episode.tasks, episode.support)
        (layer,) = network.plastic_layers
        weights = [layer.effective_weight({"trace": state["0.trace"]}) for state in states]
    names = episode.support.targets["name"].tolist()
    shown = (0, 1, 3, 5)
    limit = max(float(w.abs().max()) for w in weights)
    figure = plt.figure(figsize=(11, 6.4), layout="constrained")
    grid = figure.add_gridspec(len(shown), 2, width_ratios=[1.35, 1])
    image = None
    for row, position in enumerate(shown):
        axes = figure.add_subplot(grid[row, 0])
        image = axes.imshow(weights[position], cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
        named = (
            "before the first" if position == 0 else f"after number {position} (name {names[position - 1]})"
        )
        axes.set_title(f"Connections {named}", fontsize=9, loc="left")
        axes.set_ylabel("name")
        axes.set_yticks(range(N_NAMES))
        axes.set_xticks([])
    axes.set_xlabel("input neuron")  # pyright: ignore[reportPossiblyUnboundVariable]
    figure.colorbar(image, ax=figure.axes, location="left", shrink=0.5, label="weight + plasticity x trace")  # pyright: ignore[reportArgumentType]
    _recall(figure.add_subplot(grid[:2, 1]), network)
    _one_connection(figure.add_subplot(grid[2:, 1]), weights, names)
    figure.savefig(FIGURE, dpi=120)
    plt.close(figure)


def _recall(axes: Axes, network: PlasticNetwork) -> None:
    """Draw, over many episodes, how well each pattern is known after each presentation."""
    n_patterns, right = 5, torch.zeros(6, 5)
    for index in range(300):
        (episode,) = episodes(n_patterns, 1, 5).step(index)
        assert episode.support is not None
        # Queries come in the order of the patterns, presentations in a random one.
        support, query = episode.support.inputs, episode.query.inputs
        assert isinstance(support, Tensor)
        assert isinstance(query, Tensor)
        order = (support @ query.T).argmax(1)
        with torch.no_grad():
            for position, state in enumerate(network.history(episode.tasks, episode.support)):
                answers = network.predict({"name": state}, episode.tasks, query[order])["name"].argmax(1)
                right[position] += (answers == episode.support.targets["name"]).float() / 300
    for pattern in range(n_patterns):
        axes.plot(range(6), right[:, pattern], marker="o", markersize=3, label=f"number {pattern + 1}")
    axes.axhline(1 / N_NAMES, color="grey", linewidth=0.8, linestyle=":")
    axes.text(5, 1 / N_NAMES + 0.02, "chance", fontsize=8, ha="right", color="grey")
    axes.set(ylim=(0, 1.03), xlabel="patterns presented so far", ylabel="named rightly")
    axes.set_title("Known once seen (300 episodes)", fontsize=9, loc="left")
    axes.legend(fontsize=7, title="pattern", title_fontsize=7, loc="center left", bbox_to_anchor=(0.0, 0.6))


def _one_connection(axes: Axes, weights: list[Tensor], names: list[int]) -> None:
    """Draw some single connections over the presentations."""
    for name in sorted(set(names))[:3]:
        for neuron in (0, 1):
            values = [float(w[name, neuron]) for w in weights]
            axes.plot(values, marker="o", markersize=3, label=f"input {neuron} to name {name}")
    axes.set_xticks(range(len(weights)), ["start", *(f"name {name}" for name in names)], fontsize=8)
    axes.set(xlabel="presentation", ylabel="connection")
    axes.set_title("Connections change while the network looks", fontsize=9, loc="left")
    axes.margins(y=0.35)
    axes.legend(fontsize=7, ncols=2, loc="upper left")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=600)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    figures: dict[str, Any] = {}
    drawn = None
    for name in NETWORKS:
        start = time.perf_counter()
        networks = [trained(name, seed, asked.steps) for seed in asked.seed]
        drawn = drawn or networks[0]
        figures[name] = {
            "parameters": sum(p.numel() for p in networks[0].parameters()),
            **{
                f"{n} patterns": mean_interval([judged(network, n) for network in networks]).format(
                    1, scale=100
                )
                for n in N_PATTERNS
            },
            "seconds": round(time.perf_counter() - start),
        }
        print(name, figures[name], flush=True)
    assert drawn is not None
    picture(drawn)
    setting = {
        "seeds": asked.seed, "steps": asked.steps, "trained on": "10 patterns", "accuracy": "percent",
        "test episodes": 1000, "chance": 100 / N_NAMES,
    }  # fmt: skip
    write_results(
        RESULT,
        setting=setting,
        figures=figures,
        seed=asked.seed,
        split="associations drawn; those of the test seed are judged",
    )


if __name__ == "__main__":
    main()

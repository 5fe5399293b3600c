"""The two-objective problem of CAGrad and Nash-MTL: where each method arrives, and by which way.

Run: ``python benchmarks/quality/two_objectives.py`` (twenty minutes). Writes ``two_objectives.json`` and
the picture ``two_objectives.png`` into ``results``.

The problem is that of Bo Liu et al., "Conflict-Averse Gradient Descent for Multi-task Learning", NeurIPS
2021, arXiv:2110.14048 (Figure 1), and of Aviv Navon et al., "Multi-Task Learning as a Bargaining Game", ICML
2022, arXiv:2202.01017 (Figure 2, where the first objective is ten times smaller), with the starts of the
latter. Both take Adam with rate 1e-3 for many more steps; here the rate is larger and the steps fewer.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib import pyplot
from matplotlib.axes import Axes
from results import write_results
from torch import Tensor

from polytask.balancing import Evidence, Weights, balancer_by_name

matplotlib.use("Agg")

RESULTS = Path(__file__).parent / "results"
STARTS = ((-8.5, 7.5), (0.0, 0.0), (9.0, 9.0), (-7.5, -0.5), (9.0, -1.0))
METHODS = {
    "equal": "equal weights",
    "mgda": "MGDA",
    "pcgrad": "PCGrad",
    "cagrad": "CAGrad",
    "nash-mtl": "Nash-MTL",
    "upgrad": "UPGrad",
}
SCALES = (1.0, 0.1)  # of the first objective
SMALLEST = 5e-6


def objectives(place: Tensor, scale: float) -> Tensor:
    """Return both objectives at places of the plane.

    Args:
        place: ``[..., 2]``.
        scale: Of the first objective.

    Returns:
        ``[..., 2]``.
    """
    x, y = place.unbind(-1)
    valley_1 = (0.5 * (-x - 7) - torch.tanh(-y)).abs().clamp(min=SMALLEST).log() + 6
    valley_2 = (0.5 * (-x + 3) + torch.tanh(-y) + 2).abs().clamp(min=SMALLEST).log() + 6
    bowl_1 = ((-x + 7).square() + 0.1 * (-y - 8).square()) / 10 - 20
    bowl_2 = ((-x - 7).square() + 0.1 * (-y - 8).square()) / 10 - 20
    above, below = torch.tanh(0.5 * y).clamp(min=0), torch.tanh(-0.5 * y).clamp(min=0)
    first = scale * (valley_1 * above + bowl_1 * below)
    return torch.stack([first, valley_2 * above + bowl_2 * below], dim=-1)


def run(method: str, scale: float, n_steps: int, rate: float) -> Tensor:
    """Return the ways from all starts, ``[step, start, 2]``."""
    torch.manual_seed(0)
    places = torch.tensor(STARTS, dtype=torch.float64, requires_grad=True)
    balancers = [balancer_by_name(method, ("first", "second")).double() for _ in STARTS]
    optimizer = torch.optim.Adam([places], lr=rate)
    ways = [places.detach().clone()]
    for _ in range(n_steps):
        values = objectives(places, scale)
        rows = torch.stack(
            [torch.autograd.grad(values[:, i].sum(), places, retain_graph=True)[0] for i in range(2)], dim=1
        )  # [start, objective, 2]
        places.grad = torch.zeros_like(places)
        for start, balancer in enumerate(balancers):
            jacobian = rows[start]
            evidence = Evidence(("first", "second"), values[start].detach(), lambda j=jacobian: j)
            update = balancer(evidence)
            assert isinstance(update, Weights)
            places.grad[start] = update.values.detach() @ jacobian
        optimizer.step()
        ways.append(places.detach().clone())
    return torch.stack(ways)


def distance(ends: Tensor) -> Tensor:
    """Return how far places ``[start, 2]`` are from the Pareto set: x from -7 to 7 at the bottom, y near -8.

    The bowls are lowest at y = -8, but their factor tanh(-y / 2) still grows there, which moves the set down
    a little; where exactly is found by a fine grid.
    """
    x = torch.linspace(-7, 7, 281, dtype=torch.float64)
    y = torch.linspace(-10, -7, 601, dtype=torch.float64)
    total = objectives(torch.cartesian_prod(x, y), 1.0).sum(-1).view(len(x), len(y))
    lowest = torch.stack([x, y[total.argmin(1)]], dim=-1)
    return torch.cdist(ends, lowest).amin(1)


def draw(axes: Axes, ways: Tensor, scale: float) -> None:
    """Draw the level lines of the sum of the objectives, and the ways over them."""
    side = torch.linspace(-10, 10, 201, dtype=torch.float64)
    grid = torch.stack(torch.meshgrid(side, side, indexing="xy"), dim=-1)
    axes.contour(side, side, objectives(grid, scale).sum(-1), 30, colors="0.8", linewidths=0.5)
    axes.plot([-7, 7], [-8.2, -8.2], color="0.45", linewidth=5, solid_capstyle="butt", alpha=0.5)
    steps = np.unique(np.linspace(0, len(ways) - 1, 500).astype(int))
    for start in range(ways.shape[1]):
        way = ways[steps, start].numpy()
        axes.scatter(way[:, 0], way[:, 1], c=np.arange(len(way)), cmap="viridis", s=4, linewidths=0)
        axes.plot(*way[0], "o", color="black", markersize=4)
        axes.plot(*way[-1], "*", color="crimson", markersize=9)
    axes.set(xlim=(-10.5, 10.5), ylim=(-10.5, 10.5), aspect="equal", xticks=[], yticks=[])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=25_000)
    parser.add_argument("--rate", type=float, default=5e-3)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    figure, grid = pyplot.subplots(
        len(SCALES), len(METHODS), figsize=(2.6 * len(METHODS), 5.8), layout="constrained", squeeze=False
    )
    figures: dict[str, dict[str, object]] = {}
    for row, scale in enumerate(SCALES):
        for column, (method, title) in enumerate(METHODS.items()):
            ways = run(method, scale, asked.steps, asked.rate)
            far = distance(ways[-1])
            arrived = int((far < 0.3).sum())
            draw(grid[row, column], ways, scale)
            grid[row, column].set_title(f"{title}: {arrived} of {len(STARTS)} arrive", fontsize=10)
            figures[f"{title}, first objective x {scale:g}"] = {
                "ends": [[round(value, 3) for value in end] for end in ways[-1].tolist()],
                "distance to the Pareto set": [round(value, 3) for value in far.tolist()],
            }
            print(f"{title} (x {scale:g}): {arrived} of {len(STARTS)} arrive", flush=True)
        grid[row, 0].set_ylabel(f"first objective × {scale:g}")
    figure.savefig(RESULTS / "two_objectives.png", dpi=110)
    write_results(
        RESULTS / "two_objectives.json",
        setting={"steps": asked.steps, "rate": asked.rate, "optimizer": "Adam", "starts": STARTS},
        figures=figures,
        seed=0,
        split="none: a function without data",
    )


if __name__ == "__main__":
    main()

"""Conflict and its resolution
===========================

Two tasks share two weights, and each would have them elsewhere. Where their downhill arrows point more
than a right angle apart, a step along the sum pleases the longer arrow and hurts the other task.
Balancers resolve it in their own ways: PCGrad cuts off what opposes, MGDA takes the shortest mixture,
UPGrad a step that lowers both. The picture has the arrows of one point, and the ways from there.
"""

import matplotlib.pyplot as plt
import torch
from torch import Tensor

from polytask.balancing import Evidence, Weights, balancer_by_name

torch.set_num_threads(1)
METHODS = {"equal": "0.5", "pcgrad": "#d98c4a", "mgda": "#6aa84f", "upgrad": "#1f6fb2"}
BEST = torch.tensor([[0.0, 0.0], [3.0, 1.0]])  # of each task, [task, weight]
STEEP = torch.tensor([[0.2, 1.0], [1.0, 6.0]])  # how much a step in each direction matters
START = torch.tensor([0.5, 2.2])


def losses(weights: Tensor) -> Tensor:
    return 0.5 * (STEEP * (weights.unsqueeze(-2) - BEST).square()).sum(-1)  # [..., task]


def gradients(weights: Tensor) -> Tensor:
    return STEEP * (weights - BEST)  # [task, weight], by hand


def update(method: str, weights: Tensor) -> Tensor:
    """Return the gradient that a balancer makes of both."""
    rows = gradients(weights)
    answer = balancer_by_name(method, ("first", "second"))(
        Evidence(("first", "second"), losses(weights), lambda: rows)
    )
    assert isinstance(answer, Weights)
    return answer.values.detach() @ rows


def way(method: str, n_steps: int = 400, rate: float = 0.05) -> Tensor:
    places = [START]
    for _ in range(n_steps):
        places.append(places[-1] - rate * update(method, places[-1]))
    return torch.stack(places)  # [step, weight]


# %%
# The arrows at a point where they oppose each other
here = torch.tensor([2.0, 0.85])
rows = gradients(here)
cosine = torch.cosine_similarity(rows[0], rows[1], dim=0)
rise = {method: rows @ -update(method, here) for method in METHODS}  # first-order change of each loss
print(f"the cosine of the two gradients is {cosine:+.2f}")
for method, change in rise.items():
    print(f"{method:8s} first loss {change[0]:+.3f}, second {change[1]:+.3f} for each unit of step")

# %%
# The ways from one start
ways = {method: way(method) for method in METHODS}
left, right = plt.figure(figsize=(10, 4), layout="constrained").subplots(1, 2)
for task, color in enumerate(("#8e63b0", "#c2453a")):
    left.quiver(*here, *-rows[task], color=color, angles="xy", scale_units="xy", scale=1, width=0.012)
    right.plot(*BEST[task], "*", color=color, markersize=14)
for method, color in METHODS.items():
    step = -update(method, here)
    left.quiver(*here, *step, color=color, angles="xy", scale_units="xy", scale=1, width=0.006, label=method)
    right.plot(*ways[method].T, color=color, linewidth=2)
left.set(xlim=(1, 3.2), ylim=(-0.4, 2.2), title="purple, red: each task's own arrow; thin: the balanced step")
left.legend(frameon=False)
grid = torch.stack(
    torch.meshgrid(torch.linspace(-0.5, 3.5, 80), torch.linspace(-0.5, 2.5, 80), indexing="xy"), -1
)
for task, color in enumerate(("#8e63b0", "#c2453a")):
    right.contour(
        grid[..., 0], grid[..., 1], losses(grid)[..., task], 8, colors=color, linewidths=0.5, alpha=0.5
    )
right.set(title="ways to a compromise; a star is where one task is best off")

# %%
# What this page claims, checked:
ends = {method: gradients(places[-1]) for method, places in ways.items()}
checks = {
    "the gradients conflict": bool(cosine < 0),
    "their plain sum makes a task worse": bool(rise["equal"].max() > 0),
    "UPGrad, PCGrad and MGDA make none worse": all(
        bool(rise[name].max() < 1e-6) for name in ("upgrad", "pcgrad", "mgda")
    ),
    "every way ends where no step pleases both": all(
        bool(torch.cosine_similarity(end[0], end[1], dim=0) < -0.98) for end in ends.values()
    ),
}
for claim, holds in checks.items():
    print(f"{'ok  ' if holds else 'FAIL'} {claim}")
if not all(checks.values()):
    raise SystemExit("This does not hold: " + "; ".join(claim for claim in checks if not checks[claim]))

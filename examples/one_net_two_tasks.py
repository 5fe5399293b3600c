"""One net, two kinds of task
==========================

By hand, then with polytask. Points x of the unit square ask two questions: the value y1 = x1 + 2 x2 +
noise (regression), and whether y2 = [x1 > 0.5] (binary). One shared layer serves both; the total loss is
MSE + cross-entropy.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from polytask import Batch, Episode, SharedModel, Task
from polytask.architectures import HardSharing
from polytask.balancing import BalancedBackward
from polytask.balancing.methods import EqualWeights
from polytask.core import generator, jacobian, seeded
from polytask.data import JointSource
from polytask.evaluate import evaluate
from polytask.train import train

torch.set_num_threads(1)
NOISE, UNITS, RATE = 0.05, 32, 0.1


def points(n: int, purpose: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = generator(0, purpose)
    x = torch.rand(n, 2, generator=draw)
    y1 = x[:, 0] + 2 * x[:, 1] + NOISE * torch.randn(n, generator=draw)
    return x, y1, (x[:, 0] > 0.5).float()


def gradient(weight: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(weight) if weight.grad is None else weight.grad


# %%
# By hand
# -------
# A neuron is a weighted sum and an activation, h = tanh(w . x + b); 32 of them side by side are a layer.
# Each task has one more neuron that reads the layer: its private head.
with seeded(0):
    shared, head1, head2 = nn.Linear(2, UNITS), nn.Linear(UNITS, 1), nn.Linear(UNITS, 1)

x, y1, y2 = points(512, "train")


def total_loss() -> torch.Tensor:
    hidden = torch.tanh(x @ shared.weight.T + shared.bias)  # [point, unit], computed once for both tasks
    value = (hidden @ head1.weight.T + head1.bias)[:, 0]  # [point]
    logit = (hidden @ head2.weight.T + head2.bias)[:, 0]  # [point]
    return mse_loss(value, y1) + binary_cross_entropy_with_logits(logit, y2)  # the total over tasks


before = total_loss()  # forward: from the points to the loss
before.backward()  # backward: the chain rule, from the loss to every weight
by_hand = gradient(shared.weight).clone()
with torch.no_grad():  # update: every weight moves a little against its gradient
    for layer in (shared, head1, head2):
        for weight in layer.parameters():
            weight -= RATE * gradient(weight)
after = total_loss()
print(f"by hand:  gradient of the shared layer {by_hand.norm():.4f}, total loss {before:.4f} -> {after:.4f}")

# %%
# With polytask
# -------------
tasks = (Task(name="y1", kind="regression"), Task(name="y2", kind="binary"))
with seeded(0):  # the same numbers as above
    trunk = nn.Sequential(nn.Linear(2, UNITS), nn.Tanh())
    net = SharedModel(tasks, HardSharing(trunk), {"y1": nn.Linear(UNITS, 1), "y2": nn.Linear(UNITS, 1)})

known = Batch(inputs=x, targets={"y1": y1, "y2": y2})
step = [Episode(tasks=tasks, query=known)]  # both questions are asked of the same inputs
layer_weight = next(net.sharing.parameters())  # of the same layer as `shared` above
of_each = jacobian(net.objectives(step).values, [layer_weight])  # [task, weight]
first = net.objectives(step)
BalancedBackward(net, EqualWeights())(first)  # backward: every weight has its gradient now
of_both = gradient(layer_weight).clone()
torch.optim.SGD(net.parameters(), lr=RATE).step()  # the same update
stepped, second = layer_weight.detach().clone(), net.objectives(step)
print(
    f"polytask: gradient of the shared layer {of_both.norm():.4f}, "
    f"total loss {first.total():.4f} -> {second.total():.4f}"
)

cosine = torch.cosine_similarity(of_each[0], of_each[1], dim=0)
print(
    f"the two tasks pull the shared layer with a cosine of {cosine:+.2f}; the update is the sum of both pulls"
)

train(  # many such steps, on small batches
    net,
    JointSource(tasks, known, batch_size=64, seed=0),
    n_steps=1500,
    optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-2),
    schedule=lambda step: 1 - step / 1500,
)

new_x, new_y1, new_y2 = points(2000, "test")
metrics = evaluate(net.adapt(tasks), Batch(inputs=new_x, targets={"y1": new_y1, "y2": new_y2}))
rmse, accuracy = metrics["y1"]["rmse"], metrics["y2"]["accuracy"]
print(f"new points: RMSE {rmse:.3f} (the noise alone is {NOISE}), accuracy {100 * accuracy:.1f} %")

predicted = {name: outputs.detach()[:, 0] for name, outputs in net.adapt(tasks)(new_x).items()}
axes = plt.figure(figsize=(5, 4), layout="constrained").subplots()
for is_right, marker in ((False, "o"), (True, "^")):
    of_class = new_x[(predicted["y2"] > 0) == is_right], predicted["y1"][(predicted["y2"] > 0) == is_right]
    dots = axes.scatter(*of_class[0].T, c=of_class[1], marker=marker, s=12, vmin=0, vmax=3)
axes.set(xlabel="x1", ylabel="x2", title="one net: the value as colour, the class as shape")
plt.colorbar(dots, ax=axes, label="predicted y1")

# %%
# What this page claims, checked:
checks = {
    "both ways give the same gradient": torch.allclose(by_hand, of_both, atol=1e-6),
    "it is the sum of the tasks' gradients": torch.allclose(of_each.sum(0), of_both.flatten(), atol=1e-6),
    "both ways take the same first step": torch.allclose(stepped, shared.weight, atol=1e-6),
    "that step lowers the total loss": bool(after < before),
    "the regression is near the noise": rmse < 1.3 * NOISE,
    "the classification is right": accuracy > 0.95,
}
for claim, holds in checks.items():
    print(f"{'ok  ' if holds else 'FAIL'} {claim}")
if not all(checks.values()):
    raise SystemExit("This does not hold: " + "; ".join(claim for claim in checks if not checks[claim]))

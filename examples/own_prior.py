"""A prior of your own
===================

A network answers as the posterior of a prior does, and how near it comes to the exact one. The prior
draws functions from a Gaussian process, whose posterior is known in closed form. Where it is not, as for
functions with a jump, nothing changes but the prior.
"""

import argparse

import matplotlib.pyplot as plt
import torch
from torch import Tensor

import polytask

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=1500, help="training steps")
options = parser.parse_args()
NOISE = 0.05


def kernel(left: Tensor, right: Tensor) -> Tensor:
    return torch.exp(-0.5 * (left[:, None] - right[None]).square())


def smooth(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    x = 4 * torch.rand(12, generator=generator) - 2
    root = torch.linalg.cholesky(kernel(x, x) + NOISE * torch.eye(12))
    return x[:, None], root @ torch.randn(12, generator=generator)


def jump(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    x = 4 * torch.rand(12, generator=generator) - 2
    place, before, after = torch.randn(3, generator=generator)
    return x[:, None], torch.where(x < place, before, after) + 0.1 * torch.randn(12, generator=generator)


model = polytask.learn(smooth, learner="pfn", steps=options.steps, progress=False)
x, y = smooth(torch.Generator().manual_seed(1))
known, asked = slice(0, 8), slice(8, None)
answers = model.adapt(x[known], y[known]).predict(x[asked], deviation=True, intervals=0.9)

gram = kernel(x[known, 0], x[known, 0]) + NOISE * torch.eye(8)
across = kernel(x[asked, 0], x[known, 0])
variance = 1 + NOISE - (across * torch.linalg.solve(gram, across.T).T).sum(1)
answers["exact mean"] = (across @ torch.linalg.solve(gram, y[known])).numpy()
answers["exact sd"] = variance.sqrt().numpy()
print("a smooth function:", answers.round(2).to_string(index=False), sep="\n")
near = float((answers["y"] - answers["exact mean"]).abs().mean()) < 0.3
print("ok  " if near else "FAIL", "means are within 0.3 of the exact ones")

steps = polytask.learn(jump, learner="pfn", steps=options.steps, progress=False)
told = steps.adapt([[-1.5], [1.5]], [0.0, 3.0]).predict([[-1.0], [0.0], [1.0]], deviation=True)
print("a function with a jump:", told.round(2).to_string(index=False), sep="\n")

shown = steps.adapt([[-1.5], [1.5]], [0.0, 3.0]).predict(torch.linspace(-2, 2, 60)[:, None], deviation=True)
center, spread = shown["y"].to_numpy(), shown.iloc[:, 1].to_numpy()
axes = plt.figure(figsize=(6, 3), layout="constrained").subplots()
axes.fill_between(torch.linspace(-2, 2, 60), center - 2 * spread, center + 2 * spread, alpha=0.25)
axes.plot(torch.linspace(-2, 2, 60), center)
axes.plot([-1.5, 1.5], [0.0, 3.0], "o", color="#c2453a")
axes.set_title("a jump somewhere between two known points: unsure where it is")

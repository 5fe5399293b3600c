"""What an encoder gains under the same heads and steps: numbers seen through more features, and ResNet.

    POLYTASK_DATA=folder python benchmarks/quality/encoders.py sarcos multi-mnist --seed 0 1 2

The sets are those of `joint.py`, and so are splits, steps, rates and the choice by validation. SARCOS (seven
torques, 21 columns): the plain trunk, columns cut into bins at quantiles of the training rows (piecewise
linear), and columns as waves of learned frequencies (periodic). Multi-MNIST (two digits): the small LeNet,
and residual networks that normalize by batches or by groups of channels. Writes ``results/encoders.json``.

References: Gorishniy et al. On Embeddings for Numerical Features in Tabular Deep Learning. NeurIPS 2022,
arXiv:2203.05556. He et al. Deep Residual Learning for Image Recognition. CVPR 2016, arXiv:1512.03385.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from joint import fit
from joint_sets import CASES, Parts, small_cnn
from overlaps import overlap  # beside this file
from results import write_results
from torch import Tensor, nn

from polytask.architectures import table_trunk
from polytask.core import mean_interval
from polytask.encoders import PeriodicEmbedding, PiecewiseLinearEncoding, ResNet
from polytask.encoders.numeric_embedding import quantile_edges

RESULTS = Path(__file__).parent / "results" / "encoders.json"
N_BINS, WAVES, SCALE = 16, 8, 0.1
Build = Callable[[Parts], nn.Module]


def plain(parts: Parts) -> nn.Module:
    return table_trunk(columns(parts).shape[1], [128, 128])


def piecewise(parts: Parts) -> nn.Module:
    encoding = PiecewiseLinearEncoding(quantile_edges(columns(parts), n_bins=N_BINS))
    return nn.Sequential(encoding, table_trunk(encoding.n_features, [128, 128]))


def periodic(parts: Parts, *, activation: bool = True) -> nn.Module:
    embedding = PeriodicEmbedding(
        columns(parts).shape[1], WAVES, n_frequencies=WAVES, scale=SCALE, activation=activation
    )
    return nn.Sequential(embedding, table_trunk(embedding.n_features, [128, 128]))


def residual(parts: Parts, *, normalization: Any) -> nn.Module:
    del parts
    return ResNet(1, (16, 32, 64), n_blocks=1, normalization=normalization)


ENCODERS: dict[str, dict[str, Build]] = {
    "sarcos": {
        "plain": plain,
        "piecewise linear": piecewise,
        "periodic": periodic,
        "periodic, linear in the waves": partial(periodic, activation=False),
    },
    "multi-mnist": {
        "LeNet": lambda _: small_cnn(),
        "ResNet, batch": partial(residual, normalization="batch"),
        "ResNet, group": partial(residual, normalization="group"),
    },
}


def columns(parts: Parts) -> Tensor:
    """Return the training rows of a table."""
    assert isinstance(parts.train.inputs, Tensor)
    return parts.train.inputs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sets", nargs="+", choices=list(ENCODERS))
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    for name in asked.sets:
        case = CASES[name]
        ratio = 0.0
        scores: dict[str, list[float]] = {encoder: [] for encoder in ENCODERS[name]}
        for seed in asked.seed:
            parts = case.load(seed)
            ratio = overlap(len(parts.test), len(parts.train)) if case.resplit else 0.0
            for encoder, build in ENCODERS[name].items():
                own = replace(case, trunk=partial(build, parts))
                trials = [fit(own, parts, parts.tasks, seed, rate) for rate in case.rates]
                best = max(trials, key=lambda trial: trial.score)
                firsts = [next(iter(best.metrics[task.name].values())) for task in parts.tasks]
                scores[encoder].append(sum(firsts) / len(firsts))
                print(f"{name}, seed {seed}, {encoder}: {scores[encoder][-1]:.4f}", flush=True)
        figures = json.loads(RESULTS.read_text())["figures"] if RESULTS.is_file() else {}
        figures[name] = {
            encoder: mean_interval(found, test_over_train=ratio).format(4)
            for encoder, found in scores.items()
        }
        setting = {"seeds": asked.seed, "bins": N_BINS, "waves": WAVES, "scale of frequencies": SCALE}
        write_results(RESULTS, setting=setting, figures=figures, seed=asked.seed, split="as joint.py")


if __name__ == "__main__":
    main()

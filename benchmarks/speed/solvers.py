"""Our solvers on a Gramian against TorchJD's: why methods that TorchJD has are written again here.

Run: ``python benchmarks/speed/solvers.py`` (a few minutes). Both get the same Gramians of 2 to 200 tasks'
float32 gradients, which conflict, of like lengths and of lengths up to 100-fold apart. The two are timed in
turn, and the least time counts, as what disturbs the machine only adds to it; the ratio is TorchJD's time
over ours. Each method is judged by what it promises, 0 being perfect; see `MEASURES`. Where TorchJD takes
longer than ``--patience`` seconds, it is not asked for more tasks. Writes ``results/solvers.json``.

What it shows: TorchJD's rules are as fast or faster, and as exact on gradients of like lengths, but for
CAGrad, Nash-MTL, FairGrad, PCGrad and GradVac, which from 20 tasks on take 1.3 to 190 times as long. On
gradients of different lengths its defaults raise a task (UPGrad, DualProj: by a cosine of 0.1 to 0.3), miss
the shortest vector (MGDA), or lose their digits (IMTL-G, Aligned-MTL). UPGrad by quadprog with a
regularization of 1e-10 is as exact as ours and faster; quadprog is under the GPL, so that polytask may not
depend on it. Krum takes distances where the paper squares them, and wants 4 tasks or more. Ours guards
Nash-MTL and FairGrad against the rounding of float32, which costs them digits: they are the less exact ones
from 20 tasks on.
"""

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torchjd.aggregation as theirs
from torch import Tensor
from torchjd.linalg import QuadprogProjector

from polytask.balancing import Balancer, Evidence, balancer_by_name
from polytask.core import generator

sys.path.append(str(Path(__file__).parents[1] / "quality"))  # where the writer of results is

from results import write_results  # pyright: ignore[reportAttributeAccessIssue]

RESULTS = Path(__file__).parent / "results" / "solvers.json"
SPREADS = {"like lengths": 0.0, "lengths up to 100-fold apart": 2.0}

Measure = Callable[..., float]
"""From weights ``[task]`` and the exact Gramian to what is missing of the promise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One method, size and spread of lengths: the least time, and the median of what is missing."""

    method: str
    n_tasks: int
    lengths: str
    ours_ms: float
    theirs_ms: float | None
    time_ratio: float | None
    ours_missing: float
    theirs_missing: float | None
    measure: str


def raised(weights: Tensor, gramian: Tensor) -> float:
    """The largest angle, as a cosine, by which a task is raised."""
    length = (weights @ gramian @ weights).clamp(min=1e-300).sqrt()
    cosines = gramian @ weights / (gramian.diagonal().sqrt() * length)
    return float((-cosines).clamp(min=0).max())


def too_long(weights: Tensor, gramian: Tensor) -> float:
    """How much the update is longer than its shadow on the gradients says that the shortest one is."""
    shares = weights / weights.sum()
    squared = shares @ gramian @ shares
    # The shortest vector of the hull has an inner product of at least its square with every gradient.
    return float((squared - (gramian @ shares).min()) / gramian.diagonal().min())


def unfair(weights: Tensor, gramian: Tensor, *, alpha: float) -> float:
    """How far the gains are from the powers of the weights that they should be proportional to."""
    ratio = (gramian @ weights) * weights ** (1 / alpha)
    return float(ratio.max() / ratio.min() - 1) if bool((ratio > 0).all()) else math.inf


def uneven(weights: Tensor, gramian: Tensor) -> float:
    """How far the projections on the unit gradients are from each other, relative to their mean."""
    projections = gramian @ weights / gramian.diagonal().sqrt()
    return float((projections.max() - projections.min()) / projections.mean().abs())


def worst_served(weights: Tensor, gramian: Tensor, *, c: float) -> float:
    """How far the worst-off task's gain is below that of the dual's best bound, over the average's length."""
    n = len(gramian)
    average = torch.full_like(weights, 1 / n)
    scale = (average @ gramian @ average).sqrt()
    off = weights - average
    outside = ((off @ gramian @ off).clamp(min=0).sqrt() / (c * scale) - 1).clamp(min=0)
    # For any mixture the largest possible gain of the worst-off is at most g0·g_w + c |g0| |g_w|.
    mixture = off.clamp(min=0) / off.clamp(min=0).sum().clamp(min=1e-300)
    hull = (mixture @ gramian @ mixture).clamp(min=0).sqrt()
    bound = mixture @ gramian @ average + c * scale * hull
    return float((bound - (gramian @ weights).min()).clamp(min=0) / scale**2 + outside)


def nothing(_: Tensor, __: Tensor) -> float:
    """Nothing: the order is drawn."""
    return 0.0


def rounded(weights: Tensor, _: Tensor, *, exact: Tensor) -> float:
    """How far the weights are from those of the same rule in float64."""
    return float((weights - exact).norm() / exact.norm().clamp(min=1e-300))


MEASURES: dict[str, tuple[Callable[[], Callable[[Tensor], Tensor]], Measure]] = {
    "upgrad": (theirs.UPGradWeighting, raised),
    "upgrad, regularized by 1e-10": (
        lambda: theirs.UPGradWeighting(projector=QuadprogProjector(reg_eps=1e-10)),
        raised,
    ),
    "dual-proj": (theirs.DualProjWeighting, raised),
    "mgda": (theirs.MGDAWeighting, too_long),
    "cagrad": (lambda: theirs.CAGradWeighting(c=0.4), lambda w, g: worst_served(w, g, c=0.4)),
    "nash-mtl": (lambda: theirs.FairGradWeighting(alpha=1.0), lambda w, g: unfair(w, g, alpha=1.0)),
    "fairgrad": (lambda: theirs.FairGradWeighting(alpha=2.0), lambda w, g: unfair(w, g, alpha=2.0)),
    "imtl-g": (theirs.IMTLGWeighting, uneven),
    "aligned-mtl": (theirs.AlignedMTLWeighting, rounded),
    "pcgrad": (theirs.PCGradWeighting, nothing),
    "gradvac": (lambda: theirs.GradVacWeighting(beta=0.01), nothing),
    "krum": (lambda: theirs.KrumWeighting(n_byzantine=1), rounded),
}
"""By method, what makes TorchJD's, and what is judged."""

AVERAGED = {"mgda", "cagrad"}
"""Methods whose weights are here the mean's times the number of tasks."""


def gramian_of(n_tasks: int, spread: float, seed: int) -> tuple[Tensor, Tensor]:
    """Return a Gramian in float32 and, of the same gradients, in float64."""
    draw = generator(seed, "gradients", n_tasks)
    rows = torch.randn(n_tasks, 512, generator=draw)
    rows = rows - 0.8 * rows.mean(0)
    rows = rows * (10 ** (-spread * torch.rand(n_tasks, generator=draw)))[:, None]
    return rows @ rows.T, rows.double() @ rows.double().T


def ours_of(method: str, n_tasks: int) -> Callable[[Tensor], Tensor]:
    names = tuple(f"t{index}" for index in range(n_tasks))
    balancer: Balancer = balancer_by_name(method.partition(",")[0], names)
    losses = torch.ones(n_tasks)

    def weigh(gramian: Tensor) -> Tensor:
        return balancer(Evidence(names, losses, torch.Tensor, gramian=lambda: gramian)).values.detach()

    return weigh


def timed(weigh: Callable[[Tensor], Tensor], gramian: Tensor) -> tuple[float, Tensor]:
    begun = time.process_time()
    weights = weigh(gramian)
    return 1e3 * (time.process_time() - begun), weights


def measured(
    method: str, n_tasks: int, lengths: str, *, repeats: int, ask_theirs: bool, patience: float
) -> tuple[Cell, list[str]]:
    """Measure a cell; also say what TorchJD failed with."""
    make, measure = MEASURES[method]
    scale = n_tasks if method in AVERAGED else 1
    ours, other = ours_of(method, n_tasks), make() if ask_theirs else None
    times: tuple[list[float], list[float]] = ([], [])
    missing: tuple[list[float], list[float]] = ([], [])
    failures: list[str] = []
    for seed in range(repeats):
        if sum(times[0]) + sum(times[1]) > 1e3 * patience:
            break  # the Gramians that were seen must do
        gramian, exact = gramian_of(n_tasks, SPREADS[lengths], seed)
        for place, weigh in ((0, ours), (1, other)):
            if weigh is None:
                continue
            try:
                took, weights = timed(weigh, gramian.clone())
            except Exception as error:  # noqa: BLE001 - whatever a solver of another library ends in
                failures.append(f"{type(error).__name__}: {error}"[:200])
                other = None
                break
            times[place].append(took)
            given = {"exact": weigh(exact).double()} if measure is rounded else {}
            missing[place].append(measure(weights.double() / (scale if place == 0 else 1), exact, **given))
    least = [min(each) if each else None for each in times]
    worst = [statistics.median(each) if each else None for each in missing]
    assert least[0] is not None and worst[0] is not None
    ratio = None if least[1] is None else round(least[1] / least[0], 3)
    cell = Cell(
        method=method, n_tasks=n_tasks, lengths=lengths, ours_ms=round(least[0], 4), theirs_ms=least[1],
        time_ratio=ratio, ours_missing=worst[0], theirs_missing=worst[1], measure=str(measure.__doc__ or ""),
    )  # fmt: skip
    return cell, failures


def shown(cell: Cell) -> str:
    theirs_missing = "failed" if cell.theirs_missing is None else f"{cell.theirs_missing:8.1e}"
    ratio = "-" if cell.time_ratio is None else f"{cell.time_ratio:8.2f}x"
    return (
        f"{cell.method:28} {cell.n_tasks:4} {cell.lengths:28} ours {cell.ours_ms:9.3f} ms "
        f"{cell.ours_missing:8.1e}   TorchJD {ratio:>9} {theirs_missing}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, nargs="+", default=[2, 5, 20, 40, 200])
    parser.add_argument("--methods", nargs="+", choices=list(MEASURES), default=list(MEASURES))
    parser.add_argument("--repeats", type=int, default=7, help="Gramians of a cell")
    parser.add_argument("--patience", type=float, default=2.0, help="seconds that one answer may take")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cells, failed = [], dict[str, list[str]]()
    for method in asked.methods:
        measured(method, 5, "like lengths", repeats=1, ask_theirs=True, patience=1.0)  # loads what it needs
        for lengths in SPREADS:
            ask_theirs = True
            for n_tasks in sorted(asked.tasks):
                cell, failures = measured(
                    method,
                    n_tasks,
                    lengths,
                    repeats=asked.repeats,
                    ask_theirs=ask_theirs,
                    patience=asked.patience,
                )
                cells.append(asdict(cell))
                print(shown(cell), flush=True)
                if failures:
                    failed[f"{method}, {n_tasks}, {lengths}"] = failures
                    print("    " + failures[0])
                slow = cell.theirs_ms is not None and cell.theirs_ms > 1e3 * asked.patience
                ask_theirs = ask_theirs and not slow
    figures = {"cells": cells, "failed": failed}
    write_results(
        RESULTS,
        setting={"repeats": asked.repeats},
        figures=figures,
        seed=0,
        split="none: time alone",
        packages=["torchjd"],
    )


if __name__ == "__main__":
    main()

"""Every layer by every algorithm by every execution: is the meta-gradient right, refused, or wrong?"""

import platform
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from benchmarks.warrant.algorithms import ALGORITHMS, episodes, learner_of
from benchmarks.warrant.layers import LAYERS

from polytask.core import EpisodicLearner
from polytask.core.errors import PolytaskError
from polytask.core.learner import Execution
from polytask.execution import check_meta_gradient, named_execution
from polytask.execution.chunked import Chunked
from polytask.execution.threads import Threads

__all__ = ["COMPILED", "Cell", "cells", "machine", "shortened"]

TOLERANCE = 1e-6
COMPILED = ("Linear", "Conv2d", "BatchNorm2d, of the batch", "LayerNorm", "GroupNorm", "MultiheadAttention")
"""Layers whose steps are compiled too: a program takes its time to make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One layer, algorithm and execution.

    Args:
        layer: See `LAYERS`.
        algorithm: See `ALGORITHMS`.
        execution: Its name.
        outcome: ``right``: as the loop, in both modes, and the loop as finite differences where the gradient
            is meant to be exact; ``refused``: by a message of polytask; ``failed``: by an error of torch;
            ``wrong``: a number, and not the right one.
        error: The largest relative distance; None where there is no number.
        reason: Of a refusal or failure, or what is wrong.
        exact: Whether finite differences were taken.
    """

    layer: str
    algorithm: str
    execution: str
    outcome: str
    error: float | None
    reason: str
    exact: bool


def cells(
    layers: Sequence[str] = (), algorithms: Sequence[str] = (), *, compiled: bool = False
) -> Iterator[Cell]:
    """Compute the cells of these layers and algorithms, all without names.

    Args:
        layers: Names of `LAYERS`.
        algorithms: Names of `ALGORITHMS`.
        compiled: Whether to compile the steps of MAML and of prototypes through the layers `COMPILED`.
    """
    for layer in layers or LAYERS:
        for algorithm in algorithms or ALGORITHMS:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch warns of slow paths and of experimental ones
                yield from _row(layer, algorithm, compiled and layer in COMPILED)


def _row(layer: str, algorithm: str, compiled: bool) -> Iterator[Cell]:
    try:
        learner = learner_of(algorithm, layer)
    except PolytaskError as error:
        yield _cell(layer, algorithm, "all", "refused", None, str(error), False)
        return
    executions = _executions(learner, compiled and algorithm in ("MAML", "Prototypes"))
    try:
        report = check_meta_gradient(learner, episodes(), executions=executions, tolerance=TOLERANCE)
    except Exception as error:  # noqa: BLE001 - the loop itself does not run: the cell says why
        outcome = "refused" if isinstance(error, PolytaskError) else "failed"
        yield _cell(layer, algorithm, "all", outcome, None, f"{type(error).__name__}: {error}", False)
        return
    general = "; ".join(report.inconsistencies)
    off = report.finite_difference_error or 0.0
    for name in executions:
        reason = next(
            (report.failures[k] for k in (name, f"{name} in training mode") if k in report.failures), ""
        )
        error = max(report.errors[name], report.training_errors.get(name, 0.0), off)
        if reason:
            refused = reason.startswith(tuple(kind.__name__ for kind in _kinds(PolytaskError)))
            yield _cell(
                layer, algorithm, name, "refused" if refused else "failed", None, reason, off is not None
            )
        elif not error <= TOLERANCE or general:
            why = general or ("unlike finite differences" if off > TOLERANCE else "unlike the loop")
            yield _cell(layer, algorithm, name, "wrong", error, why, learner.exact_gradient)
        else:
            yield _cell(layer, algorithm, name, "right", error, "", learner.exact_gradient)


def _executions(learner: EpisodicLearner, compiled: bool) -> Mapping[str, Execution]:
    names = ("loop", "vmap") if learner.inner_gradients else ("loop", "vmap", "forward")
    found: dict[str, Execution] = {name: named_execution(name, learner) for name in names}
    found["chunked"] = Chunked(2)
    found["threads"] = Threads(2)
    if compiled:
        found["compiled"] = named_execution("compiled", learner)
    return found


def _kinds(kind: type[BaseException]) -> list[type[BaseException]]:
    return [kind, *(deeper for sub in kind.__subclasses__() for deeper in _kinds(sub))]


def _cell(
    layer: str, algorithm: str, execution: str, outcome: str, error: float | None, reason: str, exact: bool
) -> Cell:
    return Cell(
        layer=layer,
        algorithm=algorithm,
        execution=execution,
        outcome=outcome,
        error=error,
        reason=shortened(reason),
        exact=exact,
    )


def shortened(text: str, length: int = 300) -> str:
    """Return the first line of a message, cut."""
    first = text.split("\n")[0]
    return first if len(first) <= length else first[: length - 1] + "…"


def machine() -> dict[str, str]:
    """Say where the cells were computed."""
    return {
        "torch": torch.__version__.split("+")[0],
        "python": platform.python_version(),
        "instruction set": torch.backends.cpu.get_cpu_capability(),
    }

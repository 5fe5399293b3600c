"""What a right gradient does not show: whether a learner does the same everywhere that it is used."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.core import Batch, Episode, EpisodicLearner, InputError, Predictor
from polytask.core.batch import Inputs, map_inputs, query_objectives
from polytask.core.learner import run_loop

__all__ = ["inconsistencies"]


def inconsistencies(
    learner: EpisodicLearner, episodes: Sequence[Episode], tolerance: float
) -> tuple[str, ...]:
    """Return a sentence for each way in which a learner in float64 and evaluation mode contradicts itself.

    - An episode's objective depends on the episodes before it: something leaks, e.g. through a buffer.
    - What `adapt` predicts has another loss than the objective that is trained, although the learner says
      that they are the same (`EpisodicLearner.objective_is_loss`).
    - The prediction for a row depends on the other rows of its batch, although the learner does not say so
      (`EpisodicLearner.transductive`): something in a forward pass reduces over the batch.

    Args:
        learner: Not changed where it is right; a leak may have changed its buffers.
        episodes: One or more, with support.
        tolerance: Relative differences up to here are rounding.
    """
    with torch.no_grad():
        found = [*_leaks(learner, episodes, tolerance)]
        for index, episode in enumerate(episodes[:2]):
            try:
                predictor = learner.adapt(episode.tasks, episode.support)
            except InputError:  # it may refuse a support that training is lenient about: no label of a class
                continue
            found += _adapted_otherwise(learner, predictor, index, episode, tolerance)
            found += _reduced(learner, predictor, index, episode, tolerance)
    return tuple(found)


def _leaks(learner: EpisodicLearner, episodes: Sequence[Episode], tolerance: float) -> list[str]:
    buffers = {name: buffer.clone() for name, buffer in learner.named_buffers()}
    forward = run_loop(learner, episodes)
    backward = run_loop(learner, episodes[::-1]).flip(0)
    changed = [name for name, b in learner.named_buffers() if not torch.equal(b, buffers[name])]
    found = []
    if _distance(backward, forward) > tolerance:
        found.append(
            "the objective of an episode depends on the episodes before it (off by "
            f"{_distance(backward, forward):.1e}"
            + (f"; buffers that change: {', '.join(changed)})" if changed else ")")
        )
    elif changed:
        found.append(f"buffers change in evaluation mode: {', '.join(changed)}")
    return found


def _adapted_otherwise(
    learner: EpisodicLearner, predictor: Predictor, index: int, episode: Episode, tolerance: float
) -> list[str]:
    if not learner.objective_is_loss:
        return []
    losses = query_objectives(episode.tasks, predictor(episode.query.inputs), episode.query)
    trained = run_loop(learner, [episode])[0]
    off = _distance(torch.stack(list(losses.values())).sum(), trained)
    if off <= tolerance:
        return []
    return [f"the loss of what `adapt` predicts is not the objective of episode {index} (off by {off:.1e})"]


def _reduced(
    learner: EpisodicLearner, predictor: Predictor, index: int, episode: Episode, tolerance: float
) -> list[str]:
    if learner.transductive:
        return []
    together = predictor(episode.query.inputs)
    n_rows = min(len(episode.query), 4)
    alone = [predictor(_row(episode.query, row)) for row in range(n_rows)]
    off = max(
        _distance(torch.cat([row[name] for row in alone]), outputs[:n_rows])
        for name, outputs in together.items()
    )
    if off <= tolerance:
        return []
    return [
        f"a query of episode {index} is predicted otherwise alone than in its batch (off by {off:.1e}): a "
        "forward pass reduces over the batch; set `transductive` if that is meant"
    ]


def _row(batch: Batch, row: int) -> Inputs:
    return map_inputs(lambda x: x[row : row + 1], batch.inputs)


def _distance(tensor: Tensor, reference: Tensor) -> float:
    """Return how far a tensor is from a reference, relative to its length; infinite where shapes differ."""
    if tensor.shape != reference.shape:
        return float("inf")
    scale = max(float(reference.norm()), torch.finfo(reference.dtype).tiny)
    off = float((tensor - reference).norm()) / scale
    return off if off == off else float("inf")

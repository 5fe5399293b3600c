"""Few-shot evaluation: adapt to many held-out episodes and average."""

from dataclasses import replace

import torch

from polytask.core import Episode, EpisodicLearner, InputError, mean_interval
from polytask.core.episode_score import EpisodeScore
from polytask.core.modes import evaluating
from polytask.core.settings import SettingsCheck
from polytask.data import Source

__all__ = ["evaluate_episodes"]


def evaluate_episodes(learner: EpisodicLearner, source: Source, *, n_episodes: int = 600) -> EpisodeScore:
    """Adapt to each episode's support and score the answers to its query.

    The learner is put in evaluation mode for the time being and is not changed.

    Args:
        learner: The learner.
        source: Held-out episodes with one task each; episode by episode, from step 0 on.
        n_episodes: How many; 600 or more for an interval worth printing.

    Raises:
        InputError: An episode has several tasks, or no support, or none has a labelled query.
    """
    check = SettingsCheck()
    check.whole("n_episodes", n_episodes, least=1)
    check.done()
    device = next((p.device for p in learner.parameters()), torch.device("cpu"))
    scores: list[float | None] = []
    index, metric = 0, ""
    with evaluating(learner):
        while len(scores) < n_episodes:
            for episode in source.step(index)[: n_episodes - len(scores)]:
                metric, score = _score(learner, episode.to(device))
                scores.append(score)
            index += 1
    values = tuple(score for score in scores if score is not None)
    if not values:
        raise InputError(f"None of the {len(scores)} episodes has a labelled query; give some a label.")
    return EpisodeScore(
        interval=mean_interval(values),
        metric=metric,
        transductive=learner.transductive,
        values=values,
        undefined=len(scores) - len(values),
    )


def _score(learner: EpisodicLearner, episode: Episode) -> tuple[str, float | None]:
    """Return the metric and its value, None without any labelled query."""
    if len(episode.tasks) != 1:
        raise InputError(f"An evaluation episode has one task, but this one has {len(episode.tasks)}.")
    (task,) = episode.tasks
    metric = "mse" if task.kind == "regression" else "accuracy"
    if not episode.query.n_labels(task.name):
        return metric, None
    with torch.no_grad():
        prediction = learner.adapt(episode.tasks, episode.support)(episode.query.inputs)[task.name]
        target = episode.query.targets[task.name]
        mask = episode.query.masks.get(task.name)
        if task.kind == "regression":
            # Whatever it was trained by, what is reported is the squared error.
            return metric, float(replace(task, loss=None).objective(prediction, target, mask))
        right = (task.decide(prediction) == target).float()
        return metric, float(right.mean() if mask is None else right[mask].mean())

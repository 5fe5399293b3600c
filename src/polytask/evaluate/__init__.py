"""Metrics, baselines, Δm and intervals."""

from polytask.evaluate.constant import constant_predictor
from polytask.evaluate.delta import delta_m, gain
from polytask.evaluate.episodes import EpisodeScore, evaluate_episodes
from polytask.evaluate.interval import Interval, mean_interval
from polytask.evaluate.metrics import TaskMetrics, all_answers, evaluate, higher_is_better, metric_names
from polytask.evaluate.skill import ConstantReference, TaskLead, clearly_ahead

__all__ = [
    "ConstantReference",
    "EpisodeScore",
    "Interval",
    "TaskLead",
    "TaskMetrics",
    "all_answers",
    "clearly_ahead",
    "constant_predictor",
    "delta_m",
    "evaluate",
    "evaluate_episodes",
    "gain",
    "higher_is_better",
    "mean_interval",
    "metric_names",
]

from .console import few_shot_table, fit_table
from .html import check_report, write_report
from .plots import accuracy_plot, episode_plot, gain_plot
from .training import training_plot

__all__ = [
    "accuracy_plot",
    "check_report",
    "episode_plot",
    "few_shot_table",
    "fit_table",
    "gain_plot",
    "training_plot",
    "write_report",
]

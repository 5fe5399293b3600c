"""Results for people: tables in the terminal, a self-contained HTML page."""

from polytask.report.console import few_shot_table, fit_table
from polytask.report.figures import accuracy_figure, episode_figure, gain_figure
from polytask.report.html import check_report, write_report
from polytask.report.training import training_figure

__all__ = [
    "accuracy_figure",
    "check_report",
    "episode_figure",
    "few_shot_table",
    "fit_table",
    "gain_figure",
    "training_figure",
    "write_report",
]

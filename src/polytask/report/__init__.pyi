from .console import few_shot_table, fit_table
from .figures import accuracy_figure, episode_figure, gain_figure
from .html import check_report, write_report
from .training import training_figure

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

from .html import write_report
from .training import training_plot

__all__ = ["training_plot", "write_report"]

from .compare_report import write_comparison_report
from .model_report import write_model_report
from .relate_report import write_relations_report
from .training import training_plot

__all__ = [
    "training_plot",
    "write_comparison_report",
    "write_model_report",
    "write_relations_report",
]

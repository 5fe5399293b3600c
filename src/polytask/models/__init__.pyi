from .bundle import Bundle, load_bundle, save_bundle
from .bundle_folder import check_destination
from .few_shot_config import FewShotConfig
from .few_shot_model import AdaptedModel, FewShotModel
from .few_shot_results import FewShotResults
from .saved import check_output, load, write_table
from .table_config import TableConfig
from .table_model import TableModel
from .table_results import FitResults, TaskResult

__all__ = [
    "AdaptedModel",
    "Bundle",
    "FewShotConfig",
    "FewShotModel",
    "FewShotResults",
    "FitResults",
    "TableConfig",
    "TableModel",
    "TaskResult",
    "check_output",
    "check_destination",
    "load",
    "load_bundle",
    "save_bundle",
    "write_table",
]

"""Whole models in one call: fit a table, learn to learn, load, predict."""

from polytask.estimators.bundle import Bundle, load_bundle, save_bundle
from polytask.estimators.bundle_folder import check_destination
from polytask.estimators.few_shot_config import FewShotConfig
from polytask.estimators.few_shot_model import AdaptedModel, FewShotModel
from polytask.estimators.few_shot_results import FewShotResults
from polytask.estimators.few_shot_source import ClassSplit, class_split
from polytask.estimators.fit import fit
from polytask.estimators.learn import learn, train_few_shot
from polytask.estimators.load import check_answers, load, write_table
from polytask.estimators.results import FitResults, TaskResult
from polytask.estimators.table_config import TableConfig
from polytask.estimators.table_model import TableModel

__all__ = [
    "AdaptedModel",
    "Bundle",
    "ClassSplit",
    "FewShotConfig",
    "FewShotModel",
    "FewShotResults",
    "FitResults",
    "TableConfig",
    "TableModel",
    "TaskResult",
    "check_answers",
    "check_destination",
    "class_split",
    "fit",
    "learn",
    "load",
    "load_bundle",
    "save_bundle",
    "train_few_shot",
    "write_table",
]

from .adapt_examples import adapt
from .class_evaluation import evaluate_classes
from .extend_table import extend
from .few_shot_estimator import FewShotEstimator
from .fit_table import fit
from .learn_few_shot import learn
from .multi_task_classifier import MultiTaskClassifier
from .multi_task_estimator import MultiTaskEstimator
from .multi_task_regressor import MultiTaskRegressor
from .new_class_evaluation import evaluate_new_classes
from .new_task_evaluation import evaluate_new_tasks
from .table_evaluation import evaluate_table
from .table_export import export_table
from .table_importance import importance
from .update_few_shot import update

__all__ = [
    "FewShotEstimator",
    "MultiTaskClassifier",
    "MultiTaskEstimator",
    "MultiTaskRegressor",
    "adapt",
    "evaluate_classes",
    "evaluate_new_classes",
    "evaluate_new_tasks",
    "evaluate_table",
    "export_table",
    "extend",
    "fit",
    "importance",
    "learn",
    "update",
]

from .fit_table import fit
from .learn_few_shot import learn
from .multi_task_classifier import MultiTaskClassifier
from .multi_task_estimator import MultiTaskEstimator
from .multi_task_regressor import MultiTaskRegressor

__all__ = ["MultiTaskClassifier", "MultiTaskEstimator", "MultiTaskRegressor", "fit", "learn"]

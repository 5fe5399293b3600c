from .chosen_learner import ChosenLearner
from .described_task import TaskFeatures, task_features
from .first_choices import warm_start
from .learner_choice import LearnerChoice, LearnerScore, Measure, choose_learner
from .portfolio import Portfolio, PortfolioJudgement, greedy_portfolio, judge_portfolio
from .run_log import RunLog
from .support_parts import support_folds

__all__ = [
    "ChosenLearner",
    "Measure",
    "LearnerChoice",
    "LearnerScore",
    "Portfolio",
    "PortfolioJudgement",
    "RunLog",
    "TaskFeatures",
    "choose_learner",
    "greedy_portfolio",
    "judge_portfolio",
    "support_folds",
    "task_features",
    "warm_start",
]

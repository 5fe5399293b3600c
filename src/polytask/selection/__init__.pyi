from .chosen_learner import ChosenLearner
from .described_task import task_features
from .first_choices import warm_start
from .learner_choice import choose_learner
from .portfolio import greedy_portfolio
from .run_log import RunLog

__all__ = ["ChosenLearner", "RunLog", "choose_learner", "greedy_portfolio", "task_features", "warm_start"]

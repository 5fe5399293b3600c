"""Learning what to do: meta-reinforcement learning, and which learner to use."""

from polytask.meta.policy.advantages import generalized_advantages
from polytask.meta.policy.bandit_references import (
    gittins_indices,
    gittins_rule,
    play,
    random_rule,
    thompson_rule,
    ucb_rule,
)
from polytask.meta.policy.bandits import Bandits
from polytask.meta.policy.chosen_learner import ChosenLearner
from polytask.meta.policy.environment import Environment, Transition
from polytask.meta.policy.gymnasium_tasks import GymnasiumTasks
from polytask.meta.policy.gymnasium_view import GymnasiumView
from polytask.meta.policy.learner_choice import Criterion, LearnerChoice, LearnerScore, choose_learner
from polytask.meta.policy.maml_rl import MAMLPolicy
from polytask.meta.policy.point_navigation import PointNavigation
from polytask.meta.policy.portfolio import Portfolio, PortfolioJudgement, greedy_portfolio, judge_portfolio
from polytask.meta.policy.proximal import PolicyLearner, ProximalTraining, clipped_gain
from polytask.meta.policy.rl2 import RL2
from polytask.meta.policy.rollout import Rollout
from polytask.meta.policy.run_log import RunLog
from polytask.meta.policy.support_folds import support_folds
from polytask.meta.policy.tabular import TabularMDPs
from polytask.meta.policy.task_features import TaskFeatures, task_features
from polytask.meta.policy.warm_start import warm_start

__all__ = [
    "PolicyLearner",
    "ProximalTraining",
    "clipped_gain",
    "Bandits",
    "ChosenLearner",
    "Criterion",
    "Environment",
    "GymnasiumTasks",
    "GymnasiumView",
    "LearnerChoice",
    "LearnerScore",
    "MAMLPolicy",
    "PointNavigation",
    "Portfolio",
    "PortfolioJudgement",
    "RL2",
    "Rollout",
    "RunLog",
    "TabularMDPs",
    "TaskFeatures",
    "Transition",
    "choose_learner",
    "generalized_advantages",
    "gittins_indices",
    "gittins_rule",
    "greedy_portfolio",
    "judge_portfolio",
    "play",
    "random_rule",
    "support_folds",
    "task_features",
    "thompson_rule",
    "ucb_rule",
    "warm_start",
]

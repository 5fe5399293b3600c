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
from polytask.meta.policy.environment import Environment, Transition
from polytask.meta.policy.maml_rl import MAMLPolicy
from polytask.meta.policy.point_navigation import PointNavigation
from polytask.meta.policy.rl2 import RL2
from polytask.meta.policy.rollout import Rollout
from polytask.meta.policy.tabular import TabularMDPs

__all__ = [
    "Bandits",
    "Environment",
    "MAMLPolicy",
    "PointNavigation",
    "RL2",
    "Rollout",
    "TabularMDPs",
    "Transition",
    "generalized_advantages",
    "gittins_indices",
    "gittins_rule",
    "play",
    "random_rule",
    "thompson_rule",
    "ucb_rule",
]

from .advantages import generalized_advantages
from .bandit_references import gittins_indices, gittins_rule, play, random_rule, thompson_rule, ucb_rule
from .bandits import Bandits
from .environment import Environment, Transition
from .gymnasium_tasks import GymnasiumTasks
from .gymnasium_view import GymnasiumView
from .maml_rl import MAMLPolicy
from .point_navigation import PointNavigation
from .proximal import PolicyLearner, ProximalTraining, clipped_gain
from .rl2 import RL2
from .rollout import Rollout
from .tabular import TabularMDPs

__all__ = [
    "Bandits",
    "Environment",
    "GymnasiumTasks",
    "GymnasiumView",
    "MAMLPolicy",
    "PointNavigation",
    "PolicyLearner",
    "ProximalTraining",
    "RL2",
    "Rollout",
    "TabularMDPs",
    "Transition",
    "clipped_gain",
    "generalized_advantages",
    "gittins_indices",
    "gittins_rule",
    "play",
    "random_rule",
    "thompson_rule",
    "ucb_rule",
]

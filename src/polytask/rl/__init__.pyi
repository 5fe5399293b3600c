from .bandits import Bandits
from .gymnasium_tasks import GymnasiumTasks
from .gymnasium_view import GymnasiumView
from .maml_rl import MAMLPolicy
from .point_navigation import PointNavigation
from .proximal import ProximalTraining
from .rl2 import RL2
from .tabular import TabularMDPs

__all__ = [
    "Bandits",
    "GymnasiumTasks",
    "GymnasiumView",
    "MAMLPolicy",
    "PointNavigation",
    "ProximalTraining",
    "RL2",
    "TabularMDPs",
]

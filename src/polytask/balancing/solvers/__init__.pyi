from .bargain import bargain
from .cone import project_onto_dual_cone
from .conflict_averse import conflict_averse
from .min_norm import shortest_in_hull
from .simplex_quadratic import simplex_minimum
from .unit_progress import unit_progress

__all__ = [
    "bargain",
    "conflict_averse",
    "project_onto_dual_cone",
    "shortest_in_hull",
    "simplex_minimum",
    "unit_progress",
]

"""Solvers on a Gramian ``[..., objective, objective]``: in float64, batched, without extra packages."""

from polytask.balancing.solvers.bargain import bargain
from polytask.balancing.solvers.cone import project_onto_dual_cone
from polytask.balancing.solvers.conflict_averse import conflict_averse
from polytask.balancing.solvers.min_norm import shortest_in_hull
from polytask.balancing.solvers.simplex_quadratic import simplex_minimum
from polytask.balancing.solvers.unit_progress import unit_progress

__all__ = [
    "bargain",
    "conflict_averse",
    "project_onto_dual_cone",
    "shortest_in_hull",
    "simplex_minimum",
    "unit_progress",
]

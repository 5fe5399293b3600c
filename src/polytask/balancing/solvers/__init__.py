"""Solvers on a Gramian ``[..., objective, objective]``: in float64, batched, without extra packages."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)

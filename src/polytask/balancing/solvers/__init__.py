"""Solvers on a Gramian ``[..., objective, objective]``: in float64, batched, without extra packages."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

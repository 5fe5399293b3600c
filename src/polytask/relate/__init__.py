"""Which tasks help which: of a table in one call; affinities, groups, embeddings, and a verdict for each."""

import sys

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)


class _Room(type(sys.modules[__name__])):
    """Can be called as the function in it: to Python, the package's attribute ``relate`` is this module."""

    __call__ = property(lambda room: room.relate)  # no frame of its own between caller and function


sys.modules[__name__].__class__ = _Room

"""Which tasks help which: affinities, groups, embeddings, and a verdict for each."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)

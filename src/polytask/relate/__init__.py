"""Which tasks help which: affinities, groups, embeddings, and a verdict for each."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

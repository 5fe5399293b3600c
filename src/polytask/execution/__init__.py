"""How the episodes of a step are run: in a loop, many at once, compiled."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

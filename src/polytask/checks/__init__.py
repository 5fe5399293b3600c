"""The public conformance suite: run it on your own learner, balancer or source."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""Whole models in one call: fit a table, learn to learn, load, predict."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

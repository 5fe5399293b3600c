"""Encoders: turn rows, images, texts and sounds into vectors."""

from polytask.renamed import room

__getattr__, __dir__, __all__ = room(__name__, __file__)

"""Labelled examples of every kind: texts, images, sounds, vectors, from files and from memory."""

from polytask.renamed import with_old_names

__getattr__ = with_old_names(__name__)  # the module of this name that was here before

"""Labelled examples of every kind: texts, images, sounds, vectors, from files and from memory."""

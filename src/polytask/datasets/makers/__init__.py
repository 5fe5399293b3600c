"""Datasets from their official files, in the form in which they are read."""

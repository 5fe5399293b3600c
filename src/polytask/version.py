"""The version of the library, from which the package takes its own."""

__all__ = ["__version__"]

__version__ = "0.1.0"
"""The version of the package, as semantic versioning counts."""

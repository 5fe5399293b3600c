"""The table model that is served where somebody only wants to see: the built-in penguins."""

from collections.abc import Callable
from pathlib import Path

from polytask.core import BundleError

__all__ = ["demo_model"]

_TARGETS = ("species", "sex", "body_mass_g")


def demo_model(folder: Path, say: Callable[[str], object]) -> Path:
    """Return the directory of a model of the penguins; it is fitted where it is not there yet.

    Args:
        folder: Where it is kept.
        say: Tells that it takes a while.

    Raises:
        MissingPackageError: ``palmerpenguins``, which carries the table, is not installed.
    """
    from polytask.datasets import penguins_table
    from polytask.estimators import fit
    from polytask.models import load
    from polytask.serve.told_importance import importance_file

    try:
        load(folder)
    except BundleError:
        table = penguins_table()
        say("Fitting the penguins, which takes up to a minute.")
        model = fit(table, _TARGETS, epochs=60, seed=0)
        model.save(folder, files=importance_file(model, table))
    return folder

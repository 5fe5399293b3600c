"""Loggers of Lightning Fabric beside a run: MLflow, Weights & Biases, TensorBoard, CSV, your own."""

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from polytask.core import InputError
from polytask.core.errors import first_line

if TYPE_CHECKING:
    from lightning_fabric.loggers.logger import Logger

__all__ = ["Loggers", "checked_loggers"]

_CALLED = ("log_metrics", "log_hyperparams", "save", "finalize")


def checked_loggers(given: Any) -> "tuple[Logger, ...]":
    """Return the loggers of a call: none, one, or several.

    Raises:
        InputError: Something is no logger.
    """
    several = () if given is None else tuple(given) if isinstance(given, list | tuple) else (given,)
    for one in several:
        missing = [name for name in _CALLED if not callable(getattr(one, name, None))]
        if missing:
            raise InputError(
                f"`logger` takes loggers of Lightning Fabric, but {type(one).__name__} has no "
                f"{', '.join(f'`{name}`' for name in missing)}. Give one such as "
                "`lightning_fabric.loggers.CSVLogger(folder)`, or a list of them."
            )
    return several


class Loggers:
    """Some loggers, of which each is left alone from its first failure on.

    A run that took hours does not end because a server of figures is gone: that is told once, in a
    `UserWarning`, and the rows are in the run's own history anyway.

    Args:
        loggers: They get figures by the step.
    """

    def __init__(self, loggers: "Sequence[Logger]" = ()) -> None:
        self._loggers = list(loggers)

    def describe(self, settings: Mapping[str, object]) -> None:
        """Tell what is trained; a logger that fails here, before any work, is an error.

        Raises:
            InputError: A logger cannot be written to.
        """
        for one in self._loggers:
            try:
                one.log_hyperparams(dict(settings))
            except NotImplementedError:  # a logger of figures alone
                continue
            except Exception as error:
                raise InputError(
                    f"`logger`: {type(one).__name__} cannot be written to: {first_line(error)}. Mend it, or "
                    "leave it out."
                ) from error

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Pass figures on."""
        self._each(lambda one: one.log_metrics(dict(metrics), step=step))

    def close(self, *, done: bool) -> None:
        """Tell the end of the run, and whether it was reached."""
        self._each(lambda one: (one.save(), one.finalize("success" if done else "failed")))

    def _each(self, call: Any) -> None:
        for one in list(self._loggers):
            try:
                call(one)
            except Exception as error:  # noqa: BLE001 - whatever a logger raises
                self._loggers.remove(one)
                warnings.warn(
                    f"{type(one).__name__} failed and gets no more figures of this run: {first_line(error)}. "
                    "They are in the rows of the run, and in the metrics.csv of its folder.",
                    stacklevel=4,
                )

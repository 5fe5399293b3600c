"""What every kind of saved model checks: its parts are there and fit together, and it answers numbers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from torch import Tensor

from polytask.core import BundleError, InputError, Task
from polytask.core.strict_json import format_json
from polytask.models.bundle import Bundle

__all__ = ["Results", "check_predictions", "fitting_together", "part", "results_file"]


class Results(Protocol):
    """Figures that can be written as JSON."""

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        ...


def results_file(results: Results | None) -> dict[str, str]:
    """Return the file of a model's figures by name; none if there are no figures."""
    return {} if results is None else {"results.json": format_json(results.to_json()) + "\n"}


@contextmanager
def fitting_together(bundle: Bundle) -> Iterator[None]:
    """Turn whatever goes wrong when a bundle becomes a model into one error that names the bundle.

    A description may be wrong in countless ways, and libraries answer each with an exception of their own.
    """
    try:
        yield
    except BundleError:
        raise
    except Exception as error:
        reason = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        raise BundleError(
            f"{bundle.source}: the model's description and its weights do not fit together: "
            f"{reason.strip().rstrip('.')[:1000]}. Copy or train the model again."
        ) from error


def part(bundle: Bundle, name: str) -> Any:
    """Return a part of a bundle's description.

    Raises:
        InputError: It is missing.
    """
    if name not in bundle.config:
        raise InputError(f"the description lacks {name!r}")
    return bundle.config[name]


def check_predictions(bundle: Bundle, tasks: tuple[Task, ...], predictions: Mapping[str, Tensor]) -> None:
    """Check what a model answered on trial.

    Args:
        bundle: What the model is saved as, or was read from.
        tasks: What was asked.
        predictions: By name of the task, ``[row, n_outputs]``.

    Raises:
        InputError: An answer has another shape.
        BundleError: An answer is NaN or infinite.
    """
    for task in tasks:
        shape = tuple(predictions[task.name].shape)
        if shape[1:] != (task.n_outputs,):
            raise InputError(
                f"answers of {task.name!r} have shape {shape} instead of [row, {task.n_outputs}]"
            )
    spoilt = [task.name for task in tasks if not bool(predictions[task.name].isfinite().all())]
    if spoilt:
        raise BundleError(
            f"{bundle.source}: the model answers NaN or infinity for {', '.join(map(repr, spoilt[:5]))}: its "
            "training diverged. Train again with a lower learning rate, and look for extreme values in the "
            "data."
        )

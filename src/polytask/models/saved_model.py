"""What every kind of saved model has in common: how it is written, read, and tried before either is done."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, Self

from torch import Tensor

import polytask  # its rooms are looked up when they are asked for: what writes reports is no part of a model
from polytask.core import BundleError, InputError, Task
from polytask.core.strict_json import format_json
from polytask.models.bundle import Bundle, load_bundle, save_bundle
from polytask.models.model_card import model_card
from polytask.models.model_record import ModelRecord
from polytask.models.report_details import ReportDetails

__all__ = ["Contents", "Results", "SavedModel", "fitting_together", "part"]


class Results(Protocol):
    """Figures that can be written as JSON."""

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a model directory is written from.

    Args:
        config: Everything needed to build the model, as plain JSON.
        tensors: Its weights, by name.
        data: Where it came from.
        results: Its figures, if there are any.
        details: What a report shows beside these, if it is there.
    """

    config: dict[str, Any]
    tensors: Mapping[str, Tensor]
    data: Mapping[str, Any]
    results: Results | None = None
    details: ReportDetails | None = None


class SavedModel(ABC):
    """A model that a directory can hold: a subclass says of what it consists, and is built from that.

    It is tried before it is written and, where that does not mean to adapt, when it was read: a model that
    answers NaN is not passed on.
    """

    kind: ClassVar[str]
    tried_when_read: ClassVar[bool] = True
    details: ReportDetails | None = None
    _read_files: Mapping[str, str] = MappingProxyType({})  # of the bundle that it was read from

    def save(self, directory: str | Path, *, files: Mapping[str, str] | None = None) -> Path:
        """Write a model directory: safetensors, JSON and, after training, its results.

        Args:
            directory: Where; an earlier model of the same kind is replaced.
            files: Further texts that are kept with the model under its checksums, by names such as
                ``"config.toml"``.

        Raises:
            BundleError: Something that is no model stands there, or the model answers NaN.
            InputError: The system does not let it be written.
        """
        bundle = self._bundle(str(directory), files or {})
        _check_predictions(bundle, *self._tried())
        return save_bundle(directory, bundle)

    def record(self) -> ModelRecord:
        """Return what reports and cards tell of the model.

        Raises:
            BundleError: What stands beside a loaded model is no report of polytask.
        """
        return ModelRecord.of(self._bundle(repr(self), {}))

    def report(self, path: str | Path) -> Path:
        """Write a report of the model: one HTML file; see `polytask.report.write_model_report`."""
        return polytask.report.write_model_report(self.record(), path)

    def card(self) -> str:
        """Return the model card, a ``README.md`` as the Hugging Face hub takes it; see `model_card`."""
        return model_card(self.record())

    def _bundle(self, source: str, files: Mapping[str, str]) -> Bundle:
        """Put together what is written, with further texts; the source is named where something is wrong."""
        contents = self._contents()
        return Bundle(
            kind=self.kind,
            config=contents.config,
            tensors=contents.tensors,
            data=dict(contents.data),
            files={**self._texts(contents), **files},
            source=source,
        )

    def _texts(self, contents: Contents) -> dict[str, str]:
        """Return the texts that are kept with the model: new ones, or those that it was read with."""
        new = {"results.json": contents.results, "report.json": contents.details}
        written = {
            name: f"{format_json(part.to_json(), indent=2 if name == 'results.json' else None)}\n"
            for name, part in new.items()
            if part is not None
        }
        return {**self._read_files, **written}

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Load a model directory."""
        return cls.from_bundle(load_bundle(directory, kind=cls.kind))

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> Self:
        """Build the model that a bundle describes.

        Raises:
            BundleError: Its parts do not fit together.
        """
        with fitting_together(bundle):
            model = cls._built(bundle)
            model._read_files = dict(bundle.files)
            if cls.tried_when_read:
                _check_predictions(bundle, *model._tried())
        return model

    @abstractmethod
    def _contents(self) -> Contents:
        """Return what is written."""

    @classmethod
    @abstractmethod
    def _built(cls, bundle: Bundle) -> Self:
        """Build the model from what was written; whatever goes wrong is the bundle's fault."""

    @abstractmethod
    def _tried(self) -> tuple[Sequence[Task], Mapping[str, Tensor]]:
        """Return some tasks, and what is predicted for noise by their names, ``[row, n_outputs]``."""


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


def _check_predictions(bundle: Bundle, tasks: Sequence[Task], predictions: Mapping[str, Tensor]) -> None:
    """Check what a model answered on trial.

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

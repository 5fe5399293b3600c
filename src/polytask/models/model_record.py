"""What reports and cards tell of a model: its description, figures and details, as plain values."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from polytask.core import BundleError, InputError
from polytask.core.strict_json import parse_json
from polytask.models.bundle import Bundle, load_bundle
from polytask.models.report_details import ReportDetails
from polytask.version import __version__

__all__ = ["ModelRecord", "reading_results"]

_CALIBRATION = "calibration."  # in the names of tensors
_COMMAND = re.compile(r"#   (polytask .+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """A model, told.

    Args:
        kind: What kind of model it is.
        config: How it was built.
        data: Where it came from: fingerprint, roles of columns, seed.
        results: Its figures, as they are saved; None without.
        details: What a report shows beside these; nothing where they were not kept.
        command: The command line that makes it again; None where it was made in Python.
        settings: The options of that command.
        n_parameters: Numbers in its weights.
        source: What messages call it.
    """

    kind: str
    config: Mapping[str, Any]
    data: Mapping[str, Any]
    results: Mapping[str, Any] | None = None
    details: ReportDetails = field(default_factory=ReportDetails)
    command: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    n_parameters: int = 0
    source: str = "The model"

    @property
    def fingerprint(self) -> str | None:
        """That of the data that it was made of."""
        found = self.data.get("fingerprint")
        return found if isinstance(found, str) else None

    @property
    def library(self) -> str:
        """The version of polytask that tells it."""
        return __version__

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        """Tell a bundle.

        Raises:
            BundleError: Its results or details are no such things.
        """
        texts = {name: bundle.files.get(name) for name in ("results.json", "report.json", "config.toml")}
        with reading_results(bundle.source):
            results = None if (text := texts["results.json"]) is None else parse_json(text.encode())
            if results is not None and not isinstance(results, dict):
                raise InputError("they are no object")
            text = texts["report.json"]
            details = ReportDetails() if text is None else ReportDetails.from_json(parse_json(text.encode()))
        run = texts["config.toml"] or ""
        named = _COMMAND.search(run)
        return cls(
            kind=bundle.kind,
            config=bundle.config,
            data=bundle.data,
            results=results,
            details=details,
            command=None if named is None else named[1],
            settings=_settings(run),
            n_parameters=sum(
                tensor.numel() for name, tensor in bundle.tensors.items() if not name.startswith(_CALIBRATION)
            ),
            source=bundle.source,
        )

    @classmethod
    def read(cls, directory: str | Path) -> Self:
        """Tell the model in a directory, whose files are verified.

        Raises:
            BundleError: It is missing, truncated, changed, or of another version.
        """
        return cls.of(load_bundle(directory))


@contextmanager
def reading_results(source: str) -> Iterator[None]:
    """Turn whatever is wrong with stored results into one error that names the model.

    Raises:
        BundleError: It says so.
    """
    try:
        yield
    except (InputError, KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(
            f"The results of {source} are not as polytask writes them ({type(error).__name__}: {error}). "
            "Train the model again."
        ) from error


def _settings(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:  # its checksum is right: it was written so, and is no reason to fail
        return {}

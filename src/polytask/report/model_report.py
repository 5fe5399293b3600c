"""A report of any model: what it is worth, what that rests on, and how to make it again."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from polytask.core import InputError
from polytask.models.bundle_folder import model_named
from polytask.models.model_record import ModelRecord
from polytask.report.page import Page, write_page

__all__ = ["has_report", "model_page", "write_model_report"]

_PAGES = {
    "table": ("fit_report", "fit_page"),
    "task-table": ("task_table_report", "task_table_page"),
    "few-shot": ("learn_report", "learn_page"),
    "few-shot-classifier": ("classifier_report", "classifier_page"),
    "in-context": ("in_context_report", "in_context_page"),
    "learned-features": ("features_report", "features_page"),
}


def write_model_report(record: ModelRecord, path: str | Path) -> Path:
    """Write the report of a model as one HTML file: no network, readable on a phone, printable.

    Args:
        record: What the model tells of itself; see `polytask.models.saved_model.SavedModel.record`.
        path: The file.

    Raises:
        InputError: The model has no figures to report, or the file cannot be written.
        BundleError: Its figures are not as polytask writes them.
        MissingPackageError: jinja2 or matplotlib is not installed.
    """
    return write_page(model_page(record), path)  # it may be beside the model


def has_report(record: ModelRecord) -> bool:
    """Tell whether there is something to report of a model."""
    return record.kind in _PAGES and (record.results is not None or record.kind == "few-shot-classifier")


def model_page(record: ModelRecord) -> Page:
    """Lay out the report of a model; see `write_model_report`."""
    if not has_report(record):
        raise InputError(
            f"{record.source} is {model_named(record.kind)}, of which nothing is kept to report. Models that "
            "fit, learn and adapt make have a report, once they are trained with this version."
        )
    module, name = _PAGES[record.kind]
    page: Callable[[ModelRecord], Page] = getattr(import_module(f"polytask.report.{module}"), name)
    return page(record)

"""What a model's directory holds beside its weights: results, importance, a report; and all in one file."""

import io
import zipfile
from pathlib import Path
from typing import Any

from polytask.core.strict_json import parse_json
from polytask.models.bundle_folder import named_file
from polytask.models.few_shot_classifier import FewShotClassifier
from polytask.serve.bases import Base
from polytask.serve.failures import Refused
from polytask.serve.shelf import Served

__all__ = ["bundle_zip", "history", "holdings", "importance", "report", "results"]

_LOWER = ("rmse", "mae", "log_loss", "brier")
"""Metrics of which less is better; the others are shares or areas."""

_MOMENT = (1980, 1, 1, 0, 0, 0)  # so that the same model gives the same file


def results(served: Served) -> dict[str, Any]:
    """Return the figures of a model, and for each target whether higher is better, and a sentence.

    Raises:
        Refused: It has none.
    """
    found = _json(served, "results.json")
    if found is None and isinstance(served.model, FewShotClassifier):
        found = {"left_out_accuracy": served.model.left_out_accuracy, "messages": list(served.model.messages)}
    if found is None:
        raise _missing(served, "results", "Fit a table, or learn a model, to have them.")
    for task in found.get("tasks", ()):
        if isinstance(task, dict) and {"task", "metric"} <= task.keys():
            task["higher_is_better"] = task["metric"] not in _LOWER
            task["sentence"] = _sentence(task)
    return found


def importance(served: Served) -> dict[str, Any]:
    """Return by target how much worse it is predicted when a column is shuffled.

    Raises:
        Refused: Nobody looked.
    """
    found = _json(served, "importance.json")
    if found is None:
        raise _missing(served, "importance of columns", "Fit the table here to have it.")
    return found


def report(served: Served) -> bytes:
    """Return the report of a model, as HTML: of a fit made here, or from the directory of a given one.

    Raises:
        Refused: There is none.
    """
    file = _report_file(served)
    if file is None:
        raise _missing(
            served, "report", "Fit a table here, with the packages of polytask[report], to have one."
        )
    return file.read_bytes()


def holdings(served: Served) -> list[str]:
    """Return which of results, importance and report a model has."""
    found = {
        "results": _has(served, "results.json") or isinstance(served.model, FewShotClassifier),
        "importance": _has(served, "importance.json"),
        "report": _report_file(served) is not None,
    }
    return [name for name, there in found.items() if there]


def history(served: Served) -> list[dict[str, Any]]:
    """Return the states of a model that are kept, the oldest first."""
    if served.ledger is None:
        return []
    return [
        {"revision": one.revision, "at": one.at, "change": one.change, "undo_to": one.parent}
        for one in served.ledger.revisions
    ]


def bundle_zip(served: Served) -> bytes:
    """Return the directory of a model as a ZIP file, as `polytask.load` reads it once it is unpacked.

    Raises:
        Refused: What comes with the package has no directory.
    """
    if served.folder is None or isinstance(served.model, Base):
        raise Refused(
            409,
            f"{served.name!r} comes with the package, and is no model yet.",
            where="name",
            remedy=f"Adapt it, and download that model: POST /models/{served.name}/adapt.",
        )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as file:
        for entry in sorted(served.folder.iterdir()):
            if entry.is_file() and not entry.name.startswith("."):
                file.writestr(zipfile.ZipInfo(f"{served.name}/{entry.name}", _MOMENT), entry.read_bytes())
    return packed.getvalue()


def _report_file(served: Served) -> Path | None:
    if served.folder is None or isinstance(served.model, Base):
        return None
    # A state of a model that was made here has a folder of its own; the report is beside it.
    file = (served.folder.parent if served.origin == "made" else served.folder) / "report.html"
    return file if file.is_file() else None


def _has(served: Served, name: str) -> bool:
    return served.folder is not None and named_file(served.folder, name) is not None


def _json(served: Served, name: str) -> Any:
    file: Path | None = None if served.folder is None else named_file(served.folder, name)
    return None if file is None else parse_json(file.read_bytes())


def _missing(served: Served, what: str, remedy: str) -> Refused:
    return Refused(404, f"The model {served.name!r} has no {what}.", where="name", remedy=remedy)


def _sentence(task: dict[str, Any]) -> str:
    """Say in words what was found for a target."""
    better = task.get("better_than_constant")
    said = f"{task['task']!r} is predicted"
    if better is not None:
        said += f" {'clearly better' if better else 'not clearly better'} than by a constant answer"
    words = {
        "helped": "training it with the others helped",
        "hurt": "training it with the others hurt",
        "no clear difference": "training it with the others makes no clear difference",
    }
    verdict = task.get("verdict")
    return f"{said}; {words[verdict]}." if verdict in words else f"{said}."

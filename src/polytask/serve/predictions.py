"""Predictions as JSON, of every kind of model."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polytask.core import PolytaskError
from polytask.data.tables.target_column import TargetColumn
from polytask.models.class_sets import read_escaped_set, read_set
from polytask.models.few_shot_classifier import FewShotClassifier
from polytask.models.few_shot_model import AdaptedModel
from polytask.models.in_context_model import InContextModel
from polytask.models.table_model import TableModel
from polytask.models.task_table_model import TaskTableModel
from polytask.serve.bodies import Body
from polytask.serve.failures import Refused, as_refused
from polytask.serve.forms import Predict
from polytask.serve.items import items_to_predict
from polytask.serve.rows import check_known, frame_of, json_frame
from polytask.serve.settings import Limits
from polytask.serve.shelf import Served

__all__ = ["plain", "predict"]

_REGIONS = ("low", "high", "set", "sd", "log_density")
_OF_TASKS = ("deviation", "log_density", "context")


def predict(served: Served, asked: Predict, body: Body, limits: Limits, folder: Path) -> dict[str, Any]:
    """Predict what a request asks about.

    Args:
        served: The model.
        asked: The request.
        body: Its files.
        limits: How much it may ask.
        folder: For files that are removed again.

    Raises:
        Refused: The model predicts nothing, or the request is not for it.
        InputError: The library refuses something in it.
    """
    model = served.model
    if isinstance(model, FewShotClassifier):
        return _classes(model, asked, body, limits, folder)
    if isinstance(model, AdaptedModel):
        _refuse(asked, "refuse", "sets", "intervals", "joint", *_OF_TASKS)
        return _of_classes(model.predict(items_to_predict("image", asked, body, limits)), model.classes)
    if isinstance(model, TableModel):
        _refuse(asked, "refuse", "sets", *_OF_TASKS)
        frame = frame_of(asked.rows, body, limits, folder)
        found = model.predict(frame, intervals=asked.intervals, joint=asked.joint)
        return _of_rows(model.targets, found, asked)
    if isinstance(model, TaskTableModel | InContextModel):
        _refuse(asked, "refuse", "sets", "joint")
        return _of_tasks(model, asked, body, limits, folder)
    raise Refused(
        409,
        f"The model {served.name!r} knows no classes yet.",
        where="name",
        remedy=f"Adapt it first: POST /models/{served.name}/adapt.",
    )


def plain(value: Any) -> Any:
    """Return a value as JSON has it; what is not finite is null.

    Example:
        >>> plain({"a": np.float32(0.5), "b": float("nan"), "c": (np.bool_(True),)})
        {'a': 0.5, 'b': None, 'c': [True]}
    """
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | type(None)) else str(value)


def _classes(
    model: FewShotClassifier, asked: Predict, body: Body, limits: Limits, folder: Path
) -> dict[str, Any]:
    _refuse(asked, "intervals", "joint", *_OF_TASKS)
    kind = model.space.kind
    is_table = asked.rows is not None or any(
        part.ending in (".csv", ".tsv", ".parquet") for part in body.parts
    )
    if is_table and kind in ("text", "vector"):
        items = column_items(model, frame_of(asked.rows, body, limits, folder))
    else:
        items = items_to_predict(kind, asked, body, limits)
    told = model.predict(items, probabilities=True, refuse=asked.refuse, sets=asked.sets)
    return _of_classes(told, model.classes)


def column_items(model: FewShotClassifier, frame: pd.DataFrame) -> list[Any]:
    """Return the examples in a table, for a model of texts or vectors; never what a cell names as a file.

    Raises:
        Refused: The column is not there, or a cell is empty or no number.
    """
    if model.space.kind == "text":
        name = model.origin.get("item_column") or "text"
        columns = [name] if name in frame.columns else list(frame.columns) if frame.shape[1] == 1 else []
        if not columns:
            raise Refused(
                422, f"The table has no column {name!r} of texts.", where="rows", remedy="Call the column so."
            )
        items = frame[columns[0]].tolist()
        wrong = [index for index, item in enumerate(items) if not isinstance(item, str) or not item.strip()]
    else:
        names = [str(one) for one in model.origin.get("features") or frame.columns]
        if missing := [name for name in names if name not in frame.columns]:
            raise Refused(
                422, f"The table has no column {missing[0]!r}.", where="rows", remedy="Add the column."
            )
        numbers = frame[names].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)  # [row, feature]
        items = numbers.tolist()
        wrong = np.flatnonzero(~np.isfinite(numbers).all(1)).tolist()
    if wrong:
        raise Refused(
            422, "A cell is empty, or of another kind than the model knows.", where=f"rows[{wrong[0]}]",
            remedy="Fill it in, or leave the row out.",
        )  # fmt: skip
    return items


def _of_classes(found: pd.DataFrame, classes: tuple[str, ...]) -> dict[str, Any]:
    shares = found[[f"p({name})" for name in classes]].to_numpy(dtype=float)  # [example, class]
    predictions = []
    for index, row in enumerate(found.to_dict("records")):
        one = {
            "class": row["class"],
            "none": bool(row.get("none", False)),
            "typicality": row.get("typicality"),
            "probabilities": dict(zip(classes, shares[index].tolist(), strict=True)),
        }
        predictions.append(one | ({"set": read_set(row["set"])} if "set" in row else {}))
    return {"predictions": plain(predictions)}


def _of_tasks(
    model: TaskTableModel | InContextModel, asked: Predict, body: Body, limits: Limits, folder: Path
) -> dict[str, Any]:
    """Predict rows of tasks; labelled rows that the request gives are known while it is answered."""
    frame = frame_of(asked.rows, body, limits, folder)
    if asked.context is not None:
        context = json_frame(asked.context, limits, where="context")
        try:
            known = model.adapt(context, again=True)
        except PolytaskError as error:
            raise as_refused(error, where="context") from error
        check_known(model, known, limits, where="context")
        model = known
    found = model.predict(
        frame, intervals=asked.intervals, deviation=asked.deviation, log_density=asked.log_density
    )
    if isinstance(model, InContextModel) and model.reader.own_classes:
        return _of_own_classes(model.targets[0], found)
    return _of_rows(model.targets, found, asked)


def _of_own_classes(target: TargetColumn, found: pd.DataFrame) -> dict[str, Any]:
    """Tell the classes of each row's task; those of others have probability 0, and can be very many."""
    name = target.task.name
    classes = [one for one in target.classes if f"{name}:p({one})" in found]
    shares = found[[f"{name}:p({one})" for one in classes]].to_numpy(dtype=float)  # [row, class]
    return {
        "predictions": [{name: value} for value in plain(found[name].tolist())],
        "probabilities": [
            {name: {classes[at]: float(row[at]) for at in np.flatnonzero(row > 0)}} for row in shares
        ],
    }


def _of_rows(targets: Sequence[TargetColumn], found: pd.DataFrame, asked: Predict) -> dict[str, Any]:
    predictions: list[dict[str, Any]] = [{} for _ in range(len(found))]
    shares: list[dict[str, Any]] = [{} for _ in range(len(found))]
    regions: list[dict[str, Any]] = [{} for _ in range(len(found))]
    for target in targets:
        name = target.task.name
        values = {one: plain(found[f"{name}:{one}"].tolist()) for one in _REGIONS if f"{name}:{one}" in found}
        probabilities = {
            one: plain(found[f"{name}:p({one})"].tolist())
            for one in target.classes
            if f"{name}:p({one})" in found  # of classes of a task alone those of these tasks
        }
        for index, value in enumerate(plain(found[name].tolist())):
            predictions[index][name] = value
            if target.classes:
                shares[index][name] = {one: column[index] for one, column in probabilities.items()}
            if values:
                told = {one: column[index] for one, column in values.items()}
                regions[index][name] = told | (
                    {"set": read_escaped_set(told["set"])} if "set" in told else {}
                )
    answer: dict[str, Any] = {"predictions": predictions, "probabilities": shares}
    if asked.intervals is not None or asked.deviation or asked.log_density:
        answer |= {"intervals": regions, "level": asked.intervals}
    return answer


def _refuse(asked: Predict, *fields: str) -> None:
    given = [name for name in fields if getattr(asked, name) not in (None, False)]
    if given:
        raise Refused(422, "The field is for models of another kind.", where=given[0], remedy="Leave it out.")

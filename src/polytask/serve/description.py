"""What a served model is, for clients: its kind, what it takes, and what it answers."""

from collections.abc import Sequence
from typing import Any

from polytask.data import TableEncoder
from polytask.data.tables.feature_column import CategoryFeatures, NumberFeatures
from polytask.data.tables.target_column import TargetColumn
from polytask.models.few_shot_classifier import FewShotClassifier
from polytask.models.few_shot_model import AdaptedModel, FewShotModel
from polytask.models.in_context_model import InContextModel
from polytask.models.learned_features import LearnedFeatures
from polytask.models.table_model import TableModel
from polytask.models.task_table_model import TaskTableModel
from polytask.serve.bases import Base
from polytask.serve.predictions import plain
from polytask.serve.result_files import holdings
from polytask.serve.shelf import Served

__all__ = ["described"]

_PLURALS = {"text": "texts", "image": "images", "sound": "sounds", "vector": "vectors"}
_MOST_VALUES = 100


def described(served: Served) -> dict[str, Any]:
    """Return what a client is told of a model."""
    model, ledger = served.model, served.ledger
    told: dict[str, Any] = {
        "name": served.name,
        "family": "few-shot",
        "data": "images",
        "builtin": served.origin == "builtin",
        "made_by": None if ledger is None else ledger.made_by,
        "revision": served.revision,
        "can_undo": ledger is not None and ledger.parent() is not None,
        "has": holdings(served),
    }
    if isinstance(model, Base):
        told |= {"family": "encoder", "data": model.data}
    elif isinstance(model, FewShotClassifier):
        drawn = [view.name for view in model.space.views] == ["drawings"]
        told |= {
            "data": "drawings" if drawn else _PLURALS[model.space.kind],
            "classes": list(model.classes),
            "n_examples": {name: len(held) for name, held in model.examples.names.items()},
            "examples": {name: list(held) for name, held in model.examples.names.items()},
            "texts": dict(model.examples.texts),
            "left_out_accuracy": model.left_out_accuracy,
            "encoders": [view.name for view in model.space.views],
        }
    elif isinstance(model, AdaptedModel):
        told |= {"classes": list(model.classes)}
    elif isinstance(model, FewShotModel):
        told |= {"family": "encoder"}
    elif isinstance(model, LearnedFeatures):
        told |= {"family": "encoder", "data": _PLURALS[model.space.kind]}
        told |= {"encoders": [view.name for view in model.space.views]}
    elif isinstance(model, InContextModel):
        told |= _columns(model.targets, model.reader.encoder) | {"family": "tasks-table"}
        told |= {"task_column": model.reader.column, "learner": model.config.learner}
        told |= {"n_tasks": len(model.tasks), "tasks": list(model.tasks[:_MOST_VALUES])}
    elif isinstance(model, TaskTableModel):
        told |= _table(model.pooled) | {"family": "tasks-table", "task_column": model.column}
        told |= {"n_tasks": len(model.tasks), "tasks": list(model.tasks[:_MOST_VALUES])}
    elif isinstance(model, TableModel):
        told |= _table(model)
    return plain(told)


def _table(model: TableModel) -> dict[str, Any]:
    return _columns(model.targets, model.encoder)


def _columns(of_targets: Sequence[TargetColumn], encoder: TableEncoder) -> dict[str, Any]:
    targets = [
        {"name": one.task.name, "kind": one.kind} | ({"classes": list(one.classes)} if one.classes else {})
        for one in of_targets
    ]
    features = [_feature(column) for column in encoder.encodings]
    return {"family": "table", "data": "table", "targets": targets, "features": features}


def _feature(column: Any) -> dict[str, Any]:
    if isinstance(column, NumberFeatures):
        told = {"name": column.name, "kind": column.kind, "typical": column.median}
        return told | {"low": column.low, "high": column.high}
    if isinstance(column, CategoryFeatures):
        values = list(column.categories[:_MOST_VALUES])
        return {"name": column.name, "kind": "category", "values": values}
    return {"name": column.name, "kind": "text"}

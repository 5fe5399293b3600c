"""What the bundle of a network that reads rows holds, and whether it fits together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from polytask.core import InputError
from polytask.core.records import record_from_json
from polytask.data import TableEncoder
from polytask.data.tables.target_column import TargetColumn
from polytask.models.bundle import Bundle
from polytask.models.in_context_config import InContextConfig
from polytask.models.in_context_reading import InContextReader
from polytask.models.known_rows import KnownRows
from polytask.models.own_classes import read_own_target
from polytask.models.saved_model import part
from polytask.models.task_names import TaskNames
from polytask.models.task_spread import TaskSpread, read_spreads, spread_tensors
from polytask.models.tensor_parts import named_part, other_parts, taken_part

__all__ = ["InContextParts", "check_parts", "read_parts"]

_KNOWN, _SPREAD = "known/", "spread/"  # in the names of tensors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InContextParts:
    """The parts of a `polytask.models.InContextModel`.

    Args:
        weights: Of the network, by name.
        config: How it was built.
        reader: How rows become inputs and labels.
        names: The tasks that are known.
        known: Their rows.
        spreads: How far off answers were, for each target.
    """

    weights: Mapping[str, Tensor]
    config: InContextConfig
    reader: InContextReader
    names: TaskNames
    known: KnownRows
    spreads: Sequence[TaskSpread | None]

    def description(self) -> dict[str, Any]:
        """Return as plain JSON what is no tensor."""
        return {
            "model": self.config.to_json(),
            "encoder": self.reader.encoder.to_json(),
            "targets": [target.to_json() for target in self.reader.targets],
            "tasks": {"column": self.reader.column, "names": list(self.names.names)},
        }

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors by name."""
        known = {"inputs": self.known.inputs, "labels": self.known.labels, "task": self.known.task}
        return {
            **self.weights,
            **named_part(_KNOWN, known),
            **named_part(_SPREAD, spread_tensors(self.spreads)),
        }


def read_parts(bundle: Bundle) -> InContextParts:
    """Read what `InContextParts` describes, before anything is built of it.

    Raises:
        InputError: It is something else.
    """
    stored = record_from_json(_Tasks, part(bundle, "tasks"), name="the tasks")
    if len(set(stored.names)) < len(stored.names):
        raise InputError("two tasks have the same name")
    config = InContextConfig.from_json(part(bundle, "model"))
    reader = _read_reader(bundle, config, stored.column)
    known = taken_part(_KNOWN, bundle.tensors, copied=True)
    if "labels" in known and known["labels"].ndim == 1:  # of before there were several targets
        known["labels"] = known["labels"][:, None]
    weights = other_parts((_KNOWN, _SPREAD), bundle.tensors)
    borders = weights.get("bars.borders")
    if borders is not None and not bool((borders.diff() > 0).all()):
        raise InputError("the borders of the bars do not rise")
    return InContextParts(
        weights=weights,
        config=config,
        reader=reader,
        names=TaskNames(stored.names),
        known=KnownRows(**known),
        spreads=read_spreads(taken_part(_SPREAD, bundle.tensors, copied=True), len(reader.targets)),
    )


def _read_reader(bundle: Bundle, config: InContextConfig, column: str | None) -> InContextReader:
    targets = part(bundle, "targets")
    if not isinstance(targets, list) or not targets:
        raise InputError("there must be a target")
    read = read_own_target if config.own_classes else TargetColumn.from_json
    return InContextReader(
        encoder=TableEncoder.from_json(part(bundle, "encoder")),
        targets=tuple(read(target) for target in targets),
        column=column,
        own_classes=config.own_classes,
    )


def check_parts(
    config: InContextConfig,
    reader: InContextReader,
    names: TaskNames,
    known: KnownRows,
    spreads: Sequence[TaskSpread | None],
) -> None:
    """Refuse parts that do not fit together.

    Args:
        config: How the network was built.
        reader: How rows become its inputs and labels.
        names: The tasks that are known.
        known: Their rows.
        spreads: How far off answers were, for each target; empty where nothing was judged.

    Raises:
        InputError: Two of them do not.
    """
    if config.n_inputs != reader.encoder.n_features or known.inputs.shape[1] != config.n_inputs:
        raise InputError("the network takes another number of features than the rows have")
    if config.n_outputs != len(reader.targets) or known.labels.shape[1] != config.n_outputs:
        raise InputError("the network answers another number of targets than the rows have")
    if bool(config.n_classes) != reader.of_classes or config.own_classes != reader.own_classes:
        raise InputError("the network answers classes where the target has none, or the other way round")
    if reader.of_classes and not reader.own_classes and len(reader.target.classes) != config.n_classes:
        raise InputError("the network answers another number of classes than the target has")
    if spreads and len(spreads) != len(reader.targets):
        raise InputError("the distances of the tasks are of other targets than the model")
    if len(known) and not 0 <= int(known.task.min()) <= int(known.task.max()) < len(names.names):
        raise InputError("rows belong to tasks that have no name")
    if reader.of_classes and len(known):
        low, high = known.labels.aminmax()
        if low < 0 or high >= len(reader.target.classes):
            raise InputError("rows belong to classes that have no name")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tasks:
    column: str | None
    names: tuple[str, ...]

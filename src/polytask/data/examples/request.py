"""What a caller asks of the reading."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from polytask.core import InputError
from polytask.data.examples.examples import ExampleKind, checked_kind

__all__ = ["Request"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a caller asks of the reading.

    Args:
        labelled: Whether the examples need labels.
        kind: Of the examples; None: whatever they are.
        item_column: The column of the examples; None: as names and contents tell.
        label_column: The column of their labels; likewise.
        labels: One for each example in memory.
        features: The columns of a vector, in their order; None: all that are not the label.
        skip_unlabelled: Whether rows of a table without a label are left out, and not refused.
        of_model: Whether the column of the examples is as a model has it, and not as the caller says.
        typed: The names of the columns that the caller says.
    """

    labelled: bool
    kind: ExampleKind | None = None
    item_column: str | None = None
    label_column: str | None = None
    labels: Sequence[Any] | None = None
    features: tuple[str, ...] | None = None
    skip_unlabelled: bool = False
    of_model: bool = False
    typed: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        labelled: bool,
        kind: Any,
        item_column: Any,
        label_column: Any,
        labels: Any,
        origin: Mapping[str, object] | None,
        skip_unlabelled: bool = False,
    ) -> "Request":
        """Check what a caller gave; what is open is as the origin of other examples says.

        Raises:
            InputError: A value is of the wrong kind, or labels are given for what is to be predicted.
        """
        before = dict(origin or {})
        of_model = bool(before) and item_column is None
        columns = {"item_column": item_column, "label_column": label_column}
        typed = tuple(name for name, value in columns.items() if value is not None)
        same_kind = kind is None or kind == before.get("kind")
        kind = before.get("kind") if kind is None else kind
        if item_column is None and same_kind:
            item_column = before.get("item_column")
        if label_column is None and labelled:
            label_column = before.get("label_column")
        for name, column in (("item_column", item_column), ("label_column", label_column)):
            if column is not None and not isinstance(column, str):
                raise InputError(f"`{name}` is the name of a column, got {type(column).__name__}.")
        if labels is not None and not labelled:
            raise InputError("What is to be predicted needs no `labels`. Leave them out.")
        features: Any = before.get("features") if same_kind else None
        return cls(
            labelled=bool(labelled),
            kind=checked_kind(kind),
            item_column=item_column,
            label_column=label_column,
            labels=None if labels is None else _as_list(labels),
            features=None if features is None else tuple(map(str, features)),
            skip_unlabelled=skip_unlabelled,
            of_model=of_model,
            typed=typed,
        )

    def refuse_columns(self, what: str) -> None:
        """Refuse columns that the caller names, where there are none.

        Raises:
            InputError: A column was named.
        """
        if self.typed:
            names = " and ".join(f"`{name}`" for name in self.typed)
            are, them = ("is", "it") if len(self.typed) == 1 else ("are", "them")
            raise InputError(f"{names} {are} of a table, but {what}. Leave {them} out.")


def _as_list(labels: Any) -> list[Any]:
    if isinstance(labels, str | Mapping) or not hasattr(labels, "__len__"):
        raise InputError(f"`labels` is a list of one label for each example, got {type(labels).__name__}.")
    if isinstance(labels, Tensor):
        labels = labels.detach().cpu()
    if isinstance(labels, np.ndarray | pd.Series | pd.Index | Tensor):
        if labels.ndim != 1:
            raise InputError(
                f"`labels` is a list of one label for each example, got the shape {list(labels.shape)}."
            )
        return labels.tolist()
    return list(labels)

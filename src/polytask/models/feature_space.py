"""Items to features: the vectors of frozen encoders, centred, of length 1, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from polytask.core import InputError, PolytaskError
from polytask.core.doors import by_door
from polytask.encoders.frozen import FrozenEncoder
from polytask.encoders.frozen_choice import FROZEN_ENCODERS, frozen_encoder
from polytask.encoders.frozen_features import frozen_features
from polytask.models.tensor_parts import named_part, taken_part

__all__ = ["FeatureSpace", "View"]

_MAP = "map"
_LIFT = 0.5  # of the root mean square length of vectors of numbers: what stands beside them
_RESTRAINT = 5  # examples at the origin that are added before the centre is taken: few do not decide it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """What one encoder adds to the features.

    Args:
        name: The encoder's.
        fingerprint: The encoder's.
        state: The encoder's.
        centre: What is subtracted from vectors, ``[width]``.
        weight: The length of its part of the features.
        beside: A number that is put beside each centred vector before it is brought to length 1, so that the
            features tell how long the vector was, too, as on a sphere by stereographic projection; 0 for
            none: the direction alone counts.
        encoder: The encoder; None until it is needed.
    """

    name: str
    fingerprint: str
    state: Mapping[str, Tensor]
    centre: Tensor
    weight: float
    beside: float = 0.0
    encoder: FrozenEncoder | None = None

    @property
    def width(self) -> int:
        """Numbers of the features that are its."""
        return len(self.centre) + (self.beside > 0)

    def part(self, vectors: Tensor) -> Tensor:
        """Bring vectors ``[item, width of the encoder]`` to length 1: ``[item, width]``."""
        rows = vectors - self.centre
        if self.beside:
            rows = torch.cat([rows, rows.new_full((len(rows), 1), self.beside)], dim=1)
        return functional.normalize(rows, dim=1)


class FeatureSpace:
    """Turns items into features of length 1 (0 for what no encoder sees anything in).

    Args:
        kind: What the items are.
        views: One for each encoder.
        map: What was learned of known classes: features are multiplied by it, ``[width, width]``, and brought
            to length 1 again; None for nothing.

    Raises:
        InputError: The map is of another size.
    """

    def __init__(self, kind: str, views: Sequence[View], map: Tensor | None = None) -> None:
        self.kind = kind
        self.views = tuple(views)
        self.map = map
        if map is not None and tuple(map.shape) != (self.width, self.width):
            raise InputError(f"the map of the features has shape {tuple(map.shape)}")

    @classmethod
    def of(
        cls, kind: str, encoders: Sequence[FrozenEncoder], vectors: Sequence[Tensor], weights: Sequence[float]
    ) -> "FeatureSpace":
        """Centre on vectors ``[item, width]`` of a support, one tensor for each encoder.

        Of plain numbers, ``kind`` "vector", the length counts, too: there are few of them, as a rule, and
        their size may be all that tells classes apart.
        """
        views = []
        for encoder, rows, weight in zip(encoders, vectors, weights, strict=True):
            centre = rows.sum(0) / (len(rows) + _RESTRAINT)
            typical = float((rows - centre).square().sum(1).mean().sqrt())
            view = View(
                name=encoder.name,
                fingerprint=encoder.fingerprint,
                state=encoder.state,
                centre=centre,
                weight=weight,
                beside=_LIFT * typical if kind == "vector" else 0.0,
                encoder=encoder,
            )
            views.append(view)
        return cls(kind, views)

    @property
    def width(self) -> int:
        """Numbers in a row of features."""
        return sum(view.width for view in self.views)

    def features(self, items: Sequence[Any]) -> Tensor:
        """Encode items as float32 ``[item, width]``.

        Raises:
            InputError: An encoder is not at hand, or cannot encode an item.
        """
        return self.joined([frozen_features(self._encoder(index), items) for index in range(len(self.views))])

    def joined(self, vectors: Sequence[Tensor]) -> Tensor:
        """Make features ``[item, width]`` of vectors ``[item, width of the encoder]``, one tensor each."""
        scale = sum(view.weight**2 for view in self.views) ** 0.5
        rows = torch.cat(
            [view.part(rows) * (view.weight / scale) for view, rows in zip(self.views, vectors, strict=True)],
            dim=1,
        )
        return rows if self.map is None else functional.normalize(rows @ self.map, dim=1)

    def with_map(self, map: Tensor | None) -> "FeatureSpace":
        """Return the space with what was learned of known classes, or without it."""
        return FeatureSpace(self.kind, self.views, map)

    def with_encoder(self, encoder: FrozenEncoder) -> "FeatureSpace":
        """Return the space with an encoder of its user, in the place of the one of its name.

        Raises:
            InputError: There is none of its name, or it is another one, as its fingerprint says.
        """
        index = next((index for index, view in enumerate(self.views) if view.name == encoder.name), None)
        if index is None:
            names = ", ".join(view.name for view in self.views)
            raise InputError(f"The model has no encoder {encoder.name!r}; it has {names}.")
        view = self.views[index]
        if encoder.fingerprint != view.fingerprint or encoder.width != len(view.centre):
            raise InputError(
                f"The encoder {encoder.name!r} is not the one that the model was made with: weights or "
                "preparation differ. Load the same one, or adapt again with this one."
            )
        return self._replaced(index, replace(view, encoder=encoder))

    def to_json(self) -> dict[str, Any]:
        """Describe the space, its tensors apart."""
        views = []
        for view in self.views:
            told = {"name": view.name, "fingerprint": view.fingerprint, "weight": view.weight}
            views.append(told | ({"beside": view.beside} if view.beside else {}))
        return {"kind": self.kind, "views": views}

    def tensors(self) -> dict[str, Tensor]:
        """Return what describes it beside `to_json`."""
        named = {} if self.map is None else {_MAP: self.map}
        for index, view in enumerate(self.views):
            named[f"{index}/centre"] = view.centre
            named |= named_part(f"{index}/state/", view.state)
        return named

    @classmethod
    def from_json(cls, description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> "FeatureSpace":
        """Build a space from `to_json` and `tensors`; its encoders are made when they are needed.

        Raises:
            InputError: The description is wrong.
        """
        views = []
        for index, told in enumerate(description["views"]):
            state = taken_part(f"{index}/state/", tensors)
            if not isinstance(told["weight"], float) or not told["weight"] > 0:
                raise InputError(f"the weight of encoder {told['name']!r} is {told['weight']!r}")
            beside = told.get("beside", 0.0)  # models of earlier versions have none
            if not isinstance(beside, float) or not 0 <= beside < float("inf"):
                raise InputError(f"the number beside encoder {told['name']!r} is {beside!r}")
            views.append(
                View(
                    name=str(told["name"]),
                    fingerprint=str(told["fingerprint"]),
                    state=state,
                    centre=tensors[f"{index}/centre"],
                    weight=told["weight"],
                    beside=beside,
                )
            )
        if not views:
            raise InputError("the description names no encoder")
        numbers = [tensors[f"{index}/centre"] for index in range(len(views))]
        numbers += [tensors[_MAP]] if _MAP in tensors else []
        if not all(tensor.is_floating_point() for tensor in numbers):
            raise InputError("the centre or the map of the features is not of real numbers")
        return cls(str(description["kind"]), views, tensors.get(_MAP))

    def _encoder(self, index: int) -> FrozenEncoder:
        view = self.views[index]
        if view.encoder is not None:
            return view.encoder
        if view.name not in FROZEN_ENCODERS:
            how = by_door(python="Give it by the model's `with_encoder`", command="Use the model in Python")
            raise InputError(
                f"The model was made with an encoder of its user, {view.name!r}, which is not saved along. "
                f"{how}."
            )
        encoder, fingerprint = _built(view)
        if fingerprint != view.fingerprint:
            raise InputError(
                f"The encoder {view.name!r} of this version encodes otherwise than the one that the model "
                "was made with. Adapt again, or use the version that made it."
            )
        # Kept for the next call; two threads at once make the same one twice.
        self.views = self._replaced(index, replace(view, encoder=encoder)).views
        return encoder

    def _replaced(self, index: int, view: View) -> "FeatureSpace":
        return FeatureSpace(self.kind, (*self.views[:index], view, *self.views[index + 1 :]), self.map)


def _built(view: View) -> tuple[FrozenEncoder, str]:
    """Build an encoder of ours out of what a bundle holds, with its fingerprint."""
    try:
        encoder = frozen_encoder(view.name, state=view.state)
        return encoder, encoder.fingerprint
    except PolytaskError:
        raise
    except Exception as error:  # a state may be wrong in countless ways
        raise InputError(
            f"What the model keeps of its encoder {view.name!r} is damaged ({type(error).__name__}: "
            f"{str(error)[:200].rstrip('.')}). Copy or make the model again."
        ) from error

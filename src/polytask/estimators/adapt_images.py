"""Photos or drawings: which encoders a support of images is given."""

import warnings
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from polytask.core import DataWarning, InputError, MissingPackageError
from polytask.data.examples.examples import Examples
from polytask.encoders.drawn_share import drawn_share, inked_share
from polytask.encoders.frozen import FrozenEncoder
from polytask.encoders.frozen_choice import best_available, frozen_encoder
from polytask.encoders.frozen_features import frozen_features
from polytask.encoders.frozen_images import image_square
from polytask.estimators.left_out import can_leave_out, left_out_loss
from polytask.models.feature_space import FeatureSpace

__all__ = ["image_encoders", "image_space"]

_PHOTOS, _DRAWINGS = "efficientnet-lite0", "drawings"
_SIDE = 112  # pixels at which images are looked at
_MOST_LOOKED_AT = 100
_DRAWN = 0.7  # the share of plain pixels from which on an image is a drawing
_INKED = 0.9  # of what is not ground is ink of one colour in a drawing; coloured things have up to 0.7
_NOT_PLAIN = 0.1  # of the images may be below: a clear sky is plain, too, but not every photo is


def image_space(examples: Examples) -> tuple[FeatureSpace, list[Tensor], str]:
    """Choose encoders of images by the support alone.

    The encoder of photos, that of drawings and both side by side are tried on examples that are left out.
    Where no class has two examples, or the encoder of photos is not at hand, the look of the images decides.

    Returns:
        The space; the vectors of the examples, ``[example, width of the encoder]``, for each of its
        encoders; and what was chosen and why, for people.

    Warns:
        DataWarning: The encoder of photos would be needed, and is not at hand.
    """
    photos = _photo_encoder() if can_leave_out(examples.labels or ()) else None
    if photos is None:
        return _by_look(examples)
    drawings = frozen_encoder(_DRAWINGS)
    vectors = {one.name: frozen_features(one, examples.items) for one in (photos, drawings)}
    tried = [_joined(examples, one, vectors) for one in ([photos], [drawings], [photos, drawings])]
    losses = [left_out_loss(space.joined(rows), examples.labels or ()) for space, rows in tried]
    space, rows = tried[losses.index(min(losses))]
    named = " and ".join(repr(view.name) for view in space.views)
    return space, rows, f"Images are encoded by {named}, with which left-out examples are told best."


def image_encoders(examples: Examples) -> list[FrozenEncoder]:
    """Return the encoders among which `image_space` chooses; one where the look of the images decides."""
    photos = _photo_encoder() if can_leave_out(examples.labels or ()) else None
    return [_of_look(examples)[0]] if photos is None else [photos, frozen_encoder(_DRAWINGS)]


def _of_look(examples: Examples) -> tuple[FrozenEncoder, str]:
    """Return the encoder that fits the look of the images, and what they look like."""
    if _look_drawn(examples.items):
        return frozen_encoder(_DRAWINGS), "drawings"
    encoder, simple = best_available("image")
    if simple:
        warnings.warn(simple, DataWarning, stacklevel=5)
    return encoder, "photos"


def _by_look(examples: Examples) -> tuple[FeatureSpace, list[Tensor], str]:
    encoder, look = _of_look(examples)
    vectors = {encoder.name: frozen_features(encoder, examples.items)}
    space, rows = _joined(examples, [encoder], vectors)
    return space, rows, f"The images look like {look}, so they are encoded by {encoder.name!r}."


def _joined(
    examples: Examples, encoders: Sequence[FrozenEncoder], vectors: dict[str, Tensor]
) -> tuple[FeatureSpace, list[Tensor]]:
    rows = [vectors[one.name] for one in encoders]
    return FeatureSpace.of(examples.kind, encoders, rows, [1.0] * len(encoders)), rows


def _photo_encoder() -> FrozenEncoder | None:
    try:
        return frozen_encoder(_PHOTOS)
    except (InputError, MissingPackageError):
        return None


def _look_drawn(items: Sequence[object]) -> bool:
    """Tell whether most of nearly every image is a plain ground, and all else is ink of one colour."""
    chosen = np.unique(np.linspace(0, len(items) - 1, _MOST_LOOKED_AT).round().astype(int)).tolist()
    looked_at = [image_square(items[index], _SIDE, index=index) for index in chosen]
    drawn, inked = (
        float(np.quantile([share(colours) for colours in looked_at], _NOT_PLAIN))
        for share in (drawn_share, inked_share)
    )
    return drawn >= _DRAWN and inked >= _INKED

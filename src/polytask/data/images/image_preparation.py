"""How files and arrays become the images that a model sees: one rule for training and afterwards."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from polytask.core import DataWarning, InputError
from polytask.core.names import counted
from polytask.core.settings import SettingsCheck
from polytask.data.images.picture import ImageFile, Picture, read_picture

__all__ = ["Ground", "ImagePreparation"]

Ground: TypeAlias = Literal["dark", "light"]

_MAX_SIZE = 1024
_CLEAR = 64  # a ground this near to black or white is no matter of opinion


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePreparation:
    """Size, colour and ground of images; plain JSON, part of a saved model.

    What is None is decided by the first images that are read, all of them together, and from then on fixed:
    `read` returns the preparation that it used.

    Args:
        size: Height and width to which images are scaled.
        channels: 1 for grey, 3 for colour; None: 3 if an image has colour.
        ground: Brightness of the ground on which files show something: what is transparent in them is put on
            it. None: that of most images at their borders.
        inverted: Whether files are turned into their negative. An undecided light ground will be, so that
            dark ink on paper becomes bright ink on 0.

    Raises:
        InputError: A value is none of these; all problems at once.

    Example:
        >>> ImagePreparation(size=28, channels=1, ground="light", inverted=True).shape
        (1, 28, 28)
    """

    size: int = 28
    channels: int | None = None
    ground: Ground | None = None
    inverted: bool = False

    def __post_init__(self) -> None:
        check = SettingsCheck()
        checked: dict[str, Any] = {
            "size": check.whole("size", self.size, least=1),
            "inverted": check.flag("inverted", self.inverted),
        }
        if self.channels is not None:
            checked["channels"] = check.whole("channels", self.channels, least=1)
        if self.ground is not None:
            checked["ground"] = check.choice("ground", self.ground, ("dark", "light"))
        if not check.problems and checked["size"] > _MAX_SIZE:
            check.problems.append(f"`size` must be at most {_MAX_SIZE}, got {checked['size']}")
        if not check.problems and self.channels not in (None, 1, 3):
            check.problems.append(f"`channels` must be 1 (grey) or 3 (colour), got {self.channels}")
        check.settle(self, checked)

    @classmethod
    def asked(cls, *, size: int, channels: int | None, ground: Ground | None) -> "ImagePreparation":
        """Return the preparation of files about which a user said this much."""
        return cls(size=size, channels=channels, ground=ground, inverted=ground == "light")

    @classmethod
    def of(cls, images: Tensor) -> "ImagePreparation":
        """Return the preparation that reads files as these images are, `[image, channel, size, size]`.

        Whether files like them have to be inverted cannot be seen in drawings with a dark ground, which most
        libraries make of dark ink on paper: the first files decide. Anything else is read as it is.

        Raises:
            InputError: They are no square images of 1 or 3 channels, uint8 or floats in [0, 1].
        """
        shape = tuple(images.shape)
        if images.ndim != 4 or shape[1] not in (1, 3) or shape[2] != shape[3]:
            raise InputError(_shape_message(shape))
        preparation = cls(size=shape[2], channels=shape[1])
        values = preparation.checked(images)
        sample = _brightness(values)
        drawn = bool(((sample < 0.1) | (sample > 0.9)).float().mean() > 0.7)
        ground: Ground = "light" if _border(sample) > 0.5 else "dark"
        return preparation if drawn and ground == "dark" else replace(preparation, ground=ground)

    @property
    def shape(self) -> tuple[int | None, int, int]:
        """Channels, height and width."""
        return (self.channels, self.size, self.size)

    def read(self, files: Sequence[ImageFile]) -> tuple[Tensor, "ImagePreparation"]:
        """Read files, and decide what is still open.

        Args:
            files: Paths, the bytes of encoded images, or `PIL.Image.Image`.

        Returns:
            uint8 ``[image, channel, size, size]``, and the preparation with nothing left open.

        Raises:
            DataError: A file is no readable image, or too large; it is named.
            MissingPackageError: Pillow is not installed.

        Warns:
            DataWarning: Something of the images will not be seen: colour, further pictures, or ink as dark as
                the ground.
        """
        pictures = [read_picture(file, self.size) for file in files]
        preparation = self._decided(pictures)
        preparation._warn(pictures)
        images = np.empty((len(pictures), preparation.channels or 1, self.size, self.size), dtype=np.uint8)
        for row, picture in enumerate(pictures):
            images[row] = preparation._applied(picture)
        return torch.from_numpy(images), preparation

    def checked(self, images: Any) -> Tensor:
        """Return images that are in memory as uint8 or as float32 in [0, 1]; nothing else is changed.

        Args:
            images: A tensor or an array ``[image, channel, size, size]``: uint8, bool, or floats in [0, 1].

        Raises:
            InputError: They have another shape, type or range; the message says how to mend it.
        """
        if isinstance(images, np.ndarray):
            if images.dtype.kind not in "biuf":
                raise InputError(f"Images must be numbers, but the array holds {images.dtype}.")
            native = np.ascontiguousarray(images, dtype=images.dtype.newbyteorder("="))
            images = torch.from_numpy(native if native.flags.writeable else native.copy())
        if not isinstance(images, Tensor):
            raise InputError(f"Images must be a tensor or an array, got {type(images).__name__}.")
        if images.layout != torch.strided or images.is_meta:
            raise InputError(
                f"Images must be an ordinary tensor, got a {images.layout} one on {images.device}."
            )
        if tuple(images.shape[1:]) != self.shape or images.ndim != 4:
            raise InputError(_shape_message(tuple(images.shape), self))
        if images.dtype == torch.bool:
            return images.to(torch.uint8) * 255
        if images.dtype == torch.uint8:
            if images.numel() and int(images.max()) == 1:
                raise InputError(
                    "The images are uint8 but hold only 0 and 1. Multiply them by 255, or give bool."
                )
            return images
        if not images.is_floating_point():
            raise InputError(f"Images must be uint8 or floats in [0, 1], got {images.dtype}.")
        values = images.float()
        low, high = (float(values.min()), float(values.max())) if values.numel() else (0.0, 0.0)
        if not -1e-3 <= low <= high <= 1 + 1e-3:
            raise InputError(
                f"Images of floats must lie in [0, 1], but these go from {low:.4g} to {high:.4g}. Scale "
                "them, or give uint8 in 0 to 255."
            )
        return values

    def warn_of_negatives(self, images: Tensor, *, stacklevel: int = 2) -> None:
        """Say so if files are inverted, but these images of `checked` have the ground from before that.

        Args:
            images: ``[image, channel, size, size]``.
            stacklevel: As of `warnings.warn`, counted from here.

        Warns:
            DataWarning: They do.
        """
        found = _border(_brightness(images))
        light = found > 1 - _CLEAR / 255
        if self.inverted and (light if self.ground == "light" else found < _CLEAR / 255):
            warnings.warn(
                f"The images show things on a {self.ground} ground. Files of such images were inverted for "
                "this model, but images in memory are taken as they are: give their negatives, "
                "`255 - images` of uint8 or `1 - images` of floats, or give the files.",
                DataWarning,
                stacklevel=stacklevel,
            )

    def floats(self, images: Any) -> Tensor:
        """Return images that are in memory as float32 in [0, 1]; see `checked`."""
        values = self.checked(images)
        return values.float() / 255 if values.dtype == torch.uint8 else values

    def to_json(self) -> dict[str, Any]:
        """Return the preparation as plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ImagePreparation":
        """Build the preparation from what `to_json` gave.

        Raises:
            InputError: A key is missing or unknown, or a value is wrong.
        """
        names = {entry.name for entry in fields(cls)}
        if not isinstance(data, Mapping) or set(data) != names:
            raise InputError(
                f"The preparation of images must have exactly the keys {', '.join(sorted(names))}."
            )
        return cls(**data)

    def _decided(self, pictures: Sequence[Picture]) -> "ImagePreparation":
        channels = self.channels or (3 if any(picture.coloured for picture in pictures) else 1)
        if self.ground is not None:
            return replace(self, channels=channels)
        grounds = [ground for picture in pictures if (ground := picture.ground) is not None]
        light = bool(grounds) and float(np.median(grounds)) > 127
        return replace(self, channels=channels, ground="light" if light else "dark", inverted=light)

    def _applied(self, picture: Picture) -> np.ndarray:
        """Return uint8 ``[channel, size, size]``."""
        pixels = picture.grey[None] if self.channels == 1 else picture.pixels
        if picture.gap is not None and self.ground == "light":
            pixels = np.minimum(pixels.astype(np.uint16) + picture.gap, 255).astype(np.uint8)
        return 255 - pixels if self.inverted else pixels

    def _warn(self, pictures: Sequence[Picture]) -> None:
        """Say what the model will not see as it is."""
        coloured = [picture for picture in pictures if self.channels == 1 and picture.coloured]
        animated = [picture for picture in pictures if picture.animated]
        opposed = [picture for picture in pictures if not picture.dim and _opposed(picture, self.ground)]
        if len(opposed) <= len(pictures) / 2:  # photos differ in their grounds; in drawings ink disappears
            opposed = [picture for picture in opposed if picture.gap is not None or picture.drawn]
        notes = {
            ("has", "have"): (
                "16 bits, of which only the lowest are used, and will look nearly black; scale the values up "
                "to 65535",
                [picture for picture in pictures if picture.dim],
            ),
            ("has colour,", "have colour,"): ("of which only the brightness is used", coloured),
            ("holds", "hold"): ("several pictures, of which the first is used", animated),
            ("shows", "show"): (
                f"{self.ground} things, or a ground that is not {self.ground}, and will be read as things on "
                f"a {self.ground} ground, as those before; use negatives",
                opposed,
            ),
        }
        for verbs, (note, found) in notes.items():
            if found:
                verb, n_images = verbs[len(found) > 1], counted(len(pictures), "image")
                warnings.warn(
                    f"{len(found)} of {n_images} {verb} {note} (e.g. {found[0].name}).",
                    DataWarning,
                    stacklevel=3,
                )


def _brightness(images: Tensor) -> Tensor:
    """Return the brightness of at most some 1000 images, ``[image, size, size]`` in [0, 1]."""
    sample = images[:: max(1, len(images) // 1000)].float()
    return (sample / 255 if images.dtype == torch.uint8 else sample).mean(1)


def _border(brightness: Tensor) -> float:
    """Return how bright the images of `_brightness` are at their borders, typically; 0 without images."""
    edges = (brightness[:, 0], brightness[:, -1], brightness[:, :, 0], brightness[:, :, -1])
    border = torch.cat(edges, dim=1).mean(1)  # [image]
    return float(border.median()) if len(border) else 0.0


def _opposed(picture: Picture, ground: Ground | None) -> bool:
    """Whether a picture clearly has the other ground."""
    measured = picture.ground
    if measured is None:
        return False
    return measured < _CLEAR if ground == "light" else measured > 255 - _CLEAR


def _shape_message(shape: tuple[int, ...], wanted: ImagePreparation | None = None) -> str:
    """Say which shape is needed, and how the usual others become it."""
    needed = "[image, 1 or 3, size, size]"
    if wanted is not None:
        needed = f"[image, {wanted.channels or '1 or 3'}, {wanted.size}, {wanted.size}]"
    remedy = ""
    if len(shape) == 4 and shape[3] in (1, 3):
        remedy = " The channels come before height and width: use `.permute(0, 3, 1, 2)`."
    elif len(shape) == 3 and shape[0] in (1, 3):
        remedy = " Give a batch of images: use `[None]` for a single one."
    elif len(shape) == 3:
        remedy = " Give the channel a dimension of its own: use `[:, None]`."
    elif len(shape) == 4 and wanted is not None:
        remedy = (
            f" An image is {shape[1:]}, but the model reads {wanted.shape}; scale them, or give files, which "
            "are scaled when they are read."
        )
    return f"Images in memory must have the shape {needed}, got {list(shape)}.{remedy}"

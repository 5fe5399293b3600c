"""Examples out of requests: each is checked before anything large is made of it."""

import base64
import binascii
import importlib
import io
import math
from collections.abc import Callable, Sequence
from typing import Any

from polytask.core import PolytaskError
from polytask.data.examples.sounds import Sound, read_sound
from polytask.data.images.picture import picture_pixels
from polytask.serve.bodies import Body
from polytask.serve.failures import Refused, as_refused
from polytask.serve.forms import Example, Predict
from polytask.serve.settings import Limits

__all__ = ["examples_of", "items_to_predict"]

_FIELDS = {"text": "texts", "image": "images", "sound": "sounds", "vector": "vectors"}
_MOST_CHANNELS, _MOST_WIDTH = 8, 10_000
_TOGETHER = 16  # times the pixels of one image that all images of a request may have
_MOST_SAMPLES = 2**26  # of all sounds of a request: 256 MiB once they are unpacked


def items_to_predict(kind: str, asked: Predict, body: Body, limits: Limits) -> list[Any]:
    """Return the items that a request asks about, of the kind that its model knows.

    Raises:
        Refused: There are none, too many, or one is of another kind, too large, or cannot be read.
    """
    field = _FIELDS[kind]
    given = getattr(asked, field)
    others = [one for one in (*_FIELDS.values(), "rows") if one != field and getattr(asked, one) is not None]
    files = [part.content for part in body.parts]
    if others or (given is None and not files) or (files and kind not in ("image", "sound")):
        got = others[0] if others else "files" if files else "nothing"
        raise Refused(
            422,
            f"This model takes {field}, but the request has {got}.",
            where=got if others else "body",
            remedy=f'Send {{"{field}": [...]}}.',
        )
    values: list[Any] = [*(given or ()), *files]
    _check_number(len(values), limits.rows, field)
    unpacked = _Unpacked(limits)
    return [_item(kind, value, unpacked, f"{field}[{index}]") for index, value in enumerate(values)]


def examples_of(kind: str, examples: Sequence[Example], limits: Limits) -> tuple[list[Any], list[str]]:
    """Return items and labels of examples.

    Raises:
        Refused: There are none, too many, or one is of another kind, too large, or cannot be read.
    """
    _check_number(len(examples), limits.examples, "examples")
    items, labels, unpacked = [], [], _Unpacked(limits)
    for index, example in enumerate(examples):
        given = [one for one in _FIELDS if getattr(example, one) is not None]
        if given != [kind]:
            raise Refused(
                422,
                f"An example of this model has {kind!r} and nothing else, but this one has "
                f"{' and '.join(map(repr, given)) or 'none of it'}.",
                where=f"examples[{index}]",
                remedy=f'Send {{"{kind}": ..., "class": ...}}.',
            )
        items.append(_item(kind, getattr(example, kind), unpacked, f"examples[{index}].{kind}"))
        labels.append(checked_label(example.label, f"examples[{index}].class"))
    if len(set(labels)) > limits.classes:
        raise Refused(
            413, f"There are more than {limits.classes} classes.", where="examples", remedy="Send fewer."
        )
    return items, labels


def checked_label(label: str, where: str) -> str:
    """Return a class's name without white space around it.

    Raises:
        Refused: Nothing is left, or it holds half a character.
    """
    if not label.strip() or any("\ud800" <= letter <= "\udfff" for letter in label) or "\0" in label:
        raise Refused(422, "A class is called by a text that says something.", where=where, remedy="Name it.")
    return label.strip()


def _check_number(count: int, most: int, where: str) -> None:
    if not count:
        raise Refused(422, "There is none.", where=where, remedy="Send one at least.")
    if count > most:
        raise Refused(
            413,
            f"There are {count:,}; at most {most:,} are taken.",
            where=where,
            remedy="Send them in parts.",
        )


class _Unpacked:
    """Counts the items of a request as they are once unpacked, which may be far more than its body.

    Args:
        limits: How large each of them may be.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._pixels, self._samples = 0, 0

    def add_image(self, pixels: int, where: str) -> None:
        """Count an image.

        Raises:
            Refused: All together have too many pixels.
        """
        self._pixels += pixels
        most = _TOGETHER * self.limits.pixels
        if self._pixels > most * 1e6:
            raise Refused(
                413,
                f"The images have too many pixels together; at most {most:g} million are taken.",
                where=where,
                remedy="Send them in parts.",
            )

    def add_sound(self, samples: int, where: str) -> None:
        """Count a sound.

        Raises:
            Refused: All together have too many samples.
        """
        self._samples += samples
        if self._samples > _MOST_SAMPLES:
            raise Refused(
                413,
                f"The sounds have too many samples together; at most {_MOST_SAMPLES:,} are taken.",
                where=where,
                remedy="Send them in parts.",
            )


def _item(kind: str, value: Any, unpacked: _Unpacked, where: str) -> Any:
    check: Callable[[Any, _Unpacked, str], Any] = {
        "text": _text, "image": _image, "sound": _sound, "vector": _vector
    }[kind]  # fmt: skip
    try:
        return check(value, unpacked, where)
    except PolytaskError as error:
        raise as_refused(error, where=where) from error


def _text(value: str, unpacked: _Unpacked, where: str) -> str:
    limits = unpacked.limits
    if len(value) > limits.text:
        raise Refused(
            413, f"The text has {len(value):,} characters; at most {limits.text:,} are taken.", where=where,
            remedy="Cut it.",
        )  # fmt: skip
    if not value.strip() or "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Refused(422, "The text says nothing, or is no text.", where=where, remedy="Write something.")
    return value


def _image(value: str | bytes, unpacked: _Unpacked, where: str) -> bytes:
    limits = unpacked.limits
    content = _content(value, where)
    pixels = picture_pixels(content)
    if pixels > limits.pixels * 1e6:
        raise Refused(
            413,
            f"The image has too many pixels; at most {limits.pixels:g} million are taken.",
            where=where,
            remedy="Make it smaller.",
        )
    unpacked.add_image(pixels, where)
    return content


def _sound(value: str | bytes, unpacked: _Unpacked, where: str) -> Sound:
    limits = unpacked.limits
    content = _content(value, where)
    seconds = _stated_seconds(content)
    sound = None if seconds > limits.sound else read_sound(content)[0]
    if sound is None or sound.seconds > limits.sound:
        raise Refused(
            413, f"The sound is longer than {limits.sound:g} seconds.", where=where, remedy="Cut it."
        )
    unpacked.add_sound(len(sound.samples), where)
    return sound


def _stated_seconds(content: bytes) -> float:
    """Return how long a packed sound says that it is, before it is unpacked; 0 where that is not known."""
    if content[:4] in (b"RIFF", b"RIFX", b"RF64"):  # not packed: no longer than the request
        return 0.0
    try:
        told = importlib.import_module("soundfile").info(io.BytesIO(content))
    except Exception:  # noqa: BLE001 - whatever is wrong with it, reading it says so
        return 0.0
    return (
        math.inf if told.channels > _MOST_CHANNELS or not told.samplerate else told.frames / told.samplerate
    )


def _vector(value: list[Any], _: _Unpacked, where: str) -> list[float]:
    if not 0 < len(value) <= _MOST_WIDTH:
        raise Refused(
            413 if value else 422,
            f"A vector has 1 to {_MOST_WIDTH:,} numbers, but this one has {len(value):,}.",
            where=where,
            remedy="Send fewer.",
        )
    return value


def _content(value: str | bytes, where: str) -> bytes:
    if isinstance(value, bytes):
        return value
    if value.startswith("data:"):
        value = value.partition(",")[2]
    try:
        content = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(
            422, "This is no base64.", where=where, remedy="Send the bytes of the file in base64."
        ) from error
    if not content:
        raise Refused(422, "The file is empty.", where=where, remedy="Send its bytes in base64.")
    return content

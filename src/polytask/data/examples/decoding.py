"""Files one after the other: damaged ones are left out or refused, and memory is watched."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from polytask.core import DataError
from polytask.core.memory_budget import check_free_bytes
from polytask.core.names import counted
from polytask.data.examples.examples import ExampleKind
from polytask.data.examples.images import image_of_array, is_picture, read_image
from polytask.data.examples.sounds import SOUND_ENDINGS, Sound, noteworthy, read_sound
from polytask.data.examples.texts import TEXT_ENDINGS, read_text
from polytask.data.images.image_paths import IMAGE_ENDINGS
from polytask.data.tables.problems import problem_error

__all__ = ["ENDINGS", "Read", "decode", "is_file", "kind_of_file"]

ENDINGS: dict[ExampleKind, tuple[str, ...]] = {
    "image": IMAGE_ENDINGS,
    "sound": SOUND_ENDINGS,
    "text": TEXT_ENDINGS,
}
"""How the name of a file ends that holds one example of a kind."""

_MOST_NAMED, _MOST_PROBLEMS, _CHECKED = 20, 5, 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What was read of several files.

    Args:
        items: The examples.
        kept: The index of each among the files.
        messages: What was noteworthy, in sentences.
    """

    items: list[Any]
    kept: list[int]
    messages: list[str]


def kind_of_file(name: str | Path) -> ExampleKind | None:
    """Tell by the ending of its name what a file holds; None where no kind ends so."""
    ending = Path(name).suffix.lower()
    return next((kind for kind, endings in ENDINGS.items() if ending in endings), None)


def decode(files: Sequence[Any], kind: ExampleKind, *, leave_out: bool, called: Callable[[int], str]) -> Read:
    """Read files of one kind.

    Args:
        files: Paths, the bytes of files, or what is in memory: arrays, images of Pillow, sounds.
        kind: What they hold.
        leave_out: Whether those that cannot be read are left out, and named in the messages.
        called: Names a file that has no path, by its index.

    Raises:
        DataError: A file cannot be read, and is not to be left out; or none can; or they do not fit into
            memory.
        MissingPackageError: Pillow or soundfile is needed, and not installed.
    """
    read = {"image": _image, "sound": _sound, "text": _text}[kind]
    items, kept, problems = [], [], []
    noted: Counter[str] = Counter()
    first: dict[str, str] = {}
    n_bytes = 0
    for index, file in enumerate(files):
        try:
            item, notes = read(file, called(index))
        except DataError as error:
            problems.append(str(error) if isinstance(file, Path) else f"{called(index)}: {error}")
            if not leave_out and len(problems) >= _MOST_PROBLEMS:
                break
            continue
        items.append(item)
        kept.append(index)
        noted.update(notes)
        for note in notes:
            first.setdefault(note, called(index))
        n_bytes += _size(item)
        if len(items) % _CHECKED == 0:
            _check_memory(n_bytes / len(items) * (len(files) - index), len(files), kind)
    if problems and not (leave_out and items):
        raise problem_error(problems[:_MOST_PROBLEMS])
    messages = [_left_out(problems, len(files))] if problems else []
    messages += [
        f"{note}: {count} of {counted(len(items), kind)} (e.g. {first[note]})."
        for note, count in noted.items()
    ]
    return Read(items=items, kept=kept, messages=messages)


def is_file(path: Path) -> bool:
    """Tell whether there is a file; False, and no error, where a path is impossible."""
    return os.path.isfile(path)  # noqa: PTH113


def _text(file: Any, _: str) -> tuple[str, tuple[str, ...]]:
    return read_text(file), ()


def _image(file: Any, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    if isinstance(file, Tensor):
        file = file.detach().cpu().numpy()
    if isinstance(file, np.ndarray):
        return image_of_array(file, name), ()
    if not isinstance(file, Path | bytes) and not is_picture(file):
        raise DataError(f"{type(file).__name__} is no image. Give a path, an array or an image of Pillow.")
    return read_image(file)


def _sound(file: Any, _: str) -> tuple[Sound, tuple[str, ...]]:
    if isinstance(file, Sound):
        return file, noteworthy(file)
    if not isinstance(file, Path | bytes):
        raise DataError(f"{type(file).__name__} is no sound. Give a path, or a Sound of polytask.data.")
    return read_sound(file)


def _size(item: Any) -> int:
    if isinstance(item, Sound):
        return item.samples.nbytes
    return item.nbytes if isinstance(item, np.ndarray) else 4 * len(item)


def _check_memory(n_bytes: float, n_files: int, kind: ExampleKind) -> None:
    """Refuse files after a look at some."""
    check_free_bytes(
        n_bytes,
        f"What is still to be read of {counted(n_files, kind)} takes about {n_bytes / 2**30:.1f} GiB of "
        "memory",
        "Give them in several parts.",
    )


def _left_out(problems: Sequence[str], n_files: int) -> str:
    more = f" and {len(problems) - _MOST_NAMED} more" if len(problems) > _MOST_NAMED else ""
    return f"{len(problems)} of {counted(n_files, 'file')} left out: {' '.join(problems[:_MOST_NAMED])}{more}"

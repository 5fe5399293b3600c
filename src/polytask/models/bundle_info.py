"""What a saved model is, and whether its files are whole: told without building it."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from polytask.core import BundleError, InputError
from polytask.core.files import user_path
from polytask.core.strict_json import parse_json
from polytask.models.bundle_description import check_directory, read_description, verify_file
from polytask.models.bundle_folder import DESCRIPTION, open_plain, original_name

__all__ = ["BundleInfo", "FileInfo", "bundle_info"]

_CALIBRATION = "calibration."  # in the names of tensors


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInfo:
    """A file of a model.

    Args:
        name: Its name in the directory.
        size: In bytes; None where it is missing.
        problem: What is wrong with it; None if it is whole.
    """

    name: str
    size: int | None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleInfo:
    """What a model directory says of itself.

    Args:
        source: The directory.
        kind: ``"table"``, ``"task-table"``, ``"few-shot"``, ``"few-shot-adapted"``,
            ``"few-shot-classifier"`` or ``"in-context"``.
        library: The version of polytask that wrote it.
        saved: When, in UTC; None of models of earlier versions.
        data: Where it comes from: fingerprint, roles of columns, seed.
        targets: Of a table: name, kind and classes of each.
        columns: Of a table: the columns that it reads, by kind.
        settings: How it was built and trained.
        classes: Of an adapted model, or a classifier of few examples.
        examples: Of such a classifier: how many each class has, in the order of the classes.
        item_kind: What these are: ``"text"``, ``"image"``, ``"sound"`` or ``"vector"``.
        encoders: By which it encodes them.
        head: Its name, strength, sharpness, and how it was asked for.
        task_column: Of a model with tasks: the column that tells them.
        tasks: Those that it knows.
        results: Its figures, as they were saved; None where there are none.
        n_parameters: Numbers in its weights; None where these cannot be read.
        files: Of which it consists.
    """

    source: str
    kind: str
    library: str
    saved: str | None
    data: Mapping[str, Any]
    targets: tuple[Mapping[str, Any], ...] = ()
    columns: Mapping[str, list[str]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    examples: tuple[int, ...] = ()
    item_kind: str | None = None
    encoders: tuple[str, ...] = ()
    head: Mapping[str, Any] = field(default_factory=dict)
    task_column: str | None = None
    tasks: tuple[str, ...] = ()
    results: Mapping[str, Any] | None = None
    n_parameters: int | None = None
    files: tuple[FileInfo, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with its files."""
        return tuple(file.problem for file in self.files if file.problem is not None)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {**asdict(self), "problems": list(self.problems)}


def bundle_info(directory: str | Path) -> BundleInfo:
    """Read what a model directory says of itself, and verify every file.

    Args:
        directory: The directory.

    Raises:
        BundleError: It is no model, or its description is damaged, without which nothing is known.
    """
    source = user_path(directory)
    check_directory(source)
    description = read_description(source)
    saved = description.get("saved")
    config, files = description["config"], description["files"]
    checked = [_file(source, DESCRIPTION), *(_file(source, name, files[name]) for name in files)]
    whole = {original_name(file.name, str(files.get(file.name))) for file in checked if file.problem is None}
    paths = {original_name(name, str(files[name])): source / name for name in files}
    results = _results(paths["results.json"]) if "results.json" in whole else None
    weights = paths["weights.safetensors"] if "weights.safetensors" in whole else None
    tasks, space = _part(config, "tasks", dict), _part(config, "space", dict)
    columns: dict[str, list[str]] = {}
    for column in _records(_part(config, "encoder", dict).get("columns")):
        columns.setdefault(str(column.get("kind")), []).append(str(column.get("name")))
    return BundleInfo(
        source=str(directory),
        kind=description["kind"],
        library=str(description.get("library")),
        saved=saved if isinstance(saved, str) else None,
        data=description["data"],
        targets=tuple(_target(target) for target in _records(config.get("targets"))),
        columns=columns,
        settings=_part(config, "model", dict),
        classes=tuple(map(str, _part(config, "classes", list))),
        examples=tuple(len(names) for names in _part(config, "examples", list) if isinstance(names, list)),
        item_kind=kind if isinstance(kind := space.get("kind"), str) else None,
        encoders=tuple(str(view.get("name")) for view in _records(space.get("views"))),
        head=_part(config, "head", dict),
        task_column=column if isinstance(column := tasks.get("column"), str) else None,
        tasks=tuple(map(str, _part(tasks, "names", list))),
        results=results,
        n_parameters=None if weights is None else _n_parameters(weights),
        files=tuple(checked),
    )


def _file(source: Path, name: str, expected: Any = None) -> FileInfo:
    """Look at a file; the description itself was verified when it was read."""
    path = source / name
    problem = None
    if name != DESCRIPTION:
        try:
            if not isinstance(expected, str) or original_name(name, expected) is None:
                raise BundleError(f"{source / DESCRIPTION} names a file {name!r}, which no model has.")
            verify_file(path, expected)
        except BundleError as error:
            problem = str(error)
    try:
        size = path.lstat().st_size
    except (OSError, ValueError):
        size = None
    return FileInfo(name=name, size=size, problem=problem)


def _results(path: Path) -> Mapping[str, Any] | None:
    try:
        found = parse_json(path.read_bytes())
    except (OSError, InputError):
        return None
    return found if isinstance(found, dict) else None


def _n_parameters(path: Path) -> int | None:
    """Count the numbers of the weights by the file's header."""
    try:
        with os.fdopen(open_plain(path), "rb") as file:
            header = parse_json(file.read(int.from_bytes(file.read(8), "little")))
        shapes = [
            entry["shape"]
            for name, entry in header.items()
            if name != "__metadata__" and not name.startswith(_CALIBRATION)
        ]
        return sum(map(prod, shapes))
    except (OSError, InputError, KeyError, TypeError, AttributeError, OverflowError):
        return None


def _target(described: Mapping[str, Any]) -> dict[str, Any]:
    kind = "log" if described.get("log") is True else described.get("kind")
    return {"name": described.get("name"), "kind": kind, "classes": described.get("classes") or []}


def _part(config: Mapping[str, Any], name: str, form: type) -> Any:
    """Return a part of a description; an empty one where it is missing or something else."""
    value = config.get(name)
    return value if isinstance(value, form) else form()


def _records(value: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []

"""What a comparison's folder holds: the plan, the encoded table, and a folder for every cell that is done.

- ``plan.json``: which table, columns, candidates and folds; written last, so that a folder with a plan is
whole. - ``rows.npz``: the encoded table and the folds, numbers alone. - ``cells/``: see
`polytask.compare.cells`. - ``trials/``: of cells that are not done, see `polytask.compare.trials`.
"""

import functools
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from polytask.compare.candidate import Candidate
from polytask.compare.catalogue import candidate_of_recipe
from polytask.compare.cells import Cell
from polytask.compare.claim import claimed
from polytask.compare.row_arrays import arrays_of, rows_of_arrays
from polytask.compare.search_space import Space, space_from_json, space_to_json
from polytask.compare.stored_rows import FORMAT, PLAN_FILE, ROWS_FILE, read_rows, rows_hash
from polytask.compare.table_rows import TableRows
from polytask.core import BundleError, InputError
from polytask.core.files import fenced, new_folder, rehearse_write, sweep, write_atomically
from polytask.core.strict_json import format_json, parse_json
from polytask.data import TableEncoder
from polytask.data.tables.folds import Fold
from polytask.data.tables.target_column import TargetColumn
from polytask.train.identity import described_all, differences
from polytask.version import __version__

__all__ = ["PLAN_FILE", "TRIALS_FOLDER", "Plan", "check_plan", "open_plan", "write_plan"]

TRIALS_FOLDER = "trials"
_FOLDERS = ("cells", "claims", TRIALS_FOLDER)
_SCHEMA = 1


Spaces = tuple[Space, Space]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """What is compared.

    Args:
        folder: Where.
        rows: The labelled rows.
        repeats: The folds, each dealt anew.
        candidates: By name; None for those that only the process that has made the plan knows.
        words: What sentences call the candidates, in order.
        trials: Settings of which each candidate may choose.
        search: How many settings are searched for each; None for those of a list.
        spaces: By candidate between what it is searched, for numbers and for classes.
        seed: Decides everything random.
        description: What it says of itself: fingerprint, columns and so on.
    """

    folder: Path
    rows: TableRows
    repeats: tuple[tuple[Fold, ...], ...]
    candidates: Mapping[str, Candidate | None]
    words: Mapping[str, str]
    trials: int
    search: int | None
    spaces: Mapping[str, Spaces]
    seed: int
    description: Mapping[str, Any]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All cells; those of one fold together, so that a run that is stopped early has whole folds."""
        return tuple(
            Cell(candidate=name, repeat=repeat, fold=fold)
            for repeat, folds in enumerate(self.repeats)
            for fold in range(len(folds))
            for name in self.candidates
        )

    def fold(self, cell: Cell) -> Fold:
        """Return the fold of a cell."""
        return self.repeats[cell.repeat][cell.fold]


def write_plan(
    folder: Path,
    rows: TableRows,
    repeats: Sequence[Sequence[Fold]],
    candidates: Sequence[Candidate],
    *,
    trials: int,
    search: int | None = None,
    spaces: Mapping[str, Spaces] = {},
    seed: int,
    data: Mapping[str, Any],
    files: Mapping[str, str] = {},
) -> Plan:
    """Begin a comparison in a folder, or go on with the one that is there.

    Args:
        folder: A new or empty folder, or one of the same comparison.
        rows: The labelled rows.
        repeats: The folds.
        candidates: What is compared.
        trials: Settings of which each may choose.
        search: How many settings are searched for each; None for those of a list.
        spaces: By candidate between what it is searched, for numbers and for classes.
        seed: Decides everything random.
        data: Where the table comes from.
        files: Further texts that are kept there, by name.

    Raises:
        InputError: It cannot be written, or holds something else.
        BundleError: It holds another comparison.
    """
    budget = _budget(trials, search, spaces)
    description, arrays = _described(rows, repeats, candidates, budget, seed=seed, data=data)
    _begin(folder, description, arrays)
    for name, text in files.items():
        write_atomically(folder / name, lambda file, text=text: file.write(text.encode()))
    plan = open_plan(folder)
    return Plan(
        folder=folder, rows=plan.rows, repeats=plan.repeats, trials=trials, search=search,
        spaces=plan.spaces, seed=seed, words=plan.words, description=plan.description,
        candidates={one.name: one for one in candidates},
    )  # fmt: skip


def check_plan(
    folder: Path,
    rows: TableRows,
    repeats: Sequence[Sequence[Fold]],
    candidates: Sequence[Candidate],
    *,
    trials: int,
    search: int | None = None,
    spaces: Mapping[str, Spaces] = {},
    seed: int,
    data: Mapping[str, Any],
) -> None:
    """Look whether `write_plan` would take a folder, and leave everything as it is.

    Raises:
        InputError: It cannot be written, or holds something else.
        BundleError: It holds another comparison.
    """
    budget = _budget(trials, search, spaces)
    description, _ = _described(rows, repeats, candidates, budget, seed=seed, data=data)
    rehearse_write(folder / PLAN_FILE)
    if folder.is_dir():
        _check_content(folder, description)


def _budget(trials: int, search: int | None, spaces: Mapping[str, Spaces]) -> dict[str, Any]:
    """Say as plain JSON how settings are chosen; as before there was a search, where there is none."""
    if search is None:
        return {"trials": trials}
    plain = {name: [space_to_json(side) for side in sides] for name, sides in spaces.items()}
    return {"trials": trials, "search": search, "spaces": plain}


def _described(
    rows: TableRows,
    repeats: Sequence[Sequence[Fold]],
    candidates: Sequence[Candidate],
    budget: Mapping[str, Any],
    *,
    seed: int,
    data: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the plan as plain JSON, and the arrays of the rows."""
    arrays = arrays_of(rows, repeats)
    given = {
        **data, **budget, "seed": seed, "repeats": len(repeats), "folds": [len(r) for r in repeats],
        "candidates": {one.name: one.recipe or one for one in candidates},
    }  # fmt: skip
    identity = described_all(given) | {"rows": rows_hash(arrays)}
    description = {
        "format": FORMAT,
        "schema": _SCHEMA,
        "library": __version__,
        "identity": identity,
        "data": dict(data),
        **budget,
        "seed": seed,
        "encoder": rows.encoder.to_json(),
        "targets": [target.to_json() for target in rows.targets],
        "candidates": [
            {"name": one.name, "words": one.words, "recipe": one.recipe and dict(one.recipe)}
            for one in candidates
        ],
    }
    return description, arrays


def open_plan(folder: str | Path) -> Plan:
    """Read the plan of a folder.

    Raises:
        BundleError: There is none, or it is damaged.
    """
    path = Path(folder) / PLAN_FILE
    try:
        written = path.stat().st_mtime_ns
    except OSError as error:
        raise BundleError(
            f"{folder} holds no comparison: {error.strerror or error}. Give the folder that "
            "`polytask.compare` writes."
        ) from error
    return _open(os.path.realpath(folder), written)


@functools.lru_cache(maxsize=2)
def _open(folder: str, _written: int) -> Plan:
    path = Path(folder)
    description = _read(path)
    try:
        arrays = read_rows(path, description["identity"].get("rows"))
    except ValueError as error:
        raise _damaged(path, error) from error
    targets = tuple(TargetColumn.from_json(target) for target in description["targets"])
    rows, repeats = rows_of_arrays(arrays, targets, TableEncoder.from_json(description["encoder"]))
    candidates = {
        entry["name"]: None
        if entry["recipe"] is None
        else candidate_of_recipe(entry["recipe"], name=entry["name"], words=entry["words"])
        for entry in description["candidates"]
    }
    return Plan(
        folder=path,
        rows=rows,
        repeats=repeats,
        candidates=candidates,
        words={entry["name"]: entry["words"] for entry in description["candidates"]},
        trials=description["trials"],
        search=description.get("search"),
        spaces={
            name: (space_from_json(numbers), space_from_json(classes))
            for name, (numbers, classes) in description.get("spaces", {}).items()
        },
        seed=description["seed"],
        description=description,
    )


def _begin(folder: Path, description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write the plan, or make sure that it is the one that is there."""
    rehearse_write(folder / PLAN_FILE)
    with new_folder(folder), claimed(folder / ".plan-claim", wait=True):
        sweep(folder)
        if _check_content(folder, description):
            return

        def write(file: BinaryIO) -> None:
            np.savez(cast(Any, file), **cast(Any, dict(arrays)))

        text = format_json(description) + "\n"
        try:
            write_atomically(folder / ROWS_FILE, write)
            with fenced(folder):
                for name in _FOLDERS:
                    (folder / name).mkdir(exist_ok=True)
            write_atomically(folder / PLAN_FILE, lambda file: file.write(text.encode()))
        except BaseException:
            _remove_beginning(folder)
            raise


def _remove_beginning(folder: Path) -> None:
    """Remove what was written before the plan, without which it is of no use."""
    with suppress(OSError):
        (folder / ROWS_FILE).unlink(missing_ok=True)
        for name in _FOLDERS:
            (folder / name).rmdir()


def _check_content(folder: Path, description: Mapping[str, Any]) -> bool:
    """Tell whether a folder holds this comparison already; refuse one that holds something else."""
    if (folder / PLAN_FILE).exists():
        present = json.loads(format_json(description["identity"]))
        if told := differences(_read(folder)["identity"], present):
            text = "; ".join(told).replace("`rows` was", "the encoded table was")  # no setting of anybody
            raise BundleError(
                f"The folder {folder} cannot be used: it holds another comparison: {text}. "
                "Choose another folder, or delete this one to start anew."
            )
        return True
    strangers = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    if set(strangers) - {ROWS_FILE, *_FOLDERS}:  # what a killed beginning leaves
        raise InputError(
            f"The folder {folder} holds no comparison, but {', '.join(strangers[:5])}. Choose a new or "
            "empty folder."
        )
    return False


def _read(folder: Path) -> dict[str, Any]:
    try:
        description = parse_json((folder / PLAN_FILE).read_bytes())
    except (OSError, InputError) as error:
        raise _damaged(folder, error) from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise _damaged(folder, f"{PLAN_FILE} is no plan of a comparison")
    if description.get("schema") != _SCHEMA:
        raise BundleError(
            f"The comparison in {folder} was made by another version of polytask. Start a new one."
        )
    return description


def _damaged(folder: Path, why: object) -> BundleError:
    return BundleError(
        f"The comparison in {folder} is damaged: {why}. Choose another folder, or delete this one."
    )

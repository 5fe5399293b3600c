"""Cells: one candidate in one fold of one repeat, each a folder that is whole or absent."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np

from polytask.core import BundleError, InputError
from polytask.core.files import write_atomically, write_folder_atomically
from polytask.core.records import record_from_json
from polytask.core.strict_json import format_json, parse_json
from polytask.fitting.table_surroundings import folder_name

__all__ = ["RECORD_FILE", "Cell", "CellRecord", "is_done", "read_outputs", "read_record", "write_cell"]

RECORD_FILE = "cell.json"
"""The file by which a cell is known to be done."""

_OUTPUTS = "outputs.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One candidate in one fold of one repeat.

    Args:
        candidate: Its name.
        repeat: Index of the repeat.
        fold: Index of the fold.
    """

    candidate: str
    repeat: int
    fold: int

    @property
    def folder(self) -> str:
        """The name of its folder.

        Example:
            >>> Cell(candidate="linear", repeat=0, fold=2).folder
            'linear-7f2fe580edb3-repeat0-fold2'
        """
        return f"{folder_name(self.candidate)}-repeat{self.repeat}-fold{self.fold}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRecord:
    """What came of a cell, but for the predictions.

    Args:
        status: ``"done"``, or ``"failed"`` where the candidate raised an error.
        seconds: Wall time of choosing, fitting and predicting, on one thread.
        peak_bytes: How far memory rose; None where the system does not say.
        settings: The settings that were chosen, by target.
        trials: Settings that were judged to choose them, see `polytask.compare.trials.Trial`; none where
            there was nothing to choose.
        messages: Warnings of the candidate.
        error: Why it failed.
        host: On which machine.
        process: In which process.
        began: When, in seconds since 1970.
        finished: When.
    """

    status: Literal["done", "failed"]
    seconds: float
    peak_bytes: int | None
    host: str
    process: int
    began: float
    finished: float
    settings: Mapping[str, dict] = field(default_factory=dict)
    trials: tuple[dict, ...] = ()
    messages: tuple[str, ...] = ()
    error: str | None = None


def is_done(cells: Path, cell: Cell) -> bool:
    """Tell whether a cell is in the folder of cells; one that has failed is."""
    return (cells / cell.folder / RECORD_FILE).exists()


def write_cell(cells: Path, cell: Cell, record: CellRecord, outputs: Mapping[str, np.ndarray]) -> bool:
    """Write a cell in one step; False if it is there already, and stays.

    Args:
        cells: The folder of cells.
        cell: Which.
        record: What came of it.
        outputs: By target, float32 ``[row, n_outputs]`` for the held-out rows of the fold.
    """
    description = {**asdict(record), "cell": asdict(cell), "targets": list(outputs)}

    def fill(folder: Path) -> None:
        arrays = {f"target{index}": values for index, values in enumerate(outputs.values())}

        def write(file: BinaryIO) -> None:
            np.savez(cast(Any, file), **cast(Any, arrays))

        write_atomically(folder / _OUTPUTS, write)
        text = format_json(description) + "\n"
        write_atomically(folder / RECORD_FILE, lambda file: file.write(text.encode()))

    return write_folder_atomically(cells / cell.folder, fill)


def read_record(cells: Path, cell: Cell) -> CellRecord:
    """Read what came of a cell.

    Raises:
        BundleError: It is damaged, or belongs to another cell.
    """
    return _read(cells, cell)[0]


def read_outputs(cells: Path, cell: Cell, n_outputs: Mapping[str, int], n_rows: int) -> dict[str, np.ndarray]:
    """Read the predictions of a cell, by target.

    Args:
        cells: The folder of cells.
        cell: Which.
        n_outputs: Of the targets.
        n_rows: Held-out rows of the fold.

    Raises:
        BundleError: They are damaged.
    """
    names: Sequence[str] = _read(cells, cell)[1]
    try:
        with np.load(cells / cell.folder / _OUTPUTS, allow_pickle=False) as stored:
            outputs = {name: stored[f"target{index}"] for index, name in enumerate(names)}
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise _damaged(cells, cell, error) from error
    if any(values.shape != (n_rows, n_outputs.get(name)) for name, values in outputs.items()):
        raise _damaged(cells, cell, "its predictions have another shape")
    return outputs


def _read(cells: Path, cell: Cell) -> tuple[CellRecord, list[str]]:
    try:
        found = parse_json((cells / cell.folder / RECORD_FILE).read_bytes())
        if not isinstance(found, dict) or found.pop("cell", None) != asdict(cell):
            raise InputError("it is of another cell")
        targets = found.pop("targets", None)
        if not isinstance(targets, list):
            raise InputError("it has no targets")
        return record_from_json(CellRecord, found, name="the cell"), targets
    except (OSError, InputError) as error:
        raise _damaged(cells, cell, error) from error


def _damaged(cells: Path, cell: Cell, why: object) -> BundleError:
    return BundleError(
        f"The cell {cells / cell.folder} is damaged: {why}. Delete this folder and call again to do it anew."
    )

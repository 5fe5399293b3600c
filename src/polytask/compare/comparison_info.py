"""What the folder of a comparison holds, and whether it is whole: told without judging it."""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from polytask.compare.stored_rows import FORMAT, PLAN_FILE, read_rows
from polytask.compare.task_parts import TaskRowsKnown, part_folder, read_task_parts, words_of
from polytask.core import BundleError, InputError
from polytask.core.files import user_path
from polytask.core.strict_json import parse_json

__all__ = ["ComparisonInfo", "TaskComparisonInfo", "comparison_info", "task_comparison_info"]

_RECORD, _OUTPUTS = "cell.json", "outputs.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonInfo:
    """What a comparison's folder says of itself.

    Args:
        source: The folder.
        library: The version of polytask that planned it.
        data: Where the table comes from: fingerprint, roles of columns.
        targets: Name and kind of each.
        candidates: What is compared.
        search: How many settings each of them tries in a fold; None without a search.
        folds: How many rows are held out in each fold.
        cells: A candidate in a fold: how many there are.
        done: How many cells are done.
        failed: By candidate and error, how many of these failed.
        seconds: Of all cells that are done.
        problems: What is damaged.
    """

    source: str
    library: str
    data: Mapping[str, Any]
    targets: tuple[Mapping[str, Any], ...]
    candidates: tuple[str, ...]
    folds: tuple[int, ...]
    cells: int
    done: int
    failed: Mapping[str, int]
    seconds: float
    problems: tuple[str, ...]
    search: int | None = None
    kind: str = "comparison"

    @property
    def finished(self) -> bool:
        """Whether all cells are done, and none is damaged."""
        return self.done == self.cells and not self.problems

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskComparisonInfo:
    """What the folder of a comparison on tasks says of itself.

    Args:
        source: The folder.
        task_column: The column that tells the task of a row.
        parts: The comparisons in it, by how many rows of a task are known.
    """

    source: str
    task_column: str
    parts: Mapping[TaskRowsKnown, ComparisonInfo]
    kind: str = "task-comparison"

    @property
    def problems(self) -> tuple[str, ...]:
        """What is damaged."""
        return tuple(problem for part in self.parts.values() for problem in part.problems)

    @property
    def finished(self) -> bool:
        """Whether all cells are done, and none is damaged."""
        return all(part.finished for part in self.parts.values())

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {
            "kind": self.kind,
            "source": self.source,
            "task_column": self.task_column,
            "parts": [
                {"known": known, "judged_by": words_of(known), **part.to_json()}
                for known, part in self.parts.items()
            ],
            "problems": list(self.problems),
        }


def task_comparison_info(folder: str | Path) -> TaskComparisonInfo | None:
    """Read what the folder of a comparison on tasks says of itself; None where it is none of these.

    Args:
        folder: The folder.

    Raises:
        BundleError: A plan is missing or damaged.
    """
    parts = read_task_parts(user_path(folder))
    if parts is None:
        return None
    task_rows, column = parts
    found = {known: comparison_info(Path(folder) / part_folder(known)) for known in task_rows}
    return TaskComparisonInfo(source=str(folder), task_column=column, parts=found)


def comparison_info(folder: str | Path) -> ComparisonInfo:
    """Read what a comparison's folder says of itself, and look at every cell.

    Args:
        folder: The folder.

    Raises:
        BundleError: It holds no comparison, or its plan is damaged.
    """
    source = user_path(folder)
    plan = _plan(source)
    problems, sizes = [], ()
    try:
        arrays = read_rows(source, plan["identity"].get("rows"))
        sizes = tuple(len(values) for name, values in arrays.items() if name.startswith("held"))
    except ValueError as error:
        problems.append(f"The encoded rows of {source} are damaged: {error}. Start the comparison anew.")
    names = tuple(str(entry["name"]) for entry in plan["candidates"])
    done, failed, seconds = 0, {}, 0.0
    for cell in sorted(source.glob("cells/*/")):
        record = _record(cell)
        if record is None:
            problems.append(f"The cell {cell} is damaged. Delete this folder and call again to do it anew.")
            continue
        done += 1
        seconds += record["seconds"]
        if record.get("status") == "failed":
            what = f"{record['cell']['candidate']}: {record.get('error')}"
            failed[what] = failed.get(what, 0) + 1
    return ComparisonInfo(
        source=str(folder),
        library=str(plan.get("library")),
        data=plan["data"],
        targets=tuple(
            {"name": one["name"], "kind": "log" if one.get("log") else one["kind"]} for one in plan["targets"]
        ),
        candidates=names,
        folds=sizes,
        cells=len(names) * len(sizes),
        done=done,
        failed=failed,
        seconds=round(seconds, 2),
        problems=tuple(problems),
        search=plan.get("search"),
    )


def _plan(source: Path) -> dict[str, Any]:
    path = source / PLAN_FILE
    try:
        plan = parse_json(path.read_bytes())
        if not isinstance(plan, dict) or plan.get("format") != FORMAT:
            raise InputError("it is no plan of a comparison")
        whole = all(isinstance(plan.get(key), dict) for key in ("identity", "data"))
        lists = all(isinstance(plan.get(key), list) for key in ("candidates", "targets"))
        parts = [*plan["candidates"], *plan["targets"]] if lists else []
        if not (whole and lists and all(isinstance(one, dict) and "name" in one for one in parts)):
            raise InputError("parts of it are missing")
    except (OSError, InputError) as error:
        raise BundleError(
            f"{path} is missing or damaged: {error}. Give a folder that `polytask.compare` writes."
        ) from error
    return plan


def _record(cell: Path) -> dict[str, Any] | None:
    """Read what came of a cell; None if that, or its predictions, are damaged."""
    try:
        record = parse_json((cell / _RECORD).read_bytes())
        with zipfile.ZipFile(cell / _OUTPUTS) as stored:
            spoilt = stored.testzip()
    except (OSError, InputError, zipfile.BadZipFile, zlib.error, EOFError):
        return None
    whole = isinstance(record, dict) and isinstance(record.get("cell"), dict)
    return record if whole and isinstance(record.get("seconds"), int | float) and not spoilt else None

"""Tables about time and memory, always as ratios of one run."""

from typing import Any

from benchmarks.figures.tables.registry import markdown, table
from benchmarks.figures.values import MissingError, number, read

ENGINES = ("features", "exact", "loop", "LibMTL-like loop", "TorchJD autojac", "TorchJD autogram")
EXECUTIONS = ("higher", "torchopt", "loop", "vmap", "compiled", "auto")


@table("balancing")
def balancing() -> str:
    """Time of a step over the summed-loss step."""
    found = read("balancing")["figures"]
    rows = [
        [
            f"{trunk.upper()}, {n} tasks",
            *(number(found[f"{trunk}, {n} tasks"][way]["ms"] / found[f"{trunk}, {n} tasks"]["sum"]["ms"], 2)
              for way in ENGINES),
        ]
        for trunk in ("mlp", "cnn")
        for n in (10, 40)
    ]  # fmt: skip
    return markdown(["step time over the summed-loss step", *ENGINES], rows)


@table("ratio")
def ratio(file: str, cell: str, upper: str, lower: str, what: str, digits: str = "2") -> str:
    """Return one cell's figure over another's: ``ratio balancing mlp,_40_tasks features sum ms 2``."""
    names = [name.replace("_", " ") for name in (cell, upper, lower)]
    found: Any = read(file)["figures"]
    try:
        cells = found[names[0]]
        return number(cells[names[1]][what] / cells[names[2]][what], int(digits))
    except KeyError as error:
        raise MissingError(f"`{file}` has no {error}") from None


@table("meta")
def meta() -> str:
    """Times faster than a plain loop."""
    found = read("meta")["figures"]
    labels = {"ANIL, Conv4, 5 steps": "ANIL on Conv4, 5 steps"}
    rows = []
    for problem, cells in found.items():
        cells_of = [
            number(cells[way]["times_faster"], 2) if "times_faster" in cells.get(way, {}) else "—"
            for way in EXECUTIONS
        ]
        rows.append([labels.get(problem, problem), *cells_of])
    return markdown(["", *EXECUTIONS], rows)


@table("meta-gpu")
def meta_gpu() -> str:
    """The same on a GPU, from the run that its file records."""
    found = read("meta_cuda")["figures"]
    rows = []
    for problem, cells in found.items():
        ways = [
            number(cells[way]["times_faster"], 2)
            if "times_faster" in cells.get(way, {})
            else "not finished in the time we had"
            for way in ("loop", "vmap", "compiled")
        ]
        rows.append([problem.removeprefix("Conv4, "), number(cells["plain loop"]["ms"], 0), *ways])
    return markdown(["", "plain loop, ms", "loop, times faster", "vmap", "compiled"], rows)

"""Tables about time and memory, always as ratios of one run."""

from typing import Any

from benchmarks.figures.tables.registry import markdown, table
from benchmarks.figures.values import MissingError, number, read

ENGINES = ("features", "exact", "loop", "LibMTL-like loop", "TorchJD autojac", "TorchJD autogram")
SERVED = {
    "predict": "predict two drawings",
    "predict rows": "predict five rows of a table",
    "adapt": "make a classifier of two drawings",
    "add a class": "add a class",
    "undo": "undo a change",
}
"""What clients of the service ask for, and in which words a page says it."""
EXECUTIONS = ("higher", "torchopt", "loop", "vmap", "compiled", "threads", "auto")


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


@table("solvers")
def solvers() -> str:
    """Milliseconds of a method's weights, the slower of gradients of like and of different lengths."""
    cells: list[dict[str, Any]] = read("solvers")["figures"]["cells"]
    sizes = {40: 2, 200: 1}  # and decimals
    rows = [
        [
            method,
            *(
                number(max(c["ours_ms"] for c in cells if (c["method"], c["n_tasks"]) == (method, n)), digits)
                for n, digits in sizes.items()
            ),
        ]
        for method in dict.fromkeys(cell["method"] for cell in cells)
        if "," not in method
    ]
    return markdown(["weights of a step, in ms", *(f"{n} tasks" for n in sizes)], rows)


@table("balancing-growth")
def balancing_growth() -> str:
    """Milliseconds of the smallest and the largest size, and exponents."""
    rows = []
    for growing, curve in read("balancing_growth")["figures"].items():
        least, *_, most = curve["sizes"]
        first, last = curve["sizes"][least], curve["sizes"][most]
        spans = [
            f"{number(first[name], 2)} to {number(last[name], 1)}"
            for name in ("equal ms", "upgrad ms", "equal floor ms")
        ]
        exponents = [number(curve["exponent"][way], 2) for way in ("equal", "upgrad")]
        rows.append([f"{growing}, {least} to {most}", *spans, *exponents])
    head = ["", "equal, ms", "UPGrad, ms", "floor of equal, ms", "exponent of equal", "of UPGrad"]
    return markdown(head, rows)


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


@table("serving")
def serving() -> str:
    """Milliseconds until the service answers one client, and many at once."""
    one, many, clients = _served()
    rows = [
        [words, *(_waited(part["by_kind"][kind]) for part in (one, many))] for kind, words in SERVED.items()
    ]
    rows.append(["requests a second", *(number(part["requests_per_second"], 0) for part in (one, many))])
    head = "milliseconds until the answer, median (95th percentile)"
    return markdown([head, "one client", f"{clients} clients at once"], rows)


@table("serving-answers")
def serving_answers() -> str:
    """Say how many answers were wrong, missing or refused."""
    _, many, clients = _served()
    seconds = read("serving")["setting"]["seconds"]
    return (
        f"{many['requests']:,} requests of the {clients} clients in {number(seconds, 0)} seconds "
        f"{many['wrong']} were answered wrongly, {many['errors']} failed, and "
        f"{sum(many['refused'].values())} were refused"
    )


def _waited(cell: Any) -> str:
    return f"{number(cell['p50_ms'], 0)} ({number(cell['p95_ms'], 0)})"


def _served() -> tuple[Any, Any, int]:
    found = read("serving")
    clients = found["setting"]["clients"]
    return found["figures"]["one client"], found["figures"][f"{clients} clients"], clients

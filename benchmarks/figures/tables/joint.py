"""Tables about training together: against networks of single tasks, on known sets and on tables."""

from collections.abc import Iterable
from statistics import median
from typing import Any

from benchmarks.figures.tables.registry import markdown, shown, table
from benchmarks.figures.values import interval, number, read

SETS = {
    "tox21": ("Tox21, 12 assays, random split, missing labels", "ROC-AUC"),
    "sarcos-equal-parameters": ("SARCOS (its test part), 7 torques, as many parameters", "R²"),
    "sarcos": ("SARCOS, layers of the same width", "R²"),
    "census": ("Census-Income, 2 tasks", "ROC-AUC"),
    "fashion": ("Fashion titles, 7 labels", "accuracy"),
    "spoken-digits": ("Spoken digits, digit and speaker", "accuracy"),
    "multi-mnist": ("Multi-MNIST, 2 digits", "accuracy"),
}
"""Sets of joint training -> what they are, and the metric."""
METHODS = {"uncertainty": "uncertainty", "famo": "FAMO", "db-mtl": "DB-MTL", "fixed grid": "fixed weights",
           "upgrad": "UPGrad", "nash-mtl": "Nash-MTL"}  # fmt: skip


MEAN = "mean metric"
BASELINES = ("balancer:equal", "architecture:hard")
"""One and the same: equal weights and hard sharing."""


def _methods(name: str) -> dict[str, Any]:
    return read(f"joint-{name}")["figures"]["methods"]


@table("joint.separate")
def separate() -> str:
    """Separate, equal weights, and the best balancing here, by set."""
    rows = []
    for name, (label, metric) in SETS.items():
        found = _methods(name)
        best = _best(found)
        rows.append([
            label,
            metric,
            shown(found["separate"][MEAN], 3),
            shown(found["equal"][MEAN], 3),
            "(equal weights)" if best == "equal" else f"{METHODS[best]} {shown(found[best][MEAN], 3)}",
            shown(found["equal"]["delta_m"], 2),
            clear(found["equal"]),
        ])  # fmt: skip
    header = ["set", "metric", "separate", "together, equal weights", "best balancing here"]
    return markdown([*header, "Δm, equal weights", "tasks clearly better, worse"], rows)


def _best(found: dict[str, Any]) -> str:
    """Return the method of the largest mean metric; equal weights where they are as good to 3 digits."""
    means = {name: interval(row[MEAN])[0] for name, row in found.items() if name != "separate"}
    best = max(means, key=means.__getitem__)
    return "equal" if round(means["equal"], 3) == round(means[best], 3) else best


def clear(found: dict[str, Any]) -> str:
    """Return how many tasks are clearly better and worse, by p-values that Holm adjusted for all tasks."""
    gains = {task: interval(told.split("(")[1])[0] for task, told in found["tasks"].items()}
    sure = [gains[task] > 0 for task, p in found["p-values, Holm"].items() if p is not None and p < 0.05]
    return f"{sum(sure)}, {len(sure) - sum(sure)} of {len(gains)}"


def comparison_of_all() -> dict[str, Any]:
    """Return the lines of all methods by set."""
    return {name: rows for name, rows in read("every-method")["figures"].items() if name != "cells"}


def usual_time(lines: Iterable[dict[str, Any]]) -> float:
    """Return the median over sets of a method's time beside equal weights; 0 where it diverged on all."""
    return median([line["time"] for line in lines if "time" in line] or [0.0])


@table("joint.every-method")
def every_method() -> str:
    """What each balancer and architecture gains over equal weights with hard sharing, the best first."""
    sets = comparison_of_all()
    lines = {
        method: [rows[method] for rows in sets.values()]
        for method in next(iter(sets.values()))
        if method not in BASELINES
    }
    shares = {
        method: sum(interval(line["gain"])[0] for line in found) / len(found)
        for method, found in lines.items()
        if all("gain" in line for line in found)
    }
    order = sorted(shares, key=lambda method: -shares[method])
    order += [method for method in lines if method not in shares]
    rows = [
        [
            (method if kind == method else f"`{kind}`") + ("" if prefix == "balancer" else ARCHITECTURE),
            *(_gain(line) for line in lines[method]),
            _times(lines[method]),
        ]
        for method in order
        for prefix, _, kind in [method.rpartition(":")]
    ]
    labels = [SETS[name][0].split(",")[0] if name in SETS else WATER for name in sets]
    return markdown(["", *labels, "time"], rows)


ARCHITECTURE, WATER = ", architecture", "Water quality"


def _gain(line: dict[str, Any]) -> str:
    if "failed" in line:
        return "diverged"
    text = shown(line["gain"], 2, plus=True)
    return text if line["verdict"] == "no clear difference" else f"**{text}**"


def _times(lines: list[dict[str, Any]]) -> str:
    found = usual_time(lines)
    return f"{number(found, 1)}x" if found else ""


@table("joint.every-method-counts")
def every_method_counts() -> str:
    """How many of the comparisons are clear, by themselves and together."""
    lines = [
        line
        for rows in comparison_of_all().values()
        for method, line in rows.items()
        if method not in BASELINES and "gain" in line
    ]
    better, worse = (sum(line["verdict"] == word for line in lines) for word in ("better", "worse"))
    sure = [line for line in lines if (line["p-value, Holm"] or 1.0) < 0.05]
    return (
        f"Of {len(lines)} comparisons {better} are clearly better by their own interval and {worse} clearly "
        f"worse; chance alone would show {number(len(lines) * 0.025, 0)} of each. After Holm's correction "
        f"for all methods of a set {sum(line['verdict'] == 'better' for line in sure)} are better and "
        f"{sum(line['verdict'] == 'worse' for line in sure)} worse."
    )


@table("joint.pilots")
def pilots() -> str:
    """What a pilot said, beside what was measured."""
    rows = []
    order = (
        "sarcos-equal-parameters",
        "sarcos",
        "tox21",
        "spoken-digits",
        "census",
        "fashion",
        "multi-mnist",
    )
    labels = {"sarcos-equal-parameters": "SARCOS, as many parameters", "sarcos": "SARCOS, equal width"}
    for name in order:
        found = read(f"pilot-{name}")["figures"]
        pilot, measured = found["mean gain, predicted and measured"]
        label = labels.get(name, SETS[name][0].split(",")[0])
        rank = found.get("rank correlation")
        rows.append([
            label,
            number(pilot, 2),
            number(measured, 2),
            str(found["same sign"]),
            "—" if rank is None else number(rank, 2),
        ])  # fmt: skip
    return markdown(
        [
            "set",
            "mean gain, pilot, %",
            "measured, %",
            "tasks of the same sign",
            "rank correlation over tasks",
        ],
        rows,
    )


@table("mulan")
def mulan() -> str:
    """Return aRRMSE on Mulan's tables."""
    ways = {
        "random forests": "random forest per target",
        "boosted trees": "boosted trees per target",
        "TabM per target": "network per target",
        "joint TabM, equal weights": "joint network, equal weights",
        "joint TabM, uncertainty": "joint network, uncertainty",
    }
    found = read("mulan")["figures"]
    rows = [
        [name, *(shown(found[name][way]["aRRMSE"], 3) for way in ways.values())] for name in sorted(found)
    ]
    return markdown(["table", *ways], rows)


@table("tables")
def tables() -> str:
    """The default of `fit` beside its rivals on 20 tables."""
    found = read("tables")["figures"]["first metric"]
    ranks, by_table, wins = found["mean rank over targets"], found["mean rank by table"], found["wins"]
    rows = []
    for name in sorted(ranks, key=ranks.__getitem__):
        ours = name == "polytask, default"
        two = [number(ranks[name], 2), number(by_table[name], 2)]
        won = ["", ""] if ours else _won(wins[name])
        rows.append(
            ["**`polytask.fit`**" if ours else name, *(f"**{cell}**" if ours else cell for cell in two), *won]
        )
    for name in sorted(wins.keys() - ranks.keys()):
        label = f"{name} ({wins[name]['targets']} targets)"
        rows.append([label, "", "", *_won(wins[name])])
    header = [
        "method",
        f"mean rank of {len(ranks)} (targets)",
        "mean rank (tables)",
        "`polytask.fit` is better on, % of targets",
        "on average by table, %",
    ]
    return markdown(header, rows)


def _won(found: dict[str, Any]) -> list[str]:
    return [number(found["% of targets"], 1), number(found["% averaged by table"], 1)]


@table("behind")
def behind(*names: str) -> str:
    """By how many percent `polytask.fit` is behind the best other one on tables, least and most."""
    ratios = read("tables")["figures"]["first metric"]["ratio to the best other one, by table"]
    found = sorted(100 * (ratios[name] - 1) for name in names)
    ends = dict.fromkeys([number(found[0], 0), number(found[-1], 0)])
    return " to ".join(ends)

"""What the catalogues say of each method, made of the results of the comparisons of all methods."""

import json
from typing import Any

from benchmarks.figures.tables.few_shot import over_seeds
from benchmarks.figures.tables.joint import BASELINES, comparison_of_all, usual_time
from benchmarks.figures.values import MissingError, read

from polytask.core.verdicts import VERDICTS_FILE

__all__ = ["VERDICTS_FILE", "verdicts"]

PREFIXES = {"balancer": "balancing", "architecture": "architecture"}


def verdicts() -> str:
    """Return the content of the file that the package reads."""
    content = {"balancing": {}, "architecture": {}, "learner": _learners()} | _joint()
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _joint() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {kind: {} for kind in PREFIXES.values()}
    try:
        sets = comparison_of_all()
    except MissingError:
        return found
    for method in next(iter(sets.values())):
        prefix, _, name = method.partition(":")
        if prefix not in PREFIXES:
            continue
        lines = {one: rows[method] for one, rows in sets.items()}
        entry: dict[str, Any] = {
            "sets": {
                one: {"verdict": "failed"}
                if "failed" in line
                else {"verdict": line["verdict"], "gain": line["gain"]}
                for one, line in lines.items()
            },
            "time": round(usual_time(lines.values()), 2),
        }
        if method in BASELINES:
            entry = {"baseline": True, "sets": list(sets)}
        found[PREFIXES[prefix]][name] = entry
    return found


def _learners() -> dict[str, Any]:
    found = read("glyph-learners")["figures"]
    rivals = {name: over_seeds(found[name])[0] for name in ("prototypes", "pixels")}
    return {
        name: {"accuracy": over_seeds(cell)[0]} | rivals
        for name, cell in found.items()
        if name not in rivals or name == "prototypes"
    }

"""The rows of committed benchmark results that are about a method, read from their JSON files."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

__all__ = ["Row", "benchmark_rows"]

RESULTS = Path(__file__).parents[2] / "benchmarks"
CALLED = {
    "ProtoNet": "prototypes",
    "Baseline++": "cosine-fine-tuning",
    "TNP-D": "TNPD",
    "equal weights": "equal",
    "plastic": "PlasticNetwork",
    "RL2": "RL2",
    "conditional neural process": "CNP",
    "cnp": "ClassCNP",
}
"""What results call a method -> its name in the catalogue, or its class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A figure about a method.

    Args:
        method: As the results call it, or the name of the catalogue that this stands for.
        benchmark: What was measured, on what.
        figure: The value with its unit.
        file: The results, below ``benchmarks/``.
    """

    method: str
    benchmark: str
    figure: str
    file: str


@cache
def benchmark_rows() -> dict[str, tuple[Row, ...]]:
    """Return all rows by method, its name in lower case."""
    found: dict[str, list[Row]] = {}
    for read in (
        _joint,
        _mulan,
        _two_objectives,
        _solvers,
        _omniglot,
        _episodes,
        _tables,
        _functions,
        _others,
        _speed,
    ):
        for row in read():
            key = CALLED.get(row.method, row.method).lower()
            found.setdefault(key, []).append(row)
    return {name: tuple(rows) for name, rows in found.items()}


def _read(path: str) -> dict[str, Any]:
    return json.loads((RESULTS / path).read_text(encoding="utf-8"))


def _joint() -> Iterator[Row]:
    for path in sorted(RESULTS.glob("quality/results/joint-*.json")):
        results = json.loads(path.read_text(encoding="utf-8"))
        metric = results["setting"]["metric"]
        methods = results["figures"]["methods"]
        for method, found in methods.items():
            if "delta_m" not in found:
                continue
            yield Row(
                method=method,
                benchmark=f"{path.stem.removeprefix('joint-')}, joint training: mean {metric} "
                f"(single-task networks {methods['separate']['mean metric']})",
                figure=f"{found['mean metric']}; Δm {found['delta_m']} %",
                file=f"quality/results/{path.name}",
            )


def _mulan() -> Iterator[Row]:
    file = "quality/results/mulan.json"
    tables = _read(file)["figures"]
    names = {name for table in tables.values() for name in table if name.startswith("joint network, ")}
    for name in sorted(names):
        values = [float(table[name]["aRRMSE"].split()[0]) for table in tables.values() if name in table]
        single = [float(table["network per target"]["aRRMSE"].split()[0]) for table in tables.values()]
        yield Row(
            method=name.removeprefix("joint network, "),
            benchmark=f"{len(values)} tables of Mulan: mean aRRMSE, less is better "
            f"(network per target {sum(single) / len(single):.3f})",
            figure=f"{sum(values) / len(values):.3f}",
            file=file,
        )


def _two_objectives() -> Iterator[Row]:
    file = "quality/results/two_objectives.json"
    for name, found in _read(file)["figures"].items():
        method, _, scale = name.partition(", first objective x ")
        yield Row(
            method=method,
            benchmark=f"two objectives in conflict, the first times {scale}: "
            "distance of five runs to the Pareto set",
            figure=", ".join(f"{value:g}" for value in found["distance to the Pareto set"]),
            file=file,
        )


def _solvers() -> Iterator[Row]:
    file = "speed/results/solvers.json"
    cells = _read(file)["figures"]["cells"]
    for method in sorted({cell["method"] for cell in cells}):
        sizes = sorted({cell["n_tasks"] for cell in cells if cell["method"] == method})
        times = [
            median(c["ours_ms"] for c in cells if c["method"] == method and c["n_tasks"] == size)
            for size in sizes
        ]
        yield Row(
            method=method,
            benchmark="weights from a Gramian, " + ", ".join(map(str, sizes)) + " tasks: milliseconds",
            figure=", ".join(f"{time:.2f}" if time < 10 else f"{time:.0f}" for time in times),
            file=file,
        )


def _omniglot() -> Iterator[Row]:
    file, aside = "quality/results/omniglot.json", ", transductive by BatchNorm"
    for method, found in _read(file)["figures"].items():
        for episode, figure in found["over seeds"].items():
            transductive = any(
                seed.get(episode, {}).get("transductive") for seed in found["by seed"].values()
            )
            yield Row(
                method={"r2d2": "ridge"}.get(method, method),
                benchmark=f"Omniglot, {episode}{aside if transductive else ''}: accuracy",
                figure=f"{figure} %",
                file=file,
            )


def _episodes() -> Iterator[Row]:
    file = "quality/results/few-shot-text.json"
    for encoder, splits in _read(file)["figures"].items():
        for split, methods in splits.items():
            for method, found in methods.items():
                for episode, figure in found["over seeds"].items():
                    if "gain" not in episode and encoder == "minilm":
                        yield Row(
                            method=method,
                            benchmark=f"intents, {split} split, frozen MiniLM, {episode}: accuracy",
                            figure=f"{figure} %",
                            file=file,
                        )
    file = "quality/results/few-shot-speech.json"
    for method, found in _read(file)["figures"].items():
        for shot, figure in found["over speakers"].items():
            yield Row(
                method=method,
                benchmark=f"digits of a new speaker, {shot}: accuracy",
                figure=f"{figure} %",
                file=file,
            )


def _tables() -> Iterator[Row]:
    file = "quality/results/few-shot-tables.json"
    for dataset, found in _read(file)["figures"].items():
        for labels, methods in found["by labels"].items():
            for method, values in methods.items():
                if isinstance(values, dict) and "explained" in values:
                    yield Row(
                        method=method,
                        benchmark=f"new tasks of {dataset}, {labels}: explained variance",
                        figure=f"{values['explained']} %",
                        file=file,
                    )
    file = "quality/results/few-shot-molecules.json"
    for part, found in _read(file)["figures"].items():
        for method, by_labels in found["methods"].items():
            if method == "conditional neural process":
                for labels, values in by_labels.items():
                    yield Row(
                        method=method,
                        benchmark=f"activity at a new protein ({part}), {labels}: R²",
                        figure=values["R2"],
                        file=file,
                    )


def _functions() -> Iterator[Row]:
    file = "quality/results/gaussian_processes.json"
    figures = _read(file)["figures"]
    for method, found in figures.items():
        if not isinstance(found, dict) or "mean" not in found.get("rbf", {}):
            continue
        for kernel in ("rbf", "matern", "periodic"):
            value = found[kernel]
            yield Row(
                method=method,
                benchmark=f"functions of a Gaussian process ({kernel}), 4,000 steps: log-likelihood a point "
                f"(exact posterior {figures['exact'][kernel]['log_likelihood']:.2f})",
                figure=f"{value['mean']:.2f} ± {value['half_width_over_seeds']:.2f}",
                file=file,
            )
    file = "quality/results/sinusoid.json"
    runs = [
        found["MAML"]["error"] for name, found in _read(file)["figures"].items() if name.startswith("seed")
    ]
    for steps in ("1", "10"):
        yield Row(
            method="maml",
            benchmark=f"sinusoids, 10 points, after {steps} inner steps, three seeds: mean squared error",
            figure=", ".join(f"{run[steps]['mean']:.3f}" for run in runs),
            file=file,
        )


def _others() -> Iterator[Row]:
    file = "quality/results/plasticity.json"
    for method, found in _read(file)["figures"].items():
        for size in ("5 patterns", "20 patterns"):
            yield Row(
                method=method,
                benchmark=f"associations learnt within an episode, {size}: accuracy (chance 20 %)",
                figure=f"{found[size]} %",
                file=file,
            )
    file = "quality/results/meta-rl.json"
    for problem, methods in _read(file)["figures"].items():
        for method, found in methods.items():
            if "total reward" in found and method in ("RL2", "MAML"):
                yield Row(
                    method={"MAML": "MAMLPolicy"}.get(method, method),
                    benchmark=f"bandits never seen, {problem}: reward; "
                    f"at random {methods['random']['total reward']}",
                    figure=found["total reward"],
                    file=file,
                )
    file = "quality/results/frozen-encoders.json"
    for data, encoders in _read(file)["figures"].items():
        for encoder, found in encoders.items():
            yield Row(
                method=f"encoder {encoder}",
                benchmark=f"{data}, class means on frozen vectors: accuracy; milliseconds an item",
                figure=f"{found['accuracy']}; {found['ms an item']}",
                file=file,
            )


def _speed() -> Iterator[Row]:
    file = "speed/results/balancing.json"
    engines = {"features": "features", "exact": "exact", "loop": "loop", "streamed": "streamed"}
    for network, cells in _read(file)["figures"].items():
        for label, engine in engines.items():
            yield Row(
                method=f"engine {engine}",
                benchmark=f"a step, {network}: times the summed loss; MiB",
                figure=f"{cells[label]['ms'] / cells['sum']['ms']:.2f}; {cells[label]['mib']:.0f}",
                file=file,
            )
    for file, machine in (
        ("speed/results/meta.json", "2 CPU cores"),
        ("speed/results/meta_cuda.json", "H100"),
    ):
        for problem, cells in _read(file)["figures"].items():
            for execution, found in cells.items():
                if isinstance(found, dict) and "ms" in found:
                    yield Row(
                        method=f"execution {execution}",
                        benchmark=f"{problem}, {machine}: milliseconds "
                        f"(a plain loop {cells['plain loop']['ms']:g})",
                        figure=f"{found['ms']:g}",
                        file=file,
                    )

"""A self-contained HTML report: one file, no network."""

import platform
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from polytask.core import MissingPackageError
from polytask.core.files import rehearse_write, user_path, write_atomically
from polytask.core.names import counted, printable, short_name
from polytask.models.few_shot_results import FewShotResults
from polytask.models.table_results import FitResults
from polytask.report.metric_text import gain_text, interval_text, metric_text
from polytask.report.plots import accuracy_plot, drawing, gain_plot
from polytask.version import __version__

__all__ = ["check_report", "write_report"]


def check_report(path: str | Path) -> None:
    """Try whether a report can be written; ask before the work that it tells of, not after it.

    Raises:
        MissingPackageError: jinja2 or matplotlib is not installed.
        InputError: The file cannot be written.
    """
    _environment()
    with drawing():
        rehearse_write(user_path(path))


def write_report(
    path: str | Path,
    *,
    title: str,
    lead: str,
    tables: Mapping[str, FitResults] | None = None,
    few_shot: Mapping[str, Sequence[FewShotResults]] | None = None,
    episodes: Mapping[str, tuple[str, str]] | None = None,
    questions: Sequence[tuple[str, str]] = (),
    picture: str | None = None,
) -> Path:
    """Write results as one HTML file with its pictures inside.

    Args:
        path: The file.
        title: Its heading.
        lead: One sentence below the heading.
        tables: Results of `polytask.fit` by name.
        few_shot: Results of `polytask.learn` on the same episodes, by name of the source.
        episodes: For a source, a picture of one episode (see `episode_plot`) and its caption.
        questions: What was asked, and the answer in a sentence; they come first.
        picture: One picture of the answers, as SVG (see `verdict_plot`).

    Raises:
        MissingPackageError: jinja2 or matplotlib is not installed.
    """
    environment = _environment()
    template = environment.from_string(
        (files("polytask.report") / "page.html.j2").read_text(encoding="utf-8")
    )
    text = template.render(
        title=printable(title),
        lead=printable(lead),
        tables=[_table(name, results) for name, results in (tables or {}).items()],
        questions=[(printable(asked), printable(answer)) for asked, answer in questions],
        picture=picture,
        few_shot=[
            _few_shot(name, found, (episodes or {}).get(name)) for name, found in (few_shot or {}).items()
        ],
        footer=(
            f"polytask {__version__}, torch {torch.__version__}, Python {platform.python_version()}, "
            f"{platform.machine()} with {torch.get_num_threads()} threads."
        ),
    )
    target = user_path(path)
    write_atomically(target, lambda file: file.write(text.encode()))
    return target


def _environment() -> Any:
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise MissingPackageError("jinja2", extra="report", purpose="the HTML report") from error
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _table(name: str, results: FitResults) -> dict[str, Any]:
    counts = {
        verdict: sum(found.verdict == verdict for found in results.tasks) for verdict in ("helped", "hurt")
    }
    rows = [
        {
            "task": short_name(found.task, 200),
            "metric": metric_text(found.metric),
            "separate": interval_text(found.baseline.get(found.metric), found.metric),
            "joint": interval_text(found.joint.get(found.metric), found.metric),
            "gain": gain_text(found.gain),
            "verdict": found.verdict,
        }
        for found in results.tasks
    ]
    at_once = " at once" if len(results.tasks) > 1 else ""
    if results.groups:
        text = "; ".join(", ".join(short_name(name) for name in group) for group in results.groups)
        at_once = f", with networks of their own for each of {len(results.groups)} groups ({text})"
    sentence = f"One model learned {counted(len(results.tasks), 'target')}{at_once}."
    within = " in groups" if results.groups else ""
    if results.delta_m is not None:
        sentence += (
            f" Against a separate model for each target, joint training{within} clearly helped "
            f"{counts['helped']} and clearly hurt {counts['hurt']}; the average gain Δm is "
            f"{results.delta_m.format(1)} %."
        )
    parameters = f"{results.n_parameters['joint']:,} numbers are trained jointly"
    if results.n_parameters["separate"]:
        parameters += f", {results.n_parameters['separate']:,} in the separate models together"
    names = {"table": "in the table", "labelled": "with a label", "judged": "judged"}
    rows_text = ", ".join(f"{count} {names.get(part, part)}" for part, count in results.rows.items())
    return {
        "name": short_name(name, 200),
        "sentence": sentence,
        "rows": rows,
        "delta": None if results.delta_m is None else results.delta_m.format(1),
        "figure": gain_plot(results) if results.delta_m is not None else None,
        "note": (
            f"Figures are of held-out rows: {_dealt(results)}, and each row is judged by networks that were "
            "not trained on it. The 95 % intervals come from leaving out blocks of rows (jackknife); gains "
            "are paired row by row, and verdicts adjusted for the number of targets (Holm). Rows: "
            f"{rows_text}. {parameters}."
        ),
        "messages": [printable(message) for message in results.messages],
        "shortfall": printable(results.shortfall() or ""),
    }


def _dealt(results: FitResults) -> str:
    again = f" {results.n_repeats} times" if results.n_repeats > 1 else ""
    return f"rows were dealt into {counted(results.n_folds, 'fold')}{again}"


def _few_shot(
    name: str, results: Sequence[FewShotResults], episode: tuple[str, str] | None
) -> dict[str, Any]:
    first = results[0]
    rows = [_few_shot_row("pixel nearest mean", first.baseline, "0", "0")]
    rows += [
        _few_shot_row(found.learner, found.score, f"{found.n_parameters:,}", f"{found.seconds:.0f}")
        for found in results
    ]
    picture, caption = episode or (None, "")
    classes = ", ".join(f"{count} {part}" for part, count in first.n_classes.items())
    return {
        "name": short_name(name, 200),
        "sentence": (
            f"After training on known classes, each learner gets "
            f"{counted(first.shot, 'example')} of each of {first.way} classes it has never seen, and names "
            "new images."
        ),
        "rows": rows,
        "figure": accuracy_plot(results),
        "shortfalls": [printable(found.warning) for found in results if found.warning is not None],
        "episode": picture,
        "caption": printable(caption),
        "note": (
            f"Means over {counted(first.n_episodes, 'episode')} with 95 % intervals, the same ones for all. "
            f"Classes: {classes}. Inductive: every query is answered alone."
        ),
    }


def _few_shot_row(learner: str, score: Any, parameters: str, seconds: str) -> dict[str, str]:
    return {
        "learner": short_name(learner),
        "accuracy": score.interval.format(1, scale=100),
        "kind": "transductive" if score.transductive else "inductive",
        "parameters": parameters,
        "seconds": seconds,
    }

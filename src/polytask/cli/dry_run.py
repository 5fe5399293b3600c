"""``--dry-run``: what a command would do, laid out for the terminal."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polytask.cli.failures import spoken
from polytask.cli.tables import facts
from polytask.cli.terminal import show
from polytask.core.names import counted

if TYPE_CHECKING:  # `--help` needs no torch
    from rich.console import RenderableType

    from polytask.fitting.planned_fit import PlannedFit

__all__ = [
    "DryRun",
    "show_planned_adapting",
    "show_planned_comparison",
    "show_planned_fit",
    "show_planned_learning",
    "show_planned_tasks",
    "show_planned_update",
]

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Read and check everything, say what would be done, and train and write nothing."
    ),
]
_MOST_NAMED = 8  # columns of a kind


def show_planned_fit(planned: "PlannedFit", *, output: Path, as_json: bool) -> None:
    """Write what ``polytask fit`` would do."""
    rows = list(_table_rows(planned.table))
    for one in planned.trainings:
        steps = f"at most {counted(one.epochs, 'epoch')} of {counted(one.steps_an_epoch, 'step')}"
        networks = f"{counted(one.networks, 'network')} of {one.parameters:,} weights"
        rows.append((one.title, f"{networks}, {steps}"))
    rows.append(("time", _time(planned.most_seconds)))
    memory = _peak_bytes()
    if memory is not None:
        rows.append(("memory", f"about {memory / 2**20:,.0f} MB, the most that this took until now"))
    rows.append(("output", f"a model in {output}"))
    summary = {**planned.to_json(), "memory_bytes": memory, "output": str(output), "dry_run": True}
    show(summary, as_json=as_json, lines=_lines(rows, planned.messages))


def show_planned_comparison(planned: Mapping[str, Any], *, output: Path, as_json: bool) -> None:
    """Write what ``polytask compare`` would do."""
    rows = list(_table_rows(planned))
    rows += [(one["name"], _candidate_text(one)) for one in planned["candidates"]]
    done = f", {planned['cells_done']} of them done" if planned["cells_done"] else ""
    settings = f"{counted(planned['trials'], 'setting')} to choose from"
    if planned["search"] is not None:
        settings = f"{planned['search']} settings tried in each, of candidates with something to choose"
    rows.append(("cells", f"{planned['cells']} (a candidate in a fold){done}, {settings}"))
    rows.append(("processes", f"{planned['workers']}"))
    rows.append(("output", f"a comparison in {output}"))
    summary = {**planned, "output": str(output), "dry_run": True}
    show(summary, as_json=as_json, lines=_lines(rows, planned["messages"]))


def _candidate_text(candidate: Mapping[str, Any]) -> str:
    """Say what a candidate is, and what is searched."""
    if "space" not in candidate:
        return candidate["words"]
    from polytask.compare.search_space import space_from_json, space_text

    sides = [space_text(space_from_json(candidate["space"][side])) for side in ("numbers", "classes")]
    texts = [f"{text} for {side}" for text, side in zip(sides, ("numbers", "classes"), strict=True) if text]
    searched = sides[0] if sides[0] == sides[1] else "; ".join(texts)
    return f"{candidate['words']}: {searched or 'its usual settings, as it has nothing to choose from'}"


def show_planned_learning(planned: Mapping[str, Any], *, output: Path, as_json: bool) -> None:
    """Write what ``polytask learn`` would do."""
    images, training = planned["read_as"], planned["training"]
    rows = [("source", planned["source"])]
    for part, n_classes in planned["classes"].items():
        n_images = counted(planned["images"][part], "image")
        rows.append((f"{part} part", f"{counted(n_classes, 'class', 'classes')}, {n_images}"))
    colour = "grey" if images["channels"] == 1 else "colour"
    rows.append(("read as", f"{images['size']} x {images['size']}, {colour}"))
    rows.append(("learner", f"{planned['learner']}, {planned['way']}-way {planned['shot']}-shot"))
    if "trials" in planned:
        trials = planned["trials"]
        tried = f"{', '.join(trials['learners'])}, {counted(trials['steps'], 'step')} each"
        rows.append(("trials", f"{tried}; validation classes choose"))
        rows.append(("for example", trials["learners"][0]))
    rows.append(("weights", f"{planned['parameters']:,}"))
    what = (
        f"{counted(training['images_a_step'], 'image')}"
        if "images_a_step" in training
        else f"{counted(training['episodes_per_step'], 'episode')}, {training['train_way']}-way, "
        f"{training['n_query']} queries a class"
    )
    rows.append(("training", f"{counted(training['steps'], 'step')} of {what}"))
    rows.append(("judging", f"{counted(planned['test_episodes'], 'episode')} of unseen classes"))
    rows.append(("output", f"a model in {output}"))
    show({**planned, "output": str(output), "dry_run": True}, as_json=as_json, lines=_lines(rows, ()))


def show_planned_tasks(planned: Mapping[str, Any], *, output: Path, as_json: bool) -> None:
    """Write what ``polytask learn --task-column`` would do."""
    rows = [
        ("rows", f"{planned['rows']} with a label"),
        ("target", f"{planned['target']}, {planned['kind']}"),
        ("tasks", f"{planned['tasks']} of the column {planned['task_column']}"),
        ("features", f"{planned['features']} numbers a row"),
        ("learner", ", ".join(planned["learners"])),
    ]
    if "folds" in planned:
        rows.append(("tried on", f"{counted(planned['folds'], 'fold')} of whole tasks"))
    if "steps" in planned:
        told = f"{counted(planned['steps'], 'step')} of {counted(planned['episodes'], 'episode')}"
        rows.append(("training", told))
    rows.append(("output", f"a model in {output}"))
    summary = {**planned, "output": str(output), "dry_run": True}
    show(summary, as_json=as_json, lines=_lines(rows, planned["messages"]))


def show_planned_adapting(planned: Mapping[str, Any], *, output: Path, as_json: bool) -> None:
    """Write what ``polytask adapt`` would do, or ``polytask learn`` with examples."""
    rows = []
    if "examples" in planned:
        rows.append(("examples", counted(planned["examples"], planned["kind"])))
    classes = planned.get("classes")
    if isinstance(classes, Mapping):
        rows.append(("classes", _some([f"{name} ({count})" for name, count in classes.items()])))
    elif classes is not None:
        rows.append(("classes", _some(classes)))
    if planned.get("new_classes"):
        rows.append(("new classes", _some(planned["new_classes"])))
    if "encoders" in planned:
        rows.append(("encoders", " and ".join(planned["encoders"])))
    if "heads" in planned:
        choice = "; left-out examples choose" if len(planned["heads"]) > 1 else ""
        rows.append(("head", f"{', '.join(planned['heads'])}{choice}"))
    if "tasks" in planned:
        rows.append(("new tasks", _some(planned["new_tasks"]) or "none"))
        rows.append(("tasks in all", f"{planned['tasks']}"))
    if "rows" in planned:
        rows.append(("more rows", f"{planned['rows']}"))
    if "labels" in planned:
        rows.append(("labels", _some([f"{name} ({count})" for name, count in planned["labels"].items()])))
    rows.append(("output", f"a model in {output}"))
    summary = {**planned, "output": str(output), "dry_run": True}
    show(summary, as_json=as_json, lines=_lines(rows, planned.get("messages", ())))


def show_planned_update(planned: Mapping[str, Any], *, output: Path, as_json: bool) -> None:
    """Write what ``polytask update`` would do."""
    new, known = planned["new_task"], planned["known_classes"]
    rows = [
        ("new task", _some(new["classes"])),
        ("learned from", f"{counted(new['support'], 'image')}; {new['queries']} others judge"),
        (
            "replayed",
            f"{counted(planned['n_replayed'], 'task')} a step of {known['train']} classes of "
            f"{planned['replay']}",
        ),
        (
            "guarded by",
            f"{counted(planned['n_episodes'], 'episode')} of {known['validation']} held-out classes",
        ),
        ("training", f"{counted(planned['steps'], 'step')}, learning rate {planned['learning_rate']:g}"),
        ("output", f"a model in {output}, unless the guard undoes it"),
    ]
    show({**planned, "output": str(output), "dry_run": True}, as_json=as_json, lines=_lines(rows, ()))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _table_rows(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Lay out what was made of a table."""
    rows = table["rows"]
    yield "rows", f"{rows['table']}, {rows['labelled']} of them with a label"
    for target in table["targets"]:
        classes = f", {target['classes']} classes" if target["classes"] else ""
        yield f"target {target['name']}", f"{target['kind']}{classes}, {counted(target['labels'], 'label')}"
    for role, name in table["roles"].items():
        n_tasks = f", {counted(table['tasks'], 'task')}" if role == "task_column" else ""
        yield role.replace("_", " "), f"{name}{n_tasks}"
    if "task_sampling" in table:
        yield "task sampling", _sampling_text(table)
    if table.get("groups"):
        yield "groups", "; ".join(", ".join(group) for group in table["groups"])
    for kind, names in table["columns"].items():
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        yield kind, f"{counted(len(names), 'column')}: {', '.join(names[:_MOST_NAMED])}{more}"
    yield "features", f"{table['features']} numbers a row"
    for name, reason in table["left_out"].items():
        yield f"left out {name}", reason
    few, many = table["held_out_rows"]
    sizes = f"{few} rows" if few == many else f"{few} to {many} rows"
    repeats = f", {len(table['folds'])} times" if len(table["folds"]) > 1 else ""
    yield "folds", f"{table['folds'][0]} of {sizes}{repeats}"


def _sampling_text(table: Mapping[str, Any]) -> str:
    """Say what is drawn, or weighed, by a law of task sampling."""
    law = table["task_sampling"]
    if "shares_of_targets" in table:
        shares = [f"{name} {100 * share:.3g} %" for name, share in table["shares_of_targets"].items()]
        return f"{law}: {_some(shares)} of the common loss"
    of_tasks = "task_column" in table["roles"]
    return f"{law}: {'rows are drawn by their task' if of_tasks else 'it weighs the losses of targets'}"


def _lines(rows: Sequence[tuple[str, str]], messages: Sequence[str]) -> "list[RenderableType]":
    notes = [f"note: {spoken(message)}" for message in messages if " is not used: " not in message]
    return [facts(rows), *notes, "Nothing was trained, and nothing written."]


def _time(most: float | None) -> str:
    if most is None:
        return "not measured: these networks are trained one after the other, until each stops"
    return f"{_spelled(most)} of training at most, by a few steps measured now; targets stop sooner"


def _spelled(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


def _peak_bytes() -> int | None:
    """Return the most memory that this process has held; None where the system does not say."""
    with suppress(ImportError, OSError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
    return None

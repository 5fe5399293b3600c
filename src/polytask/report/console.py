"""Result tables for the terminal."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from polytask.core.names import counted, short_name
from polytask.models.few_shot_results import FewShotResults, LearnerTrial
from polytask.models.in_context_results import TaskLearnerTrial
from polytask.models.learned_features import LearnedFeaturesResults
from polytask.models.table_results import FitResults, TaskResult
from polytask.models.update_results import UpdateResults
from polytask.report.how_judged import BY_ONE_FOLD
from polytask.report.metric_text import gain_text, interval_text, metric_text

__all__ = [
    "FittingTable",
    "feature_map_table",
    "few_shot_table",
    "fit_table",
    "task_trials_table",
    "trials_table",
    "update_table",
]

_COLOURS = {"helped": "green", "hurt": "red"}
_NARROWEST = 16  # columns of the terminal that a name needs at least
_LEFT = ("task", "target", "kind", "metric", "sharing")


def fit_table(results: FitResults) -> RenderableType:
    """Lay out a fit: per task, separate models against joint training.

    Names are wrapped, figures never: where the terminal is too narrow for a table, each task gets a few
    lines.
    """
    title = f"Held-out rows, {counted(results.n_folds, 'fold')}, 95 % intervals"
    compared = any(found.baseline for found in results.tasks)
    group_of = {name: str(index + 1) for index, group in enumerate(results.groups) for name in group}
    headings = ["task", *(["group"] if group_of else []), "metric", *(["separate"] if compared else [])]
    headings += ["in groups" if group_of else "joint", *(["gain %", "sharing"] if compared else [])]
    rows = [_fit_row(found, group=group_of.get(found.task), compared=compared) for found in results.tasks]
    if compared:
        mean = gain_text(results.delta_m)
        rows.append(["Δm", *[mean if heading == "gain %" else "" for heading in headings[1:]]])
    table = FittingTable(title, headings, rows)
    return Group(table, Text(BY_ONE_FOLD, style="dim")) if compared else table


class FittingTable:
    """A table, or blocks of lines where it does not fit.

    Args:
        title: Above it; None for none.
        headings: Of the columns; the first holds names.
        rows: Of text.
        lines: Whether a line parts the headings from the rows.
        narrowest: Columns of the terminal that the first column needs at least.
    """

    def __init__(
        self,
        title: str | None,
        headings: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        lines: bool = True,
        narrowest: int = _NARROWEST,
    ) -> None:
        self.title, self.headings, self.rows, self.lines = title, headings, rows, lines
        self.narrowest = narrowest

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        columns = list(zip(self.headings, *self.rows))[1:]
        needed = self.narrowest + 2 + sum(max(map(cell_len, cells)) + 2 for cells in columns)
        if needed <= options.max_width:
            yield self._table()
        else:
            yield from self._blocks()

    def _table(self) -> Table:
        form = box.SIMPLE_HEAD if self.lines else None
        table = Table(title=self.title, title_justify="left", box=form, pad_edge=self.lines)
        for index, heading in enumerate(self.headings):
            justify = "left" if heading in _LEFT else "right"
            if index:
                table.add_column(heading, no_wrap=True, justify=justify)
            else:
                table.add_column(heading, overflow="fold", justify=justify)
        for row in self.rows:
            if row[0] == "Δm" and row[1] == "":
                table.add_section()
            table.add_row(
                *[Text(text, style=_COLOURS.get(text, "") if index else "") for index, text in enumerate(row)]
            )
        return table

    def _blocks(self) -> Iterator[RenderableType]:
        if self.title is not None:
            yield Text(self.title, style="italic")
        for row in self.rows:
            yield Text(row[0], style="bold")
            for heading, text in list(zip(self.headings, row))[1:]:
                if text:
                    yield Text(f"  {heading}: {text}", style=_COLOURS.get(text, ""))


def _fit_row(found: TaskResult, *, group: str | None, compared: bool) -> list[str]:
    row = [short_name(found.task), *([] if group is None else [group]), metric_text(found.metric)]
    sides = [found.baseline, found.joint] if compared else [found.joint]
    row += [interval_text(side.get(found.metric), found.metric) for side in sides]
    return [*row, gain_text(found.gain), found.verdict] if compared else row


def few_shot_table(results: Sequence[FewShotResults]) -> Table:
    """Lay out few-shot learners on the same held-out episodes."""
    first = results[0]
    n_episodes = counted(first.n_episodes, "episode")
    title = f"{first.way}-way {first.shot}-shot, {n_episodes} of unseen classes, 95 % intervals"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("learner", "accuracy %", "kind"):
        table.add_column(heading, justify="right" if "%" in heading else "left")
    scores = {"pixel nearest mean": first.baseline} | {found.learner: found.score for found in results}
    for name, score in scores.items():
        kind = "transductive" if score.transductive else "inductive"
        table.add_row(Text(short_name(name)), score.interval.format(1, scale=100), kind)
    return table


def update_table(results: UpdateResults) -> RenderableType:
    """Lay out an update: accuracy before and after it on the new task, the guard, and known tasks."""
    sides = {
        f"new task, {counted(results.n_query, 'query', 'queries')}": results.new_task,
        "held-out known classes (guard)": results.guard,
        "test classes": results.known,
    }
    rows = [
        [
            name,
            *(getattr(side, part).format(1, scale=100) for part in ("before", "after", "change")),
            side.words,
        ]
        for name, side in sides.items()
    ]
    title = f"Accuracy %, 95 % intervals, {counted(results.guard.before.n, 'episode')} of known classes"
    return FittingTable(title, ["task", "before", "after", "change", "verdict"], rows)


def trials_table(trials: Sequence[LearnerTrial]) -> RenderableType:
    """Lay out the learners that were tried, and which of them was chosen."""
    rows = [
        [trial.learner, trial.accuracy.format(1, scale=100), "yes" if trial.chosen else ""]
        for trial in trials
    ]
    title = f"Tried for {counted(trials[0].steps, 'step')} each, on validation classes, 95 % intervals"
    return FittingTable(title, ["learner", "accuracy %", "chosen"], rows)


def task_trials_table(trials: Sequence[TaskLearnerTrial]) -> RenderableType:
    """Lay out learners on tasks that they did not see, by how many rows of these were known.

    Of several targets the error is that of the first, and the log density of all together.
    """
    counts = sorted({one.n_rows for trial in trials for one in trial.scores})
    rows = []
    for trial in trials:
        figures = {one.n_rows: next(iter(one.errors.values())).mean for one in trial.scores}
        rows.append(
            [
                trial.learner,
                *(f"{figures[n]:.4g}" if n in figures else "–" for n in counts),
                trial.log_density.format(3),
                "yes" if trial.chosen else "",
            ]
        )
    error = next((name for trial in trials for one in trial.scores for name in one.errors), "rmse")
    of_classes = error == "error_rate"
    what = "share of wrong answers" if of_classes else "root mean squared error"
    if ":" in error:
        what += f" of {short_name(error.partition(':')[2])}"
    density = "log probability" if of_classes else "log density"
    title = (
        f"Held-out tasks: {what} by known rows of a task, and {density} of the labels (higher is better), "
        "95 % intervals"
    )
    heads = [f"{n} row{'' if n == 1 else 's'}" for n in counts]
    return FittingTable(title, ["learner", *heads, density, "chosen"], rows)


def feature_map_table(results: LearnedFeaturesResults) -> RenderableType:
    """Lay out maps of features on held-out known classes, by examples of a class."""
    shots = sorted({shot for by_shot in results.trials.values() for shot in by_shot})
    rows = [
        [
            "none (frozen features)" if name == "none" else f"map {name}",
            *(by_shot[n].format(1, scale=100) if n in by_shot else "–" for n in shots),
            "yes" if name == results.chosen else "",
        ]
        for name, by_shot in results.trials.items()
    ]
    heads = [f"{n} example{'' if n == 1 else 's'}" for n in shots]
    title = "Held-out known classes: accuracy % of class means, 95 % intervals over episodes"
    return FittingTable(title, ["map", *heads, "chosen"], rows)

"""One line that tells a person how far a run is: its phase, what it trains, the time left.

A run opens a `run_line`; whatever it trains inside shows itself there, part after part. A training outside of
any gets a line of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

__all__ = ["RunLine", "RunWatcher", "TrainingBar", "expect", "part", "phase", "run_line", "watched_run"]

_SHOWN = 6
_A_SECOND = 4  # looks at the line; more take time from the training
_EARLY = 0.02  # of a run, before which nobody can tell how long it takes


class RunLine:
    """The line of a run, as long as `run_line` holds it open.

    Args:
        title: What the run is called, at the left.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.progress = _progress(_TimeLeft(), shown=True)
        self._row = self.progress.add_task(title, total=None, details="", began=None)
        self._shares: Sequence[float] = (1.0,)
        self._part = -1

    def phase(self, name: str) -> None:
        """Say what the run is doing, where that has no steps to count."""
        self.progress.update(self._row, description=f"{self.title}: {name}", details="")

    def expect(self, shares: Sequence[float]) -> None:
        """Say how many parts come, and how much work each is; how far the run is starts anew."""
        self._shares, self._part = shares or (1.0,), -1
        row = self.progress.tasks[0]
        self.progress.update(self._row, total=sum(self._shares), completed=0, began=row.get_time())

    def begin(self, title: str) -> None:
        """Begin the next part."""
        if self.progress.tasks[0].total is None:
            self.expect((1.0,))
        self._part = min(self._part + 1, len(self._shares) - 1)
        counted = f" ({self._part + 1} of {len(self._shares)})" if len(self._shares) > 1 else ""
        self.progress.update(self._row, description=f"{self.title}: {title}{counted}", details="")
        self.advance(0.0)

    def advance(self, done: float) -> None:
        """Say how much of the part is done, from 0 to 1."""
        before = sum(self._shares[: self._part])
        self.progress.update(self._row, completed=before + done * self._shares[self._part])

    def details(self, text: str) -> None:
        """Write something at the end of the line."""
        self.progress.update(self._row, details=text)

    def losses(self, latest: Mapping[str, float]) -> None:
        """Leave the figures to `details`."""


class RunWatcher(Protocol):
    """What is told how far a run is: a line in a terminal, or something else; see `watched_run`."""

    def phase(self, name: str) -> None:
        """Say what the run is doing, where that has no steps to count."""
        ...

    def expect(self, shares: Sequence[float]) -> None:
        """Say how many parts come, and how much work each is; how far the run is starts anew."""
        ...

    def begin(self, title: str) -> None:
        """Begin the next part."""
        ...

    def advance(self, done: float) -> None:
        """Say how much of the part is done, from 0 to 1."""
        ...

    def details(self, text: str) -> None:
        """Say something in a few words."""
        ...

    def losses(self, latest: Mapping[str, float]) -> None:
        """Say the latest losses, by task."""
        ...


_OPEN: ContextVar[RunWatcher | None] = ContextVar("line of the run", default=None)


@contextmanager
def watched_run(watcher: RunWatcher) -> Iterator[None]:
    """Let a watcher be told how far the runs in the block are, where they have progress to show.

    Args:
        watcher: It is called in the thread of the run, after every step.
    """
    token = _OPEN.set(watcher)
    try:
        yield
    finally:
        _OPEN.reset(token)


@contextmanager
def run_line(title: str, *, shown: bool) -> Iterator[None]:
    """Show one line for everything in the block; a block inside another has the line of that one.

    Args:
        title: What the run is called.
        shown: False shows nothing; so does an output that is no terminal.
    """
    if not shown or _OPEN.get() is not None:
        yield
        return
    line = RunLine(title)
    token = _OPEN.set(line)
    try:
        with line.progress:
            yield
    finally:
        _OPEN.reset(token)


def phase(name: str) -> None:
    """Say on the line of the run, if there is one, what it is doing."""
    if (line := _OPEN.get()) is not None:
        line.phase(name)


def expect(shares: Sequence[float]) -> None:
    """Tell the line of the run, if there is one, which parts come, by how much work each is."""
    if (line := _OPEN.get()) is not None:
        line.expect(shares)


def part(title: str) -> None:
    """Begin the next part on the line of the run, if there is one, where no `TrainingBar` does."""
    if (line := _OPEN.get()) is not None:
        line.begin(title)


class TrainingBar:
    """Shows the steps done, the losses by task and the best validation score.

    Args:
        n_steps: Steps of the whole training.
        title: Shown at the left.
        shown: False makes a bar that shows nothing; so does an output that is no terminal.
    """

    def __init__(self, n_steps: int, *, title: str = "training", shown: bool = True) -> None:
        self._n_steps, self._title, self._shown = n_steps, title, shown
        self._line: RunWatcher | None = None
        self._progress = _progress(MofNCompleteColumn(), _TimeLeft(), shown=shown)
        self._row = self._progress.add_task(title, total=n_steps, details="", began=None)

    def __enter__(self) -> "TrainingBar":
        self._line = _OPEN.get() if self._shown else None
        if self._line is not None:
            self._line.begin(self._title)
            return self
        self._progress.update(self._row, began=self._progress.tasks[0].get_time())
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._line is not None:
            self._line.advance(1.0)
        self._progress.stop()

    def advance(self, step: int) -> None:
        """Say how many steps are done."""
        if self._line is not None:
            self._line.advance(step / max(self._n_steps, 1))
        elif self._shown:  # rich takes its time also where it draws nothing
            self._progress.update(self._row, completed=step)

    def show(self, losses: Mapping[str, float], score: float | None = None) -> None:
        """Show the latest losses, and the best validation score so far."""
        if not self._shown:
            return
        if self._line is not None:
            self._line.losses(losses)
        parts = [f"{name} {value:.3f}" for name, value in list(losses.items())[:_SHOWN]]
        if len(losses) > _SHOWN:
            parts.append(f"… {len(losses) - _SHOWN} more")
        if score is not None:
            parts.append(f"| best {score:.2f}")
        self.note("  ".join(parts))

    def note(self, text: str) -> None:
        """Write something at the end of the line."""
        if self._line is not None:
            self._line.details(text)
        elif self._shown:
            self._progress.update(self._row, details=text)


class _TimeLeft(ProgressColumn):
    """The time left, by what all that is done has taken: parts differ too much for the last ones to tell."""

    def get_table_column(self) -> Column:
        """Keep the time whole where the terminal is narrow."""
        return Column(no_wrap=True, min_width=9)

    def render(self, task: Task) -> Text:
        began = task.fields.get("began")
        if began is None or not task.total or task.completed <= _EARLY * task.total:
            return Text("")
        seconds = (task.get_time() - began) * (task.total - task.completed) / task.completed
        minutes, seconds = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        spelled = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
        return Text(f"{spelled} left", style="progress.remaining")


def _progress(*columns: Any, shown: bool) -> Progress:
    console = Console(stderr=True)
    room_left = Column(no_wrap=True, overflow="ellipsis", ratio=1)
    return Progress(
        TextColumn(
            "{task.description}", markup=False, table_column=Column(no_wrap=True)
        ),  # may hold brackets
        BarColumn(bar_width=20, table_column=Column(min_width=12)),
        *columns,
        TextColumn("{task.fields[details]}", markup=False, table_column=room_left),
        expand=True,
        console=console,
        refresh_per_second=_A_SECOND,
        disable=not (shown and (console.is_terminal or console.is_jupyter)),  # a log file wants no line
        transient=True,
    )

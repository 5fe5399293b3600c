"""A progress bar with the loss of every task."""

from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["TrainingBar"]

_SHOWN = 6


class TrainingBar:
    """Shows the steps done, the losses by task and the best validation score.

    Args:
        n_steps: Steps of the whole run.
        title: Shown at the left.
        shown: False makes a bar that shows nothing; so does an output that is no terminal.
    """

    def __init__(self, n_steps: int, *, title: str = "training", shown: bool = True) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),  # names may hold brackets
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[losses]}", markup=False),
            console=console,
            disable=not (shown and console.is_terminal),  # a log file wants no bar
            transient=True,
        )
        self._shown = shown
        self._bar = self._progress.add_task(title, total=n_steps, losses="")

    def __enter__(self) -> "TrainingBar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def advance(self, step: int) -> None:
        """Say how many steps are done."""
        if self._shown:  # rich takes its time also where it draws nothing
            self._progress.update(self._bar, completed=step)

    def show(self, losses: Mapping[str, float], score: float | None = None) -> None:
        """Show the latest losses, and the best validation score so far."""
        parts = [f"{name} {value:.3f}" for name, value in list(losses.items())[:_SHOWN]]
        if len(losses) > _SHOWN:
            parts.append(f"… {len(losses) - _SHOWN} more")
        if score is not None:
            parts.append(f"| best {score:.2f}")
        self._progress.update(self._bar, losses="  ".join(parts))

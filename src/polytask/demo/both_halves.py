"""The main job on built-in data: both halves, from raw data to a report."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polytask.core.files import rehearse_write, user_path
from polytask.core.interrupts import interruptible
from polytask.core.one_thread import single_threaded
from polytask.core.watching import watched
from polytask.demo.page import demo_page
from polytask.demo.table_questions import (
    Question,
    ask_about_chicks,
    ask_about_traits,
    ask_helping_world,
    ask_penguins,
)
from polytask.estimators.learn_images import train_few_shot
from polytask.fitting.few_shot_source import ClassSplit, class_split
from polytask.models import FewShotModel, TableModel
from polytask.models.bundle_folder import check_destination
from polytask.models.few_shot_config import FewShotConfig
from polytask.models.few_shot_results import FewShotResults
from polytask.report.page import rehearse_report, write_page
from polytask.train.progress import run_line

__all__ = ["DemoOutcome", "run_demo"]

_LEARNERS = ("simple-shot", "prototypes", "maml")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOutcome:
    """What the demo found.

    Args:
        questions: Joint training against separate models, on three tables.
        few_shot: Learners on unseen scripts of the glyphs.
        report: The HTML file.
        seconds: Wall time of everything.
    """

    questions: Sequence[Question]
    few_shot: Sequence[FewShotResults]
    report: Path
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {
            "tables": {question.name: question.to_json() for question in self.questions},
            "glyphs": [found.to_json() for found in self.few_shot],
            "report": str(self.report),
            "seconds": round(self.seconds, 1),
        }


def run_demo(
    directory: str | Path,
    *,
    repeats: int = 1,
    steps: int = 0,
    n_episodes: int = 600,
    n_tasks: int = 60,
    n_drawings: int = 600,
    n_splits: int = 2,
    progress: bool | None = False,
    command: str | None = None,
    **settings: Any,
) -> DemoOutcome:
    """Ask three tables whether joint training pays, learn to learn glyphs, and write the report and models.

    Args:
        directory: Where ``report.html``, ``penguins/`` and ``glyphs-LEARNER/`` go.
        repeats: How often the rows of the penguins are dealt into folds.
        steps: Training steps of the few-shot learners; 0 for their defaults.
        n_episodes: Held-out episodes.
        n_tasks: Tasks of the generated world.
        n_drawings: Letters whose traits are told.
        n_splits: How often some of the chicks are held out.
        progress: Show one line for the whole run; None where a person watches.
        command: The command line that does the same again, for the report.
        **settings: Of `polytask.fit`, for tests; its defaults otherwise.
    """
    start = time.perf_counter()
    folder = user_path(directory)
    report = folder / "report.html"
    rehearse_report()
    rehearse_write(report)
    check_destination(folder / "penguins", kind=TableModel.kind)
    for name in _LEARNERS:
        check_destination(folder / f"glyphs-{name}", kind=FewShotModel.kind)
    shown = watched() if progress is None else progress
    with run_line("demo", shown=shown), interruptible():
        helping = ask_helping_world(n_tasks=n_tasks, progress=shown, **settings)
        penguins, model = ask_penguins(repeats=repeats, progress=shown, **settings)
        model.save(folder / "penguins")
        traits = ask_about_traits(n_rows=n_drawings, progress=shown, **settings)
        chicks = ask_about_chicks(n_splits=n_splits, progress=shown, **settings)
        questions = (helping, penguins, traits, chicks)
        classes = class_split("glyphs", size=28, seed=0)
        with single_threaded():  # slower by a little on an idle machine, faster by far on a busy one
            models = [_learned(name, classes, steps, n_episodes, progress=shown) for name in _LEARNERS]
    for learned in models:
        learned.save(folder / f"glyphs-{learned.config.learner}")
    few_shot = [learned.results for learned in models if learned.results is not None]
    seconds = time.perf_counter() - start
    page = demo_page(
        questions,
        few_shot,
        episode=next(iter(models[0].details.episodes if models[0].details else ()), None),
        seconds=seconds,
        command=command,
    )
    return DemoOutcome(
        questions=questions, few_shot=few_shot, report=write_page(page, report), seconds=seconds
    )


def _learned(
    learner: str, classes: ClassSplit, steps: int, n_episodes: int, *, progress: bool
) -> FewShotModel:
    config = FewShotConfig.from_json({"learner": learner, "way": 5, "shot": 1, "steps": steps})
    return train_few_shot(
        classes,
        config.filled(n_classes=classes.train.n_classes),
        n_episodes=n_episodes,
        seed=0,
        resume_folder=None,
        accelerator="cpu",
        progress=progress,
    )

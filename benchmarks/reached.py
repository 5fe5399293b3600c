"""Which lines of the source does nobody reach: no command, no estimator, no example, no benchmark?

    python benchmarks/reached.py             # a quarter of an hour on two cores; writes logs/reached.md
    python benchmarks/reached.py commands doors --data DIR     # some of commands, doors, examples, benchmarks
    python benchmarks/reached.py none --data DIR               # the table of what such runs have left there

Everything runs in this process on tiny inputs under ``coverage``. Statements that refuse wrong input
(``raise``) do not count, as the tests try them. What later work opens a door for is counted apart.
"""

import argparse
import contextlib
import io
import os
import runpy
import sys
import tempfile
import time
import traceback
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

import coverage
import numpy as np

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "src" / "polytask"
LOG = HERE / "logs" / "reached.md"

DOORS_TO_COME = {
    "relate/": "`polytask relate`: which tasks help each other",
    "compare/": "`polytask compare`: joint against separate training",
    "rl/": "reinforcement learning over tasks, with Gymnasium",
    "online/": "updates after deployment",
    "selection/": "`learner='auto'`: algorithm selection",
    "meta/model/": "neural processes, prior-fitted and memory learners by name",
    "data/episodes/associations": "memory learners by name",
    "data/episodes/context_episodes": "neural processes by name",
    "data/episodes/functions": "neural processes by name",
    "data/episodes/gaussian_processes": "neural processes by name",
    "data/episodes/multi_label_episodes": "episodes with several labels an example",
    "data/steps/curriculum": "curricula of a training run",
    "data/steps/loss_curriculum": "curricula of a training run",
    "data/steps/progress_curriculum": "curricula of a training run",
    "data/steps/feedback": "curricula of a training run",
    "data/steps/known_classes": "curricula of a training run",
    "data/steps/mixed": "sampling of tasks and sources",
    "data/steps/several": "sampling of tasks and sources",
    "data/steps/source_curriculum": "curricula of a training run",
    "data/steps/turns": "sampling of tasks and sources",
    "data/steps/mixture": "sampling of tasks and sources",
    "data/steps/apportionment": "sampling of tasks and sources",
    "data/steps/unequal_draws": "sampling of tasks and sources",
    "data/steps/task_sampling": "sampling of tasks and sources",
    "encoders/pretrained": "pretrained encoders of images and text",
}
"""Start of a path -> the door that later work opens."""


@dataclass(frozen=True, slots=True)
class Run:
    """Something that a user can do, and how it is done here."""

    name: str
    act: Callable[[], None]


# Commands


def commands(folder: Path) -> Iterator[Run]:
    """Yield the command's commands on a small table and on small images."""
    from typer.testing import CliRunner

    from polytask.architectures import architecture_names
    from polytask.balancing import balancer_names
    from polytask.cli.fit import fit as fit_command
    from polytask.cli.options import app
    from polytask.meta import learner_names

    def asked(*arguments: object, code: int = 0) -> Run:
        words = [str(argument) for argument in arguments]

        def act() -> None:
            result = CliRunner().invoke(app, words)
            if result.exit_code != code:
                raise RuntimeError(f"exit code {result.exit_code}\n{result.output}") from result.exception

        return Run(f"polytask {' '.join(words)}", act)

    table, new, images, support = tables_and_images(folder)
    parameters = get_type_hints(fit_command)
    option = "architecture" if "architecture" in parameters else "sharing"
    fit = ("fit", table, "--target", "size", "--target", "kind", "--target", "rare:binary")
    short = ("--epochs", "2", "--width", "8")
    yield asked("--version")
    yield asked("methods")
    yield asked("methods", "--json")
    yield asked(*fit, "-o", folder / "model", "--epochs", "3", "--repeats", "2", "--drop", "note", "--quiet")
    yield asked(*fit, "-o", folder / "grouped", *short, "--group", "site", "--json")
    yield asked(*fit, "-o", folder / "timed", *short, "--time", "day", "--no-baselines")
    for name in architecture_names():
        yield asked(*fit, "-o", folder / "shared", *short, f"--{option}", name, "--no-baselines")
    for name in balancer_names():
        yield asked(*fit, "-o", folder / "balanced", *short, "--balancing", name, "--no-baselines")
    yield asked("predict", folder / "model", new, "-o", folder / "predictions.csv")
    yield asked("predict", folder / "model", table, "-o", folder / "predictions.parquet", "--json")
    yield asked("predict", folder / "nowhere", new, "-o", folder / "none.csv", code=2)
    learn = (
        "learn",
        images,
        "--way",
        "3",
        "--test-episodes",
        "3",
        "--steps",
        "2",
        "--size",
        "16",
        "--width",
        "4",
    )
    for name in learner_names():
        few = ("--inner-steps", "2") if "maml" in name else ()
        yield asked(*learn, "-o", folder / f"few-{name}", "--learner", name, "--quiet", *few)
    for name in ("prototypes", "maml", "simple-shot"):
        yield asked("adapt", folder / f"few-{name}", support, "-o", folder / f"adapted-{name}")
        yield asked("predict", folder / f"adapted-{name}", images / "class0", "-o", folder / "classes.csv")
    resume = "--resume-folder" if "resume_folder" in parameters else "--checkpoint"
    for _ in range(2):
        yield asked(*fit, "-o", folder / "resumed", *short, resume, folder / "resume")
    yield asked(
        "learn",
        "glyphs",
        "-o",
        folder / "glyphs",
        "--steps",
        "2",
        "--test-episodes",
        "3",
        resume,
        folder / "few",
    )


def tables_and_images(folder: Path) -> tuple[Path, Path, Path, Path]:
    """Write a table, new rows of it, a folder of images by class, and a support folder."""
    import pandas as pd
    from PIL import Image

    draw = np.random.default_rng(0)
    n = 80
    frame = pd.DataFrame(
        {
            "site": draw.choice(list("abcdef"), n),
            "day": pd.date_range("2024-01-01", periods=n).astype(str),
            "width": draw.normal(size=n).round(3),
            "colour": draw.choice(["red", "green", "blue"], n),
            "note": [f"number {i}" for i in range(n)],
        }
    )
    frame["size"] = (frame["width"] * 2 + draw.normal(size=n)).round(3)
    frame["kind"] = np.where(frame["width"] > 0.5, "big", np.where(frame["width"] < -0.5, "small", "middle"))
    frame["rare"] = (frame["colour"] == "red").astype(int)
    frame.loc[draw.choice(n, 6, replace=False), "width"] = np.nan
    frame.loc[draw.choice(n, 6, replace=False), "size"] = np.nan
    frame.to_csv(folder / "table.csv", index=False)
    frame.drop(columns=["size", "kind", "rare"]).head(20).to_csv(folder / "new.csv", index=False)
    for name, classes, n_images in (("images", 12, 14), ("support", 3, 2)):
        for number in range(classes):
            place = folder / name / f"class{number}"
            place.mkdir(parents=True)
            for index in range(n_images):
                pixels = draw.integers(0, 90, (16, 16)) + 160 * (
                    np.indices((16, 16)).sum(0) % (number + 2) == 0
                )
                Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(place / f"{index}.png")
    return folder / "table.csv", folder / "new.csv", folder / "images", folder / "support"


# Doors of the library


def doors(folder: Path) -> Iterator[Run]:
    """Yield what a user calls from Python besides: estimators, the demo, reports, and the public checks."""

    def demo() -> None:
        from polytask import demo as module

        module.fit = partial(module.fit, epochs=2)
        module.run_demo(folder / "demo", repeats=2, steps=2, n_episodes=3)

    def estimators() -> None:
        import pandas as pd

        import polytask

        frame = pd.read_csv(folder / "table.csv") if (folder / "table.csv").is_file() else None
        if frame is None:
            frame = pd.read_csv(tables_and_images(folder)[0])
        model = polytask.fit(frame, ["size", "kind"], epochs=2, width=8)
        model.save(folder / "from-python")
        again: Any = polytask.load(folder / "from-python")
        again.predict(frame)

    def checks() -> None:
        import torch
        from torch import nn

        from polytask.balancing.methods import UPGrad
        from polytask.checks import check_balancer, check_learner, check_source
        from polytask.data import FunctionEpisodes, Sinusoids
        from polytask.execution import check_meta_gradient
        from polytask.meta.initialization import MAML

        source = FunctionEpisodes(Sinusoids(), n_support=5, n_query=5, n_episodes=2, seed=0)
        learner = MAML(nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1)), inner_rate=0.01)
        check_balancer(lambda _: UPGrad())
        check_source(source)
        check_learner(learner, source.step(0))
        check_meta_gradient(
            learner.to(torch.float64), [one.to("cpu", torch.float64) for one in source.step(0)]
        )

    yield Run("demo", demo)
    yield Run("fit, save and load", estimators)
    yield Run("the public checks", checks)


def examples(folder: Path) -> Iterator[Run]:
    """Yield the examples, as small as they go."""
    small = {
        "two_inputs_two_heads.py": ["--seeds", "2", "--steps", "4"],
        "learning_to_learn.py": ["--steps", "2"],
    }

    def example(file: Path) -> None:
        sys.argv = [str(file), *small.get(file.name, [])]
        with contextlib.chdir(folder), contextlib.suppress(SystemExit):  # so little training holds no claim
            runpy.run_path(str(file), run_name="__main__")

    for file in sorted((HERE.parent / "examples").glob("*.py")):
        yield Run(file.name, lambda file=file: example(file))


def benchmarks(_: Path) -> Iterator[Run]:
    """Yield the benchmark scripts, as `smoke.py` runs them."""
    sys.path.insert(0, str(HERE))
    import smoke

    def script(name: str, folder: Path) -> None:
        report = smoke.attempt(name, folder)
        if report.failed:
            raise RuntimeError(report.failed)

    place = Path(tempfile.mkdtemp(prefix="reached."))
    smoke.with_results(place)
    for name in smoke.CASES:
        yield Run(f"benchmark {name}", lambda name=name: script(name, place))


KINDS = {"commands": commands, "doors": doors, "examples": examples, "benchmarks": benchmarks}


# What was executed


@dataclass(frozen=True, slots=True)
class Lines:
    """A file's statements, and those that nobody executed."""

    path: str
    statements: int
    missing: tuple[int, ...]


def measured(kinds: list[str], data: Path) -> list[str]:
    """Run everything under coverage and add what was executed to the folder of data; return what failed."""
    recorder = coverage.Coverage(
        source=[str(PACKAGE)], data_file=str(data / "-".join(kinds)), config_file=False
    )
    recorder.start()
    failed = []
    with tempfile.TemporaryDirectory(prefix="reached.") as name:
        for kind in kinds:
            for run in KINDS[kind](Path(name)):
                start = time.process_time()
                try:
                    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                        warnings.simplefilter("ignore")
                        run.act()
                except (Exception, SystemExit):  # noqa: BLE001 - told at the end
                    failed.append(f"{run.name}: {traceback.format_exc()[-700:]}")
                    print(f"FAILED {failed[-1]}", file=sys.stderr, flush=True)
                print(f"{time.process_time() - start:6.1f} s  {run.name[:150]}", file=sys.stderr, flush=True)
                recorder.save()  # whatever comes, this much is known
    recorder.stop()
    recorder.save()
    return failed


def executed(data: Path) -> list[Lines]:
    """Return every file with what none of the runs in a folder of data executed."""
    recorder = coverage.Coverage(source=[str(PACKAGE)], data_file=None, config_file=False)
    recorder.exclude(r"^\s*raise ")
    recorder.exclude(r"if TYPE_CHECKING:")
    recorder.combine([str(file) for file in data.iterdir()], keep=True)
    files = []
    for path in sorted(PACKAGE.rglob("*.py")):
        _, statements, _, missing, _ = recorder.analysis2(str(path))
        files.append(Lines(path.relative_to(PACKAGE).as_posix(), len(statements), tuple(missing)))
    return files


def door_of(path: str) -> str | None:
    """Return the door to come for a file, if it waits for one."""
    return next((door for start, door in DOORS_TO_COME.items() if path.startswith(start)), None)


def written(files: list[Lines]) -> str:
    """Lay out the table by room, and the list of files."""
    rooms: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for file in files:
        at = 2 if door_of(file.path) else 0
        room = rooms[file.path.split("/")[0]]
        room[at] += file.statements
        room[at + 1] += len(file.missing)
    total = [sum(room[column] for room in rooms.values()) for column in range(4)]
    out = [
        "# Lines that no command, estimator, example or benchmark reaches",
        "",
        "Written by `python benchmarks/reached.py`.",
        "",
        "| room | statements | not executed | % | of doors to come | not executed |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for room, (count, missing, later, later_missing) in [*sorted(rooms.items()), ("**all**", total)]:
        share = f"{100 * missing / count:.1f}" if count else ""
        out.append(f"| {room} | {count} | {missing} | {share} | {later} | {later_missing} |")
    out += ["", "## Files, most lines first", ""]
    for file in sorted(files, key=lambda one: -len(one.missing)):
        if len(file.missing) >= 3 and not door_of(file.path):
            out.append(f"- `{file.path}`: {len(file.missing)} of {file.statements} ({ranges(file.missing)})")
    out += ["", "## Doors to come", ""]
    for file in files:
        if (door := door_of(file.path)) and file.missing:
            out.append(f"- `{file.path}`: {len(file.missing)} of {file.statements}; {door}")
    return "\n".join(out) + "\n"


def ranges(lines: tuple[int, ...]) -> str:
    """Write line numbers as ranges."""
    found: list[list[int]] = []
    for line in lines:
        if found and line <= found[-1][1] + 2:
            found[-1][1] = line
        else:
            found.append([line, line])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in found)


def main() -> int:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("kinds", nargs="*", default=list(KINDS), help=f"of {', '.join(KINDS)}")
    parser.add_argument("--data", type=Path, help="a folder that several such runs may share")
    asked = parser.parse_args()
    os.environ["COLUMNS"] = "120"
    with tempfile.TemporaryDirectory(prefix="reached.") as folder:
        data = (asked.data or Path(folder)).resolve()
        data.mkdir(parents=True, exist_ok=True)
        failed = measured(asked.kinds, data) if asked.kinds != ["none"] else []
        text = written(executed(data))
    print(text)
    for message in failed:
        print(f"FAILED {message}", file=sys.stderr)
    if asked.data is not None or set(asked.kinds) == set(KINDS):
        LOG.write_text(text)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())

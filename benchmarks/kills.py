"""Kill polytask at random moments of fit, learn and save: nothing may be lost, and nothing may lie about.

Each case forks a process that works in a folder with an older model, and kills it with SIGKILL, either after
a random time or at a random one of its calls that change the disk. Then the folder's model must answer as the
older one or as the new one; and the same work, started again, must end with the new model, answer for answer,
and with the files of a run that nobody killed, and no others.

    python -m benchmarks.kills                       # 100 cases of each kind
    python -m benchmarks.kills fit --cases 10 --first 7
"""

import argparse
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # no threads: they would not live on in a forked process

import numpy as np
import pandas as pd
import torch

import polytask
from polytask.data import LabelledExamples
from polytask.models import FewShotModel, TableModel

_CALLS = ("open", "replace", "unlink", "mkdir", "rmdir")  # of `os`: they change the disk, or are about to
_LATE = 16  # calls at the end of a run: mostly those of the model's saving


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is killed.

    Args:
        old: Writes an older model to ``folder / "model"``.
        run: Does the work; its model goes to ``folder / "model"``.
        answers: What the model in a folder answers.
    """

    old: Callable[[Path], object]
    run: Callable[[Path], object]
    answers: Callable[[Path], pd.DataFrame]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What comes of a work that nobody kills."""

    old: Path
    before: pd.DataFrame
    after: pd.DataFrame
    files: list[str]
    n_calls: int
    seconds: float


def table() -> pd.DataFrame:
    """Return a small table with a number and a class to predict."""
    x = np.random.default_rng(0).normal(size=(120, 3))
    return pd.DataFrame(
        {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": x.sum(1), "k": np.where(x[:, 0] > 0, "p", "q")}
    )


def images() -> LabelledExamples:
    """Return noisy images around a pattern of each class."""
    draw = torch.Generator().manual_seed(0)
    patterns = torch.rand(24, 1, 1, 16, 16, generator=draw)
    values = (0.7 * patterns + 0.3 * torch.rand(24, 8, 1, 16, 16, generator=draw)) * 255
    names = tuple(f"class {index:02d}" for index in range(24))
    return LabelledExamples(
        inputs=values.flatten(0, 1).to(torch.uint8),
        labels=torch.arange(24).repeat_interleave(8),
        class_names=names,
        class_groups=names,
    )


def fit(folder: Path, *, seed: int = 1) -> TableModel:
    """Fit a table, so that it can be resumed."""
    model = polytask.fit(
        table(),
        ["y", "k"],
        repeats=2,
        epochs=6,
        width=8,
        baselines=False,
        seed=seed,
        resume_folder=folder / "resume",
    )
    model.save(folder / "model")
    return model


def learn(folder: Path, *, seed: int = 1, **settings: Any) -> FewShotModel:
    """Learn to tell images apart, so that it can be resumed."""
    model = polytask.learn(
        images(),
        way=2,
        shot=1,
        steps=6,
        n_episodes=20,
        width=8,
        seed=seed,
        resume_folder=folder / "resume",
        **settings,
    )
    model.save(folder / "model")
    return model


def learn_by_episodes(folder: Path, *, seed: int = 1) -> FewShotModel:
    """Do the same with a learner whose steps are episodes, of which there are states of its own."""
    return learn(folder, seed=seed, learner="prototypes", n_query=2, train_way=3, episodes=1)


def table_answers(folder: Path) -> pd.DataFrame:
    """Load a table model, and let it answer."""
    model = polytask.load(folder / "model")
    if not isinstance(model, TableModel):
        raise TypeError("another kind of model")
    return model.predict(table())


def image_answers(folder: Path) -> pd.DataFrame:
    """Load a few-shot model, adapt it to two classes, and let it answer."""
    model = polytask.load(folder / "model")
    if not isinstance(model, FewShotModel):
        raise TypeError("another kind of model")
    examples = images()
    return model.adapt(examples.of_classes([0, 1])).predict(examples.inputs[:16])


def works(place: Path) -> dict[str, Work]:
    """Return the works by name."""
    old_table, old_images = (made(place / name, seed=2) for name, made in (("table", fit), ("images", learn)))
    saved = fit(place / "saved")
    return {
        "fit": Work(old=lambda folder: old_table.save(folder / "model"), run=fit, answers=table_answers),
        "learn": Work(old=lambda folder: old_images.save(folder / "model"), run=learn, answers=image_answers),
        "episodes": Work(
            old=lambda folder: old_images.save(folder / "model"), run=learn_by_episodes, answers=image_answers
        ),
        "save": Work(
            old=lambda folder: old_table.save(folder / "model"),
            run=lambda folder: saved.save(folder / "model"),
            answers=table_answers,
        ),
    }


def reference(work: Work, folder: Path) -> Reference:
    """Do the work once, undisturbed."""
    work.old(folder)
    old, before = folder.with_name(f"{folder.name}-old"), work.answers(folder)
    shutil.copytree(folder, old)
    n_calls, start = 0, time.perf_counter()

    def count() -> None:
        nonlocal n_calls
        n_calls += 1

    originals = watch_calls(count)
    try:
        work.run(folder)
    finally:
        for name, call in originals.items():
            setattr(os, name, call)
    seconds, after = time.perf_counter() - start, work.answers(folder)
    if after.equals(before):
        raise RuntimeError("the old model and the new one answer alike; nothing could be told from that")
    return Reference(
        old=old, before=before, after=after, files=listing(folder), n_calls=n_calls, seconds=seconds
    )


def watch_calls(before: Callable[[], None]) -> dict[str, Callable[..., object]]:
    """Have a function called before every call that changes the disk; return the calls as they were."""
    originals = {name: getattr(os, name) for name in _CALLS}

    def watched(call: Callable[..., object]) -> Callable[..., object]:
        def calls(*arguments: object, **options: object) -> object:
            before()
            return call(*arguments, **options)

        return calls

    for name, call in originals.items():
        setattr(os, name, watched(call))
    return originals


def listing(folder: Path) -> list[str]:
    """List files and folders, with checksums in their names blotted out."""
    return sorted(re.sub(r"-[0-9a-f]{8,}", "-*", str(path.relative_to(folder))) for path in folder.rglob("*"))


def forked(run: Callable[[], object]) -> int:
    """Run something in a process of its own."""
    sys.stdout.flush()
    if (child := os.fork()) == 0:
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the parent must know
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        os._exit(0)
    return child


def killed(work: Work, known: Reference, folder: Path, draw: random.Random, *, repeat: bool) -> str:
    """Start the work and kill it; returns when that was."""
    if draw.random() < 0.5:
        first = 1 if draw.random() < 0.5 else max(1, known.n_calls - _LATE)
        left = moment = draw.randint(first, known.n_calls)

        def count() -> None:
            nonlocal left
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

        os.waitpid(forked(lambda: (watch_calls(count), work.run(folder))), 0)
        return f"before call {moment} of {known.n_calls}"

    def go_on() -> None:
        work.run(folder)
        while repeat:
            work.old(folder)
            work.run(folder)

    child = forked(go_on)
    seconds = draw.uniform(0.0, 0.3 if repeat else 1.1 * known.seconds)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)  # one that has ended stays until it is waited for
    os.waitpid(child, 0)
    return f"after {seconds:.2f} s"


def judge(work: Work, known: Reference, folder: Path) -> list[str]:
    """Look at what a kill left, start again, and look once more."""
    wrong = []
    try:
        found = work.answers(folder)
        if not (found.equals(known.before) or found.equals(known.after)):
            wrong.append("lost: the model answers otherwise")
    except polytask.PolytaskError as error:
        wrong.append(f"lost: {error}")
    if os.waitpid(forked(lambda: work.run(folder)), 0)[1] != 0:
        wrong.append("lost: the work cannot be started again")
        return wrong
    if not work.answers(folder).equals(known.after):
        wrong.append("lost: started again, it ends with another model")
    if listing(folder) != known.files:
        wrong.append(f"debris: {sorted(set(listing(folder)) ^ set(known.files))}")
    return wrong


def main() -> int:
    """Kill what the command line asks for; the exit code tells whether all held."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills")
    parser.add_argument("kinds", nargs="*", help="fit, learn, episodes, save; all by default")
    parser.add_argument("--cases", type=int, default=100, help="kills of each kind")
    parser.add_argument("--first", type=int, default=0, help="seed of the first case")
    asked = parser.parse_args()
    bad = False
    with tempfile.TemporaryDirectory(prefix="kills.") as name:
        place = Path(name)
        available = works(place / "models")
        for kind in asked.kinds or available:
            start, lost, debris = time.perf_counter(), 0, 0
            work = available[kind]
            known = reference(work, place / kind)
            for seed in range(asked.first, asked.first + asked.cases):
                folder = place / f"{kind}-{seed}"
                shutil.copytree(known.old, folder)
                when = killed(work, known, folder, random.Random(f"{kind} {seed}"), repeat=kind == "save")
                wrong = judge(work, known, folder)
                lost += any(text.startswith("lost") for text in wrong)
                debris += any(text.startswith("debris") for text in wrong)
                for text in wrong:
                    print(f"{kind} {seed}, killed {when}: {text}")
                shutil.rmtree(folder)
            bad |= bool(lost or debris)
            seconds = time.perf_counter() - start
            print(
                f"{kind}: {asked.cases} kills, {lost} lost, {debris} with debris, {seconds:.0f} s", flush=True
            )
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())

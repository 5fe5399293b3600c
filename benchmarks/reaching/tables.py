"""``polytask fit`` and ``polytask predict`` on tables as people have them, and on wrong ones."""

import gzip
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from reaching.runs import Run, asked

__all__ = ["plain_table", "table_commands"]

SHORT = ("--epochs", "2", "--width", "8", "--no-baselines")


def plain_table(folder: Path) -> pd.DataFrame:
    """Write ``table.csv``, and ``new.csv`` with rows whose targets are to be predicted; return the table."""
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
    return frame


def table_commands(folder: Path) -> Iterator[Run]:
    """Yield what a user does with tables."""
    frame = plain_table(folder)
    yield from _everything(folder)
    yield from _as_people_write_them(folder, frame)
    yield from _unusual_labels(folder, frame)
    yield from _resumed(folder)
    yield from _wrong_calls(folder)
    yield from _wrong_tables(folder, frame)
    yield from _wrong_models(folder)


def _everything(folder: Path) -> Iterator[Run]:
    """Fit with every architecture and every balancing, predict, and compare."""
    from polytask.architectures import architecture_names
    from polytask.balancing import balancer_names

    fit = ("fit", folder / "table.csv", "--target", "size", "--target", "kind", "--target", "rare:binary")
    yield asked(*fit, "-o", folder / "model", "--epochs", "3", "--repeats", "2", "--drop", "note", "--quiet")
    yield asked(*fit, "-o", folder / "grouped", *SHORT[:-1], "--group", "site", "--json")
    yield asked(*fit, "-o", folder / "timed", *SHORT, "--time", "day")
    for name in architecture_names():
        yield asked(*fit, "-o", folder / "shared", *SHORT, "--architecture", name)
    for name in balancer_names():
        yield asked(*fit, "-o", folder / "balanced", *SHORT, "--balancing", name)
    yield asked(*fit, "-o", folder / "halved", *SHORT, "--precision", "bf16-mixed", "--dropout", "0.2")
    model = folder / "model"
    yield asked("predict", model, folder / "new.csv", "-o", folder / "predictions.csv", says="20 rows")
    yield asked("predict", model, folder / "table.csv", "-o", folder / "predictions.parquet", "--json")


def _as_people_write_them(folder: Path, frame: pd.DataFrame) -> Iterator[Run]:
    """Read what spreadsheets, databases and other libraries write."""
    short = ("--target", "size", "-o", folder / "read", *SHORT)
    odd = _odd_columns(frame)
    odd.to_csv(folder / "excel.csv", index=False, sep=";")
    text = (folder / "excel.csv").read_text()
    (folder / "excel.csv").write_text("sep=;\n" + text, encoding="utf-8-sig")
    yield asked("fit", folder / "excel.csv", *short, says="'unknown' counts as missing")
    frame.assign(width=frame["width"].map(lambda value: f"{value:.3f}".replace(".", ","))).to_csv(
        folder / "european.csv", index=False, sep=";"
    )
    yield asked("fit", folder / "european.csv", *short, says="read as categories, though")
    (folder / "packed.tsv.gz").write_bytes(gzip.compress(frame.to_csv(sep="\t").encode()))
    yield asked("fit", folder / "packed.tsv.gz", *short, "--drop", "kind")
    typed = frame.assign(
        day=pd.to_datetime(frame["day"]).dt.tz_localize("Europe/Zurich"),
        waited=pd.to_timedelta(np.arange(len(frame)), unit="h"),
        colour=frame["colour"].astype("category"),
        ready=frame["rare"].astype("boolean"),
    )
    typed.to_parquet(folder / "typed.parquet")
    yield asked("fit", folder / "typed.parquet", *short)
    yield asked("predict", folder / "read", folder / "typed.parquet", "-o", folder / "read.csv")


def _odd_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the columns that real tables have."""
    n = len(frame)
    ages = [str(20 + row % 50) for row in range(n)]
    large = [None if row == 3 else 9_007_199_254_740_993 + 7 * row for row in range(n)]
    return frame.assign(
        age=["unknown" if row % 17 == 0 else age for row, age in enumerate(ages)],
        code=[f"{row % 7:03d}" for row in range(n)],
        smokes=["yes" if row % 3 else "no" for row in range(n)],
        flagged=["x" if row % 4 == 0 else "" for row in range(n)],
        always=1,
        never="",
        dose=["1.10" if row % 2 else "2.5" for row in range(n)],
        number=pd.array(large, dtype="Int64"),
        seen=["2024-03-31 12:30" if row % 2 else "2024-04-01" for row in range(n)],
        spoilt=[f"{row}.5" if row % 9 else f"about {row}" for row in range(n)],
        tiny=1 + 1e-17 * np.arange(n),
    )


def _unusual_labels(folder: Path, frame: pd.DataFrame) -> Iterator[Run]:
    """Split fairly where a class is rare, groups are few, or labels come late."""
    few = frame.copy()
    few["kind"] = "common"
    few.loc[[5, 50], "kind"] = "rare"
    few.loc[[7, 60, 70], "kind"] = "scarce"
    few["partly"] = np.where(np.arange(len(few)) % 20 == 3, frame["size"].fillna(0), np.nan)
    few["patient"] = np.arange(len(few)) // 4
    few["lone"] = np.where(few["site"] == "a", "in a", np.where(few["site"] == "b", "in b", "elsewhere"))
    few.to_csv(folder / "few.csv", index=False)
    targets = ("--target", "kind", "--target", "partly", "--target", "lone")
    fit = ("fit", folder / "few.csv", *targets, "-o", folder / "few", *SHORT)
    yield asked(*fit)
    yield asked(*fit, "--group", "patient")
    yield asked(*fit, "--group", "site", code=2, says="There are 2 problems")
    yield asked(*fit, "--time", "day", code=2, says="has no label in the test rows")
    late = frame.assign(late=np.where(np.arange(len(frame)) % 40 > 36, "scarce", "common"))
    late["graded"] = np.where(np.arange(len(frame)) < 70, frame["size"], np.nan)
    late.to_csv(folder / "late.csv", index=False)
    targets = ("--target", "late", "--target", "graded")
    yield asked("fit", folder / "late.csv", *targets, "--time", "day", "-o", folder / "late", *SHORT)


def _resumed(folder: Path) -> Iterator[Run]:
    """Stop a training by Ctrl-C, and call the same command again."""
    from polytask.core.interrupts import CHECKPOINT_FILE

    fit = ("fit", folder / "table.csv", "--target", "size", "--width", "8", "--no-baselines")
    long = (*fit, "-o", folder / "resumed", "--epochs", "4000", "--patience", "4000")
    stopped = asked(*long, "--resume-folder", folder / "resume", code=130, says="--resume-folder")

    def interrupt() -> None:
        end = time.monotonic() + 60
        while not list((folder / "resume").rglob(CHECKPOINT_FILE)) and time.monotonic() < end:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    def act() -> None:
        threading.Thread(target=interrupt, daemon=True).start()
        stopped.act()

    yield Run("a training that is stopped by Ctrl-C", act)
    yield asked(*long, "--epochs", "5", "--resume-folder", folder / "resume", code=2)  # of other settings
    short = (*fit, "-o", folder / "resumed", "--epochs", "3")
    yield asked(*short, "--checkpoint", folder / "again", says="is now --resume-folder")
    yield asked(*short, "--resume-folder", folder / "again")


def _wrong_calls(folder: Path) -> Iterator[Run]:
    """Mistype, and be told how it is meant."""
    fit = ("fit", folder / "table.csv", "--target", "size", "-o", folder / "wrong", *SHORT)
    for told, options in (
        ("hard", ("--architecture", "hrad")),
        ("--sharing is now --architecture", ("--sharing", "tabn")),
        ("pcgrad", ("--balancing", "pc-grad")),
        ("did you mean 'size'", ("--target", "siez")),
        ("regression", ("--target", "size:numeric")),
        ("numbers", ("--target", "kind:regression")),
        ("colour", ("--drop", "colours")),
        ("--width must be at least 1", ("--epochs", "0", "--width", "-1", "--learning-rate", "nan")),
        ("not used with", ("--members", "4")),
        ("bf16-mixed", ("--precision", "16")),
        ("this machine does not have", ("--accelerator", "mps")),
        ("size", ("--group", "size")),
        ("cannot be read as times", ("--time", "colour")),
        ("table.csv", ("--resume-folder", folder / "table.csv")),
        ("is in the model directory", ("--resume-folder", folder / "wrong" / "inside")),
        ("is a file and no polytask model", ("-o", folder / "table.csv")),
        ("is no polytask model", ("-o", folder)),
        ("a valid integer", ("--epochs", "many")),
    ):
        yield asked(*fit, *options, code=2, says=told)
    yield asked("fit", folder / "tabel.csv", *fit[2:], code=2, says="There is no file")
    new = folder / "new.csv"
    yield asked(
        "predict", folder / "nowhere", new, "-o", folder / "none.csv", code=2, says="no model directory"
    )
    yield asked("predict", folder / "model", new, "-o", folder / "none.xlsx", code=2, says="must end with")
    yield asked("predict", folder / "model", new, "-o", new, code=2, says="is the input itself")


def _wrong_tables(folder: Path, frame: pd.DataFrame) -> Iterator[Run]:
    """Give a file that is no table, or one that nobody could learn from."""
    for name, content, told in (
        ("empty.csv", b"", "is empty"),
        ("ragged.csv", b"a,b\n1,2\n1,2,3\n", "line 3"),
        ("latin.csv", "größe,b\n1,2\n".encode("latin-1"), "not UTF-8"),
        ("zeros.csv", b"a,b\n1,\0\n", "NUL"),
        ("quote.csv", b'a,b\n"1,2\n', "Close every quote"),
        ("twice.csv", b"a,a\n1,2\n", "several columns"),
        ("bare.csv", b"1.5,2.5\n3.5,4.5\n", "numbers, not column names"),
        ("table.doc", b"", "ending"),
        ("damaged.csv.gz", b"no gzip", "damaged gzip"),
        ("damaged.parquet", b"no parquet", "no Parquet file"),
    ):
        (folder / name).write_bytes(content)
        yield asked("fit", folder / name, "--target", "a", "-o", folder / "wrong", *SHORT, code=2, says=told)
    known = frame.drop(columns=["note", "day"]).assign(
        one="same", half=frame["kind"].where(np.arange(len(frame)) % 2 == 1), listed=None, note=frame["note"]
    )
    known.loc[3, "half"] = "unique"
    known = pd.concat([known, known.head(40)])
    known.to_csv(folder / "known.csv", index=False)
    fit = ("fit", folder / "known.csv", "-o", folder / "known", *SHORT)
    yield asked(*fit, "--target", "size", says="test rows equal a training row")
    yield asked(*fit, "--target", "one", code=2, says="one")
    yield asked(*fit, "--target", "half", says="unique")
    yield asked(*fit, "--target", "listed", code=2, says="listed")
    yield asked(*fit, "--target", "note", code=2, says="note")


def _wrong_models(folder: Path) -> Iterator[Run]:
    """Predict with rows that do not fit, or with a model whose files were changed."""
    model, new = folder / "model", pd.read_csv(folder / "new.csv")
    for name, table, told in (
        ("lacks.csv", new.drop(columns="width"), "counts as unknown in every row"),
        ("stranger.csv", new.assign(colour="violet"), "known categories"),
        ("words.csv", new.assign(width="wide"), "should hold numbers"),
        ("nothing.csv", new.drop(columns=["width", "colour", "site", "day"]), "none"),
    ):
        table.to_csv(folder / name, index=False)
        code = 2 if name in ("words.csv", "nothing.csv") else 0
        yield asked("predict", model, folder / name, "-o", folder / "answers.csv", code=code, says=told)
    answers = ("-o", folder / "answers.csv")
    yield asked("predict", folder / "table.csv", folder / "new.csv", *answers, code=2, says="a directory")
    yield asked("predict", model / "model.json", folder / "new.csv", *answers, code=2, says="of a model")
    changes: dict[str, Callable[[str], str]] = {
        "changed": lambda text: text.replace('"size"', '"sizes"'),
        "cut": lambda text: text[: len(text) // 2],
        "twice": lambda text: text.replace('"schema"', '"format": 1, "schema"'),
        "infinite": lambda text: text.replace('"schema": 2', '"schema": Infinity'),
        "huge": lambda text: text.replace('"schema": 2', f'"schema": {"9" * 400}'),
        "later": lambda text: text.replace('"schema": 2', '"schema": 3'),
        "foreign": lambda text: text.replace('"polytask-model"', '"other"'),
    }
    for name, change in changes.items():
        yield Run(f"a model whose description is {name}", partial(_predict_changed, folder, name, change))
    yield Run("a model without its weights", partial(_predict_changed, folder, "weightless", None))


def _predict_changed(folder: Path, name: str, change: Callable[[str], str] | None) -> None:
    copy = folder / f"model-{name}"
    shutil.copytree(folder / "model", copy)
    if change is None:
        next(copy.glob("weights-*")).unlink()
    else:
        description = copy / "model.json"
        description.write_text(change(description.read_text()))
    asked("predict", copy, folder / "new.csv", "-o", folder / "answers.csv", code=2, says="model").act()

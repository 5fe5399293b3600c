"""How long the command takes for one answer from a saved model, beside `import torch`.

    python benchmarks/speed/command_start.py --rounds 9

Each way is a process of its own, the ways in turn, with compiled Python files; the median of each counts, in
seconds of processor time (user and system), as a busy machine stretches all others. "predict, drawing" tells
one image by a model that `polytask adapt` made of ten, "predict, texts" ten texts by a model of twenty; that
needs the weights of MiniLM (``polytask models fetch``) and is left out where they are not there. Writes
``results/command_start.json``.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image, ImageDraw

sys.path.append(str(Path(__file__).parents[1] / "quality"))  # where the writer of results is

from results import write_results  # pyright: ignore[reportAttributeAccessIssue]

RESULTS = Path(__file__).parent / "results" / "command_start.json"
TEXTS = {
    "weather": ("will it rain today", "how cold is it outside", "is it sunny in rome", "show the forecast"),
    "music": ("play a song by queen", "next track please", "turn the music up", "put on some jazz"),
    "alarm": ("wake me at seven", "set an alarm for noon", "cancel my alarm", "snooze ten minutes"),
    "money": ("what is my balance", "send ten euros to ann", "show my last payments", "freeze my card"),
    "food": ("order a pizza", "find a thai restaurant", "what can i cook with rice", "book a table for two"),
}


def drawings(folder: Path) -> None:
    """Draw five kinds of figures, two of each, and one to be told."""
    for index in range(11):
        image = Image.new("L", (56, 56), 255)
        pen, low, high = ImageDraw.Draw(image), 8 + index // 5, 44 + index // 5
        kind = ("line", "box", "ring", "cross", "angle")[index % 5]
        if kind == "box":
            pen.rectangle((low, low, high, high), outline=0, width=4)
        elif kind == "ring":
            pen.ellipse((low, low, high, high), outline=0, width=4)
        else:
            pen.line((low, low, high, high), fill=0, width=4)
        if kind in ("cross", "angle"):
            pen.line((low, high, *((high, low) if kind == "cross" else (high, high))), fill=0, width=4)
        place = folder / "drawings" / kind if index < 10 else folder
        place.mkdir(parents=True, exist_ok=True)
        image.save(place / f"{index}.png")


def commands(folder: Path) -> dict[str, list[str]]:
    """Return the ways, having made what they need."""
    polytask = [sys.executable, "-m", "polytask"]
    drawings(folder)
    rows = [(text, label) for label, texts in TEXTS.items() for text in texts]
    pd.DataFrame(rows, columns=["text", "label"]).to_csv(folder / "support.csv", index=False)
    pd.DataFrame(rows[::2], columns=["text", "label"])[["text"]].to_csv(folder / "new.csv", index=False)
    ways = {
        "import torch": [sys.executable, "-c", "import torch"],
        "polytask --help": [*polytask, "--help"],
        "adapt, drawings": [*polytask, "adapt", "drawings", "-o", "drawn", "--encoder", "drawings"],
        "predict, drawing": [*polytask, "predict", "drawn", "10.png", "-o", "drawn.csv"],
        "adapt, texts": [*polytask, "adapt", "support.csv", "-o", "told", "--encoder", "minilm-3-layers"],
        "predict, texts": [*polytask, "predict", "told", "new.csv", "-o", "told.csv"],
    }
    if subprocess.run(ways["adapt, texts"], cwd=folder, capture_output=True, check=False).returncode:
        del ways["adapt, texts"], ways["predict, texts"]
    return ways


def seconds(command: list[str], folder: Path) -> float:
    """Run a command, and return the processor time that it took."""
    for made in ("drawn", "told"):
        if "adapt" in command and made in command:
            shutil.rmtree(folder / made, ignore_errors=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()

    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
        ways = commands(folder)
        for command in ways.values():  # compiles
            seconds(command, folder)
        took: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(asked.rounds):
            for way, command in ways.items():
                took[way].append(seconds(command, folder))
    usual = statistics.median(took["import torch"])
    figures: dict[str, Any] = {}
    for way, values in took.items():
        middle = statistics.median(values)
        figures[way] = {"seconds": round(middle, 3), "times import torch": round(middle / usual, 2)}
        print(f"{way:<18} {figures[way]}", flush=True)
    write_results(
        RESULTS,
        setting={"rounds": asked.rounds, "time": "of the processor"},
        figures=figures,
        seed=0,
        split="none: time alone",
        also=["cli", "__main__.py"],
    )


if __name__ == "__main__":
    main()

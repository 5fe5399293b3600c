"""How long a class takes to come, change and go, from 10 classes to 1,000.

    python benchmarks/speed/living_classes.py

A classifier of texts by class means grows class by class, five texts each, and at some sizes each change is
made several times: a class added, an example corrected, a class renamed and one removed, and one text
predicted. Medians are in milliseconds; texts are encoded by ``hashed-text``, and by MiniLM, whose weights
must be there (``polytask models fetch minilm``). The exponent says how a change grows with the number of
classes. Writes ``results/living-classes.json``.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

import polytask
from polytask.models import FewShotClassifier

sys.path.append(str(Path(__file__).parents[1] / "quality"))  # where the writer of results is

from results import write_results  # pyright: ignore[reportAttributeAccessIssue]

RESULTS = Path(__file__).parent / "results" / "living-classes.json"
SIZES = (10, 30, 100, 300, 1000)
ROUNDS = 15
SHOT = 5
_SYLLABLES = [first + second for first in "bdkl" for second in "aeiou"]


def texts(label: int, number: int = SHOT) -> list[str]:
    """Make texts of a class out of words of its own and words of all."""
    draws = np.random.default_rng(label)
    words = ["".join(draws.choice(_SYLLABLES, 3)) for _ in range(4)]
    return [" ".join(draws.permutation([*words, *draws.choice(_SYLLABLES, 6)])) for _ in range(number)]


def measured(change: Callable[[int], object]) -> float:
    """Return the median of several rounds, in milliseconds."""
    seconds = []
    for index in range(ROUNDS):
        start = time.perf_counter()
        change(index)
        seconds.append(time.perf_counter() - start)
    return 1000 * median(seconds)


def grown(encoder: str) -> dict[str, dict[str, float]]:
    """Grow a classifier, and measure changes on the way."""
    model: FewShotClassifier = polytask.adapt(
        {f"class {label}": texts(label) for label in range(2)},
        encoder=encoder,
        head="class-means",
        strength=1.0,
    )
    figures: dict[str, dict[str, float]] = {}
    for label in range(2, SIZES[-1]):
        model = model.add({f"class {label}": texts(label)})
        if (size := label + 1) in SIZES:
            figures[str(size)] = changes(model, size)
            print(
                encoder,
                size,
                {name: round(value, 2) for name, value in figures[str(size)].items()},
                flush=True,
            )
    return figures


def changes(model: FewShotClassifier, size: int) -> dict[str, float]:
    wrong = model.examples.names["class 0"][0]
    return {
        "add a class, 1 text": measured(lambda index: model.add({f"new {index}": texts(9000 + index, 1)})),
        "add an example": measured(lambda index: model.add({"class 1": texts(9000 + index, 1)})),
        "correct an example": measured(lambda _: model.correct(wrong, f"class {size - 1}")),
        "rename a class": measured(lambda index: model.rename("class 0", f"new {index}")),
        "remove a class": measured(lambda _: model.remove("class 0")),
        "predict one text": measured(lambda index: model.predict(texts(9000 + index, 1))),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--encoder", action="append")
    encoders = parser.parse_args().encoder or ["hashed-text", "minilm"]
    warnings.simplefilter("ignore")
    figures = {}
    for encoder in encoders:
        found = grown(encoder)
        sizes = [int(size) for size in found]
        exponents = {
            name: float(np.polyfit(np.log(sizes), np.log([found[str(size)][name] for size in sizes]), 1)[0])
            for name in found[str(sizes[0])]
        }
        figures[encoder] = {"milliseconds by classes": found, "exponent": exponents}

    write_results(
        RESULTS,
        setting={"texts of a class": SHOT, "rounds": ROUNDS},
        figures=figures,
        seed=0,
        split="none: time alone",
    )


if __name__ == "__main__":
    main()

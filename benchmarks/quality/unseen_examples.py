"""`polytask.adapt` with its defaults on sets that nobody built it on, against the simplest strong rivals.

    python benchmarks/quality/unseen_examples.py FOLDER             # all; a quarter of an hour of one core
    python benchmarks/quality/unseen_examples.py FOLDER chat names  # those whose names start so

``FOLDER`` holds unpacked packages: `unseen_sets.py` says which, and how to get them. The weights of the
encoders must be there (``polytask models fetch``). Each draw chooses ten classes, examples and queries anew;
fewer examples are the first of more, so that settings of a draw have the same queries. Unknown ones are of
classes that were not drawn. Adds to ``results/unseen-examples.json``, set by set: accuracy of the default
and of rivals, calibration error and what it would be if the probabilities were true (so much few queries
leave), how much higher the mean probability is than the accuracy, AUROC of "none of these", what is called
so, and the difference to the rival that is best on average, each with a 95 % interval over draws.
"""

import argparse
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from adapt_examples import Draw, Rival, by_prototypes, by_words, judged, nearest_mean  # beside this file
from PIL import Image
from results import write_results
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from unseen_sets import SETS, ByClass

from polytask.core import mean_interval

RESULTS = Path(__file__).parent / "results" / "unseen-examples.json"
WAYS, DRAWS = 10, 5
SHOTS: Mapping[str, Sequence[int]] = {"text": (1, 5, 20), "picture": (1, 5), "drawing": (1, 5)}
N_QUERIES: Mapping[str, int] = {"text": 20, "picture": 10, "drawing": 10}  # of a class, at most
N_UNKNOWN = 50
SIDE = 28  # pixels of an image at which pixels are compared


def draws(found: ByClass, kind: str) -> Iterator[dict[int, Draw]]:
    """Yield draws by the number of examples."""
    most = max(SHOTS[kind])
    for seed in range(DRAWS):
        chance = np.random.default_rng(seed)
        order = [list(found)[index] for index in chance.permutation(len(found))]
        chosen, others = order[:WAYS], order[WAYS:]
        items = {name: [found[name][row] for row in chance.permutation(len(found[name]))] for name in chosen}
        start = {name: min(most, len(held) - 3) for name, held in items.items()}
        asked = {name: held[start[name] :][: N_QUERIES[kind]] for name, held in items.items()}
        unknown = [item for name in others for item in found[name]]
        yield {
            shot: Draw(
                support=[item for name in chosen for item in items[name][: min(shot, start[name])]],
                labels=[name for name in chosen for _ in range(min(shot, start[name]))],
                queries=[item for held in asked.values() for item in held],
                truth=[name for name, held in asked.items() for _ in held],
                unknown=[unknown[row] for row in chance.permutation(len(unknown))[:N_UNKNOWN]],
            )
            for shot in SHOTS[kind]
        }


def by_pieces(draw: Draw) -> Sequence[str]:
    """Ridge regression on pieces of words."""
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True)
    model = make_pipeline(pieces, RidgeClassifier(alpha=1.0))
    return list(model.fit(list(draw.support), list(draw.labels)).predict(list(draw.queries)))


def by_pixels(draw: Draw) -> Sequence[str]:
    """Nearest class mean of small pictures."""
    rows, asked = (
        np.stack([np.asarray(Image.fromarray(item).resize((SIDE, SIDE))).ravel() / 255 for item in items])
        for items in (draw.support, draw.queries)
    )
    centre = rows.mean(0)
    return nearest_mean(rows - centre, draw.labels, asked - centre)


_OF_IMAGES: Mapping[str, Rival] = {
    "pixels, nearest mean": by_pixels,
    "EfficientNet prototypes": by_prototypes("efficientnet-lite0"),
    "drawing prototypes": by_prototypes("drawings"),
}
RIVALS: Mapping[str, Mapping[str, Rival]] = {
    "text": {
        "TF-IDF + logistic regression": by_words,
        "pieces of words + ridge": by_pieces,
        "MiniLM prototypes": by_prototypes("minilm"),
    },
    "picture": _OF_IMAGES,
    "drawing": _OF_IMAGES,
}


def cell(draw: Draw, kind: str) -> dict[str, float]:
    """Measure the default and its rivals on a draw."""
    figures = judged(draw)
    for rival, told in RIVALS[kind].items():
        figures[f"accuracy of {rival}"] = float((np.array(told(draw)) == np.array(draw.truth)).mean())
    return figures


def summary(cells: Sequence[dict[str, float]], kind: str) -> dict[str, Any]:
    """Return means with their intervals, and the difference to the rival that is best on average."""
    held = {name: [found[name] for found in cells if name in found] for name in cells[0]}
    figures: dict[str, Any] = {name: mean_interval(values).to_json() for name, values in held.items()}
    best = max(RIVALS[kind], key=lambda rival: float(np.mean(held[f"accuracy of {rival}"])))
    apart = np.subtract(held["accuracy"], held[f"accuracy of {best}"])
    surplus = np.subtract(held["mean probability"], held["accuracy"])
    figures["mean probability less accuracy"] = mean_interval(surplus.tolist()).to_json()
    return figures | {"best rival": best, "better than it by": mean_interval(apart.tolist()).to_json()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="with the unpacked packages")
    parser.add_argument("sets", nargs="*", help=", ".join(SETS))
    parser.add_argument("--output", type=Path, default=RESULTS)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    output: Path = asked.output
    figures = json.loads(output.read_text())["figures"] if output.exists() else {}
    for name, (kind, load) in SETS.items():
        if asked.sets and not name.startswith(tuple(asked.sets)):
            continue
        cells: dict[int, list[dict[str, float]]] = {}
        for by_shot in draws(load(asked.folder), kind):
            for shot, draw in by_shot.items():
                cells.setdefault(shot, []).append(cell(draw, kind))
        for shot, found in cells.items():
            figures[f"{name}, {shot} each"] = row = summary(found, kind)
            means = {key: round(held["mean"], 3) for key, held in row.items() if isinstance(held, dict)}
            print(f"{name}, {shot} each", row["best rival"], means, flush=True)
        setting = {"ways": WAYS, "draws": DRAWS, "queries of a class": N_QUERIES, "unknown": N_UNKNOWN}
        write_results(
            output, setting=setting, figures=figures, seed=list(range(DRAWS)), split="draws by chance"
        )


if __name__ == "__main__":
    main()

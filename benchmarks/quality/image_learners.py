"""What `polytask learn` may train on images by default: three learners, all trained for the same time.

    POLYTASK_DATA=folder python benchmarks/quality/image_learners.py [SET ...] --seed 0 1 2

Plain prototypes, trained by episodes; varied prototypes, trained on batches of many classes; simple-shot,
joint training on all known classes with class means of new ones. On four sets, new classes 5-way from 1 and 5
images: glyphs and Omniglot's background drawings, in grey on black, of scripts and alphabets never seen;
glyphs in colour on a coloured ground with noise; and spectrograms of spoken digits of a speaker never seen.
The last two are no drawings on black, and are not bent. All have as many steps as take the CPU time of 400
steps of plain prototypes; a step's time is measured in turn with those. The last step counts. The seed
decides weights, steps, episodes, and which alphabets and speakers are unseen. Adds to
``results/image-learners.json``, seed by seed; some three minutes of one core a seed.
"""

import argparse
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from equal_time import judged, times_of_reference, trained, written  # beside this file
from results import write_results  # beside this file
from torch import Tensor
from torch.nn import functional

from polytask.core import generator, mean_interval
from polytask.data import LabelledExamples
from polytask.datasets import glyphs, omniglot
from polytask.datasets.free_spoken_digits import spoken_digits
from polytask.fitting.few_shot_source import ClassSplit, class_split
from polytask.meta.metric import NearestMean

RESULTS = Path(__file__).parent / "results" / "image-learners.json"
LEARNERS = ("prototypes", "varied-prototypes", "simple-shot")
SHOTS = (1, 5)
SIZE = 28


def drawn_glyphs(seed: int) -> ClassSplit:
    return class_split("glyphs", size=SIZE, seed=seed)


def alphabets(seed: int) -> ClassSplit:
    return class_split(omniglot("background", split="background"), seed=seed)


def coloured_glyphs(_: int) -> ClassSplit:
    parts = {part: coloured(glyphs(part), part) for part in ("train", "validation", "test")}
    return ClassSplit(name="coloured glyphs", **parts)


def coloured(examples: LabelledExamples, part: str) -> LabelledExamples:
    """Put each glyph in a colour on a ground that changes smoothly, with some noise."""
    draw, n_images = generator(0, "colours", part), len(examples)
    ink = examples.inputs.float() / 255  # [image, 1, size, size]
    knots = torch.rand(n_images, 3, 3, 3, generator=draw)
    ground = functional.interpolate(knots, size=SIZE, mode="bilinear", align_corners=True)
    images = ink * torch.rand(n_images, 3, 1, 1, generator=draw) + (1 - ink) * ground
    images = images + 0.05 * torch.randn(images.shape, generator=draw)
    return LabelledExamples(
        inputs=(255 * images.clamp(0, 1)).to(torch.uint8),
        labels=examples.labels,
        class_names=examples.class_names,
        class_groups=examples.class_groups,
    )


def spectrograms(seed: int) -> ClassSplit:
    data = spoken_digits()
    speakers = sorted(set(data.speakers.tolist()))
    names = [f"digit {digit} of {speaker}" for speaker in speakers for digit in range(10)]
    examples = LabelledExamples(
        inputs=torch.stack([spectrogram(wave.float()) for wave in data.waves]),
        labels=10 * torch.tensor([speakers.index(one) for one in data.speakers.tolist()]) + data.digits,
        class_names=tuple(names),
        class_groups=tuple(name.split()[-1] for name in names),
    )
    return class_split(examples, seed=seed)


def spectrogram(wave: Tensor) -> Tensor:
    """Return the log magnitudes of at most 0.8 s as an image from black to white, ``[1, size, size]``."""
    found = torch.stft(wave, 256, 64, window=torch.hann_window(256), return_complex=True).abs()
    image = functional.interpolate(
        (found + 1e-3).log()[None, None, :100], size=(SIZE, SIZE), mode="bilinear", antialias=True
    )[0]
    return (255 * (image - image.min()) / (image.max() - image.min())).to(torch.uint8)


SETS: dict[str, Callable[[int], ClassSplit]] = {
    "glyphs": drawn_glyphs,
    "alphabets": alphabets,
    "coloured glyphs": coloured_glyphs,
    "spectrograms": spectrograms,
}


def run(name: str, figures: dict[str, Any], *, seed: int, budget: int, n_episodes: int) -> None:
    """Add the figures of a set and seed."""
    classes = SETS[name](seed)
    found = figures.setdefault(name, {})
    if "steps" not in found:
        times = {learner: times_of_reference(learner, classes) for learner in LEARNERS}
        found["steps"] = {learner: round(budget / factor) for learner, factor in times.items()}
    learners: dict[str, Any] = {"pixels": NearestMean()} | {
        learner: trained(learner, classes, n_steps=found["steps"][learner], seed=seed) for learner in LEARNERS
    }
    for (label, learner), shot in itertools.product(learners.items(), SHOTS):
        score = judged(learner, classes, seed=seed, n_episodes=n_episodes, shot=shot)
        runs = found.setdefault(label, {}).setdefault(f"{shot}-shot", {"by seed": {}})
        runs["by seed"][str(seed)] = written(score)
        runs["over seeds"] = mean_interval([one["accuracy"] for one in runs["by seed"].values()]).format(1)
        print(name, seed, label, f"{shot}-shot", score.format(1, scale=100), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sets", nargs="*", default=list(SETS), help=f"of {', '.join(SETS)}")
    parser.add_argument("--seed", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=400, help="of prototypes, whose time all others have")
    parser.add_argument("--test-episodes", type=int, default=100)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    setting = {
        "way": 5,
        "test episodes": asked.test_episodes,
        "steps of prototypes in the time": asked.steps,
    }
    content = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    figures: dict[str, Any] = content["figures"] if content.get("setting") == setting else {}
    for seed, name in itertools.product(asked.seed, asked.sets):
        run(name, figures, seed=seed, budget=asked.steps, n_episodes=asked.test_episodes)
        write_results(
            RESULTS,
            setting=setting,
            figures=figures,
            seed=sorted(map(int, figures[name]["pixels"]["1-shot"]["by seed"])),
            split="by script, by alphabet and by speaker: classes of unseen ones are judged",
        )


if __name__ == "__main__":
    main()

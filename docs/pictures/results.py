"""Draws the picture of the README from committed results: `python docs/pictures/results.py`."""

import hashlib
import json
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "quality" / "results"
PICTURE = Path(__file__).with_suffix(".svg")
SETS = {
    "tox21": "Tox21, 12 assays",
    "sarcos-equal-parameters": "SARCOS, 7 torques",
    "census": "Census-Income, 2 targets",
    "spoken-digits": "spoken digits, 2 labels",
    "fashion": "fashion titles, 7 labels",
    "multi-mnist": "Multi-MNIST, 2 digits",
    "sarcos": "SARCOS, narrower network",
}
"""Results of joint training -> what to call them, those that gain first."""
STARTS = {"untrained": "0.6", "joint pre-training": "#d98c4a", "MAML": "#1f6fb2"}


def digest() -> str:
    """Return what the results had in common when the picture was drawn: their SHA-256."""
    files = [f"joint-{name}.json" for name in SETS] + ["sinusoid.json"]
    return hashlib.sha256(b"".join((RESULTS / file).read_bytes() for file in files)).hexdigest()


def together_or_apart(axes: Axes) -> None:
    """Draw the mean gain of joint training on each dataset, with its interval."""
    for row, (name, label) in enumerate(SETS.items()):
        found = json.loads((RESULTS / f"joint-{name}.json").read_text())["figures"]["methods"]["equal"][
            "delta_m"
        ]
        gain, half_width = (float(part) for part in found.split("±"))
        clear = abs(gain) > half_width
        color = "0.55" if not clear else "#1f6fb2" if gain > 0 else "#c2453a"
        axes.errorbar(gain, -row, xerr=half_width, fmt="o", color=color, capsize=3)
        axes.text(
            -0.02, -row, label, ha="right", va="center", transform=axes.get_yaxis_transform(), fontsize=9
        )
    axes.axvline(0, color="0.7", linewidth=1)
    axes.set_yticks([])
    axes.set_xscale("symlog", linthresh=0.5)
    axes.set_xticks([-0.5, 0, 0.5, 2, 10], ["−0.5", "0", "0.5", "2", "10"])
    axes.set_xlabel("mean gain of training together, %")
    axes.set_title("Together or apart? It depends, and is measured", fontsize=10)


def next_task(axes: Axes) -> None:
    """Draw the error on new sinusoids after some steps on ten points of each, from three starts."""
    figures = json.loads((RESULTS / "sinusoid.json").read_text())["figures"]
    seeds = [found for name, found in figures.items() if name.startswith("seed")]
    for start, color in STARTS.items():
        steps = sorted(int(step) for step in seeds[0][start]["error"])
        for seed in seeds:
            errors = [seed[start]["error"][str(step)]["mean"] for step in steps]
            axes.plot(steps, errors, "o-", color=color, markersize=4, linewidth=1.5)
        axes.text(10.3, errors[-1], start, color=color, va="center", fontsize=9)
    axes.set_yscale("log")
    axes.set_yticks([0.1, 0.3, 1, 3], ["0.1", "0.3", "1", "3"])
    axes.minorticks_off()
    axes.set_xlim(-0.4, 15.5)
    axes.set_xticks([0, 1, 5, 10])
    axes.set_xlabel("gradient steps on 10 points of a new sinusoid")
    axes.set_title("The next one: squared error, three seeds", fontsize=10)


def draw() -> Figure:
    """Return the picture."""
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1))
    together_or_apart(left)
    next_task(right)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    left.spines["left"].set_visible(False)
    return figure


if __name__ == "__main__":
    matplotlib.rcParams |= {"svg.hashsalt": "polytask", "svg.fonttype": "path"}
    draw().savefig(PICTURE, metadata={"Date": None, "Description": digest()})
    print(f"picture written to {PICTURE.relative_to(ROOT)}")

"""Tables about few labels: new classes, proteins, schools, intents and speakers."""

from typing import Any

from benchmarks.figures.tables.registry import markdown, shown, table
from benchmarks.figures.values import number, read
from benchmarks.quality.overlaps import overlap

from polytask.core import mean_interval

# Any kind of examples


@table("adapt")
def adapt() -> str:
    """`polytask.adapt` with its defaults."""
    found = read("adapt-examples")["figures"]
    rows = []
    for name, label, rivals in (
        ("intents-150-ways-5-shots", "CLINC150, 150 intents, 5 examples each",
         "MiniLM prototypes {}, TF-IDF + logistic {}"),
        ("intents-30-ways-5-shots", "30 intents, 5 each", "{}, {}"),
        ("intents-30-ways-1-shot", "30 intents, 1 each", "{}, {}"),
        ("a-new-speakers-digits-5-shots", "spoken digits, a new speaker, 5 each", "embedding prototypes {}"),
        ("a-new-speakers-digits-1-shot", "spoken digits, a new speaker, 1 each", "{}"),
    ):  # fmt: skip
        cell = found[name]
        names = ("MiniLM prototypes", "TF-IDF + logistic regression", "embedding prototypes")
        theirs = [
            number(cell[f"accuracy of {rival}"][0] * 100, 1)
            for rival in names
            if f"accuracy of {rival}" in cell
        ]
        none = (
            f", {number(cell['unknown called none'][0] * 100, 0)} %" if "unknown called none" in cell else ""
        )
        rows.append([
            label,
            f"{shown(cell['accuracy'], 1, scale=100)} %",
            rivals.format(*theirs),
            number(cell["calibration error"][0], 3),
            number(cell["AUROC of none"][0], 3) if "AUROC of none" in cell else "",
            f"{number(cell['known called none'][0] * 100, 1)} %{none}",
        ])  # fmt: skip
    header = ["", "accuracy", "rivals on the same draws", "calibration error", "AUROC of none"]
    return markdown([*header, "known, unknown called none"], rows)


@table("glyphs")
def glyphs() -> str:
    """Every learner of the catalogue on built-in letters of scripts never seen, the best first."""
    found = dict(read("glyph-learners")["figures"])
    pixels = found.pop("pixels")
    rows = [
        [
            f"`{name}`" + (", transductive" if cell["transductive"] else ""),
            cell["family"],
            f"{cell['steps']:,}",
            *over_seeds(cell),
        ]
        for name, cell in sorted(found.items(), key=lambda one: -_mean(one[1]))
    ]
    rows.append(["pixels, nearest mean", "", "", *over_seeds(pixels)])
    return markdown(["", "family", "steps", "5-way 1-shot", "seeds"], rows)


@table("image-learners")
def image_learners() -> str:
    """What may be the default of images, on four sets."""
    found = read("image-learners")["figures"]
    rows = []
    for name, label in (
        ("glyphs", "glyphs, scripts never seen"),
        ("alphabets", "Omniglot's background, alphabets never seen"),
        ("coloured glyphs", "glyphs in colour on a coloured ground"),
        ("spectrograms", "spoken digits as images, a speaker never seen"),
    ):
        for shot in ("1-shot", "5-shot") if name in found else ():
            cells = [
                found[name][one][shot] for one in ("pixels", "simple-shot", "prototypes", "varied-prototypes")
            ]
            texts = [over_seeds(cell) for cell in cells]
            rows.append([f"{label}, {shot}", *(text for text, _ in texts), texts[0][1]])
    return markdown(["5-way", "pixels", "simple-shot", "prototypes", "varied-prototypes", "seeds"], rows)


def over_seeds(cell: dict[str, Any]) -> tuple[str, str]:
    """Return the accuracy over seeds, and how many there are; of two both, of one over its episodes."""
    runs = list(cell["by seed"].values())
    if len(runs) == 1:
        return f"{number(runs[0]['accuracy'], 1)} ± {number(runs[0]['half_width_95'], 1)} %", "1"
    if len(runs) == 2:  # with which an interval says little
        return " / ".join(number(run["accuracy"], 1) for run in runs) + " %", "2"
    return f"{shown(mean_interval([run['accuracy'] for run in runs]).to_json(), 1)} %", str(len(runs))


def _mean(cell: dict[str, Any]) -> float:
    runs = cell["by seed"].values()
    return sum(run["accuracy"] for run in runs) / len(runs)


# Omniglot

KINDS = ("5-way 1-shot", "5-way 5-shot", "20-way 1-shot")
OMNIGLOT = {
    "varied prototypes": "varied prototypes of a residual network, inductive, {steps} steps",
    "prototypes": "prototypes, inductive",
    "r2d2": "R2D2, inductive, {steps} episodes of 20 ways, training classes alone",
    "cnp": "CNP for classes, inductive, {steps} steps of 8 episodes, training classes alone",
    "maml": "MAML, transductive by BatchNorm, {steps} steps in bf16",
    "anil": "ANIL, transductive by BatchNorm, {steps} steps of 8 tasks, training classes alone",
    "reptile": "Reptile, likewise, {steps} steps of 5 tasks",
}


@table("omniglot")
def omniglot() -> str:
    """Accuracy over seeds, and how long each took, with what disturbed it."""
    found = read("omniglot")["figures"]
    rows = []
    for name, label in OMNIGLOT.items():
        if name not in found:
            continue
        cell = found[name]
        kinds = [_of_episodes(cell, kind) for kind in KINDS]
        runs = list(cell["by seed"].values())
        rows.append([label.format(steps=f"{cell['steps']:,}"), str(len(runs)), *kinds, _minutes(runs)])
    return markdown(["", "seeds", *KINDS, "minutes"], rows)


def _of_episodes(cell: dict[str, Any], kind: str) -> str:
    """Return the accuracy over seeds; of one seed alone over its episodes."""
    (first, *others) = cell["by seed"].values()
    if kind not in first:
        return "—"
    if others:
        return f"{cell['over seeds'][kind]} %"
    return f"{number(first[kind]['accuracy'] * 100, 2)} ± {number(first[kind]['half_width_95'] * 100, 2)} %"


def _minutes(runs: list[dict[str, Any]]) -> str:
    """Tell all minutes, and of how many runs other work or a pause was part."""
    times = ", ".join(number(run["minutes"], 0) for run in runs)
    cores = {1: "one core", 2: "two cores"}.get(runs[0]["threads"], f"{runs[0]['threads']} cores")
    beside = sum("other work beside it" in run for run in runs)
    paused = sum("minutes paused, about" in run or "paused" in run for run in runs)
    noted = [
        text
        for count, text in (
            (beside, f"{beside} with other work beside"),
            (paused, f"{paused} paused for a while"),
        )
        if count
    ]
    return f"{times} on {cores}" + (f" ({'; '.join(noted)})" if noted else "")


@table("alphabets")
def alphabets() -> str:
    """Error within an alphabet never seen."""
    found = read("omniglot-alphabets")["figures"]
    rows = []
    for name in ("25 alphabets", "5 alphabets, first draw", "5 alphabets, second draw"):
        ours, plain = found.get(name), found[f"four layers, by plain episodes: {name}"]
        cells = [*_error(ours, "minutes of one core"), *_error(plain, "minutes")] if ours else [
            "not run", "", *_error(plain, "minutes")
        ]  # fmt: skip
        rows.append([name, str(plain["characters"]), *cells])
    header = ["trained on", "characters", "class means of varied drawings", "minutes on one core"]
    return markdown([*header, "by plain episodes", "minutes on one core"], rows)


def _error(cell: dict[str, Any], minutes: str) -> list[str]:
    runs = list(cell["by seed"].values())
    if len(runs) > 2:
        text = f"{cell['error over seeds']} % ({len(runs)} seeds)"
    elif len(runs) == 2:  # with which an interval says little
        text = " / ".join(number(run["error"], 2) for run in runs) + " % (2 seeds)"
    else:
        steps = f" ({runs[0]['steps']:,} steps)" if "steps" in runs[0] else ""
        text = f"{number(runs[0]['error'], 2)} ± {number(runs[0]['half_width_95'], 2)} %{steps}"
    times = [number(amount, 1) for amount in sorted(run[minutes] for run in runs)]
    return [text, times[0] if len(times) == 1 else f"{times[0]} to {times[-1]}"]


# Proteins, schools, patients


@table("molecules")
def molecules(*given: str) -> str:
    """R² on new proteins; of ``apart``, with the test proteins' molecules taken out of training."""
    kind = "molecules apart" if given else "all molecules"
    found = read("few-shot-molecules")["figures"][kind]["methods"]
    rows = [
        [name, *(shown(cell[n]["R2"], 3) for n in ("16 labels", "64 labels"))] for name, cell in found.items()
    ]
    return markdown([kind if given else "", "16 labels", "64 labels"], rows)


@table("task-learners")
def task_learners() -> str:
    """Learners of small tasks beside ridge regressions, on each set that was measured."""
    found = read("task-learners")["figures"]
    sets = {"chicks": "chicks", "patients": "patients", "schools": "schools"}
    columns = [
        (name, label, n)
        for name, label in sets.items()
        if name in found
        for n in found[name]["methods"]["mixed"]
    ]
    order = ("pooled", "own", "levels", "mixed", "cnp", "np", "anp", "tnp", "pfn", "auto")
    rows = []
    for method in order:
        cells = [found[name]["methods"][method][n] for name, _, n in columns]
        rows.append([method, *(f"{shown(one['log_density'], 2)}; {shown(one['rmse'], 1)}" for one in cells)])
    return markdown(["", *(f"{label}, {n} known" for _, label, n in columns)], rows)


@table("task-classes")
def task_classes() -> str:
    """Learners of small tasks of classes, on each set that was measured."""
    found = read("task-classes")["figures"]
    columns = [
        (name, n)
        for name in ("toxicity", "sorts")
        if name in found
        for n in ("1", "5", "20")
        if n in found[name]["methods"]["pfn"]
    ]
    rows = []
    there = {method for name, _ in columns for method in found[name]["methods"]}
    for method in ("levels", "pooled", "own", "mixed", "logistic", "pfn", "auto"):
        if method not in there:
            continue
        cells = [found[name]["methods"].get(method, {}).get(n) for name, n in columns]
        shares = [
            "–" if one is None else f"{shown(one['log_probability'], 2)}; {shown(one['error_rate'], 2)}"
            for one in cells
        ]
        rows.append([method, *shares])
    return markdown(["", *(f"{name}, {n} known" for name, n in columns)], rows)


@table("new-tasks")
def new_tasks() -> str:
    """Explained variance on new schools and patients."""
    found = read("few-shot-tables")["figures"]
    methods = ("pooled ridge", "pooled network", "separate ridge", "separate line over time",
               "pooled ridge + own correction", "ridge head, free intercept",
               "MAML", "ANIL", "CNP", "TNP-D")  # fmt: skip
    sizes = ("5 labels", "10 labels", "20 labels")
    rows = [
        [
            method,
            *(
                shown(found[name]["by labels"][size][method]["explained"], 2)
                if method in found[name]["by labels"][size]
                else "—"
                for name in ("school", "motor")
                for size in sizes
            ),
        ]
        for method in methods
    ]
    header = ["", "school, 5 pupils", "10", "20", "motor UPDRS, 5 recordings", "10", "20"]
    return markdown(header, rows)


# Intents, speakers


@table("intents")
def intents() -> str:
    """Accuracy of frozen prototypes and gains of the others over them, of the seeds that all cells have.

    By seed of one or two seeds, with which intervals say little; mean and interval of three or more.
    """
    found = read("few-shot-text")["figures"]["minilm"]
    kinds = ("5-way 1-shot", "30-way 1-shot", "30-way 5-shot")
    runs = [cell["by seed"] for split in found.values() for cell in split.values()]
    seeds = [seed for seed in runs[0] if all(seed in run for run in runs)]
    rows = []
    for method in found["random"]:
        frozen = method == "frozen prototypes"
        cells = [
            _over_seeds([found[split][method]["by seed"][seed][kind] for seed in seeds], frozen=frozen)
            for split in ("random", "domains")
            for kind in kinds
        ]
        rows.append([method, *cells])
    header = ["", "random intents: 5-way 1-shot", *kinds[1:], "new domains: 5-way 1-shot", *kinds[1:]]
    return markdown(header, rows)


def _over_seeds(runs: list[dict[str, Any]], *, frozen: bool) -> str:
    values = [run["accuracy" if frozen else "gain"] * 100 for run in runs]
    unit = " %" if frozen else ""
    if len(values) > 2:
        ratio = overlap(30, 90)  # intents judged, and trained on
        return shown(mean_interval(values, test_over_train=ratio).to_json(), 1, plus=not frozen) + unit
    return " / ".join(number(one, 1, plus=not frozen) + unit for one in values)


@table("speakers")
def speakers() -> str:
    """Digits of a new speaker."""
    found = read("few-shot-speech")["figures"]
    order = ("log-mel, prototypes", "pooled network, no adaptation", "pooled network, fine-tuned",
             "pooled network, prototypes", "ProtoNet", "R2D2", "ANIL")  # fmt: skip
    rows = [
        [name, *(_over_speakers(found[name]["by speaker and seed"], f"{n}-shot") for n in (1, 5))]
        for name in order
    ]
    return markdown(["", "1 recording of each digit", "5 recordings"], rows)


@table("speaker-gain")
def speaker_gain(method: str, kind: str) -> str:
    """Gain in points over prototypes on the pooled network's features, paired by speaker, over speakers."""
    found = read("few-shot-speech")["figures"]
    ours, plain = (found[name]["by speaker and seed"] for name in (method, "pooled network, prototypes"))
    runs = {run: {kind: ours[run][kind] - plain[run][kind]} for run in ours if run in plain}
    return _over_speakers(runs, kind)


def _over_speakers(runs: dict[str, Any], kind: str) -> str:
    """Average the seeds of each speaker; the interval is over speakers."""
    of_speaker: dict[str, list[float]] = {}
    for run, found in runs.items():
        of_speaker.setdefault(run.split(",")[0], []).append(100 * found[kind])
    means = [sum(values) / len(values) for values in of_speaker.values()]
    ratio = overlap(1, 4)  # of six speakers one is judged, four are trained on
    return shown(mean_interval(means, test_over_train=ratio).to_json(), 1)


# Frozen encoders, for docs/encoders.md


@table("frozen-encoders")
def frozen_encoders() -> str:
    """Frozen vectors of a pretrained encoder and of the one without weights."""
    found = read("frozen-encoders")["figures"]
    rows = []
    for name, data, task in (
        ("requests", "CLINC150, requests", "20 intents, 5 examples of each"),
        ("letters", "Omniglot, drawings", "20 letters, 1 example of each"),
        ("digits", "Free Spoken Digit", "10 digits, 5 examples of each"),
        ("speakers", "Free Spoken Digit", "6 speakers, 5 examples of each"),
    ):
        cells = [f"{one['accuracy']}, {number(one['ms an item'], 1)} ms" for one in found[name].values()]
        rows.append([data, task, *cells])
    return markdown(["items", "task", "with weights", "with nothing"], rows)


@table("drawings")
def drawings() -> str:
    """Drawings of Omniglot by encoder."""
    found = read("adapt-examples")["figures"]
    ways = ("pixels, nearest mean", "EfficientNet prototypes", "drawing prototypes")
    rows = []
    for n_way in (5, 20):
        for shots in ("1-shot", "5-shots"):
            cell = found[f"drawings-{n_way}-ways-{shots}"]
            label = f"{n_way} classes, {shots[0]} example{'s' if shots[0] == '5' else ''} of each"
            rows.append(
                [label, *(shown(cell[f"accuracy of {way}"], 3) for way in ways), shown(cell["accuracy"], 3)]
            )
    return markdown(["task", "pixels", "EfficientNet-Lite0", "drawings", "the default"], rows)

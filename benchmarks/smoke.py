"""Runs every benchmark script once, as small as it gets: does it still run?

    python -m benchmarks.smoke                      # all; a few minutes on two cores
    python -m benchmarks.smoke joint few_shot_text  # some

The scripts are those of `benchmarks.scripts`. One is loaded, its constants are made small, training is cut to
a few steps and evaluation to a few episodes, and its `main` is called; whatever it would write into
``results`` goes to a folder that is thrown away. A script whose data are not in the folder that
``POLYTASK_DATA`` names, or whose pretrained model is not in the cache, is left out, with the reason. The
figures mean nothing.
"""

import argparse
import contextlib
import importlib
import io
import multiprocessing
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.scripts import FOLDERS, HERE, SCRIPTS, loaded, redirect, script_files

from polytask.core.processors import processors

N_STEPS, N_EPISODES = 4, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """How a script is made short.

    Args:
        arguments: What the command line would say.
        constants: Put in place of those of the script.
        shorten: Changes what else takes long.
    """

    arguments: tuple[str, ...] = ()
    constants: dict[str, Any] | None = None
    shorten: Callable[[Any], None] | None = None


# What takes long in a script beside its constants.


def by_few_channels(_: Any) -> None:
    """Encode tens of thousands of drawings by few channels, and from one side of nine."""
    recipe: Any = importlib.import_module("varied_prototypes")
    recipe.AveragedViews = lambda encoder: encoder
    residual_encoder = recipe.residual_encoder
    recipe.residual_encoder = lambda **_: residual_encoder(width=2)


def short_sets(module: Any) -> None:
    """Train on the sets for a few steps, with one rate, on some of their rows."""
    sets: Any = importlib.import_module("joint_sets")
    sets.N_CANVASES = (200, 100, 100)

    def some(load: Callable[[int], Any], seed: int) -> Any:
        parts = load(seed)
        return replace(
            parts,
            train=parts.train.rows(slice(2000)),
            validation=parts.validation.rows(slice(800)),
            test=parts.test.rows(slice(800)),
        )

    for name, case in module.CASES.items():
        module.CASES[name] = replace(
            case, n_steps=N_STEPS, rates=case.rates[:1], load=partial(some, case.load)
        )


def few_proteins(module: Any) -> None:
    """Judge two proteins, and train on some."""
    whole = module.prepare

    def prepare(*given: Any, **options: Any) -> Any:
        fold = whole(*given, **options)
        train = sorted(fold.train.items(), key=lambda item: -len(item[1]))[:8]
        first = {part: dict(list(getattr(fold, part).items())[:2]) for part in ("validation", "test")}
        return replace(fold, train=dict(train), **first)

    module.prepare = prepare


def few_speakers(module: Any) -> None:
    """Ask four speakers."""
    whole = module.by_speaker

    def by_speaker() -> Any:
        names, tables = whole()
        return names[:4], tables[:4]

    module.by_speaker = by_speaker


def in_this_process(module: Any) -> None:
    """Measure a cell here: its time and memory do not count."""
    if hasattr(module, "cell"):
        module.cell = module.measure
    else:
        # What this process took before is no part of the peak, which may leave 0.
        module.in_process = lambda *given: {**module.measure(*given), "mib": 1.0}


def few_epochs_of_fit(module: Any) -> None:
    """Fit tables in few epochs, and keep cells where the results go."""

    class Short:
        """What of `polytask` a script uses."""

        @staticmethod
        def fit(*given: Any, **options: Any) -> Any:
            import polytask

            return polytask.fit(*given, epochs=3, **options)

    module.polytask = Short
    if hasattr(module, "CELLS"):
        module.CELLS = module.RESULTS.parent / "cells of tables"


def few_epochs_of_pilots(module: Any) -> None:
    """Compare in few epochs, and keep cells and coefficients where the results go."""
    module.FULL = replace(module.FULL, epochs=2)
    module.CELLS = module.RESULTS.parent / "cells of pilots"
    module.PROBABILITY_FILE = module.RESULTS.parent / "probability.json"


def known_elsewhere(module: Any) -> None:
    """Write beside the results, and not into the package."""
    module.FILE = Path(tempfile.gettempdir()) / "known_tasks.json"


def digits_for_pictures(module: Any) -> None:
    """Learn from digits alone, twice, and write beside the results."""
    known_elsewhere(module)
    digits = importlib.import_module("unseen_sets").digits
    module.PICTURES = {"digits": digits, "again": digits}


def four_methods(module: Any) -> None:
    """Train four methods for two steps, and keep their cells elsewhere."""
    module.SETS["wq"] = replace(module.SETS["wq"], n_steps=2)
    module.CELLS = Path(tempfile.mkdtemp())
    module.methods = lambda: ["balancer:equal", module.FIXED, "balancer:auto-lambda", "architecture:mmoe"]


def never_compiled(module: Any) -> None:
    """Compiling takes longer than all the rest, and `speed/meta.py` does it."""
    module.Compiled = lambda: None  # which is the plain loop


CASES: dict[str, Case] = {
    "known_tasks": Case(
        constants={"N_TASKS": 1, "MOST_OF_A_CLASS": 11, "WAYS": (5,)}, shorten=known_elsewhere
    ),
    "known_pictures": Case(
        arguments=(".", "colour-gradients"), constants={"WAYS": (5,)}, shorten=digits_for_pictures
    ),
    "one_example_calibration": Case(
        constants={"N_CLASSES": 5, "N_TASKS": 1, "N_QUERIES": 9},
    ),
    "portfolio": Case(constants={"WAYS": (2, 5), "SHOTS": (2,), "DRAWS": 1, "N_QUERIES": 3, "SIZES": (1, 2)}),
    "task_learners": Case(arguments=("--set", "chicks"), constants={"STEPS": 2, "N_PARTS": 2}),
    "task_classes": Case(
        arguments=("--set", "sorts"), constants={"STEPS": 2, "N_TASKS": 40, "N_PARTS": {"sorts": 2}}
    ),
    "every_method": Case(arguments=("--sets", "wq", "--seed", "0", "1"), shorten=four_methods),
    "unseen_examples": Case(arguments=(".", "small-digits"), constants={"DRAWS": 1}),
    "command_start": Case(arguments=("--rounds", "1")),
    "living_classes": Case(
        arguments=("--encoder", "hashed-text"), constants={"SIZES": (3, 4), "ROUNDS": 1}
    ),
    "serving": Case(arguments=("--clients", "2", "--seconds", "0.1")),
    "adapt_examples": Case(
        arguments=("intents-30-ways-1",), constants={"DRAWS": 1, "MOST_QUERIES": 20}
    ),
    "text_peers": Case(
        arguments=("intents-30-ways-1", "--minutes", "0"),
        constants={"DRAWS": 1, "MOST_QUERIES": 20},
    ),
    "learn_examples": Case(
        arguments=("speakers",), constants={"DRAWS": 1, "MOST_QUERIES": 20, "N_KNOWN": 4, "SHOTS": (1,)}
    ),
    "joint": Case(
        arguments=("sarcos", "tox21", "fashion", "multi-mnist", "--seed", "0", "1"),
        constants={"METHODS": ("famo",)},
        shorten=short_sets,
    ),
    "encoders": Case(arguments=("sarcos", "multi-mnist", "--seed", "0"), shorten=short_sets),
    "hospitals": Case(arguments=("--seed", "0"), constants={"N_STEPS": 4}),
    "affinities": Case(arguments=("sarcos",), shorten=short_sets),
    "pilots": Case(arguments=("sarcos",), constants={"SEEDS": (3, 4)}, shorten=short_sets),
    "mulan": Case(arguments=("slump", "--seed", "0"), constants={"RATES": (1e-3,)}),
    "pilot_probability": Case(
        arguments=("--table", "slump", "--table", "edm", "--table", "penguins"),
        constants={"SIZES": (60,)},
        shorten=few_epochs_of_pilots,
    ),
    "region_coverage": Case(arguments=("--tables", "slump", "penguins", "--splits", "2", "--epochs", "2")),
    "school": Case(arguments=("--splits", "1")),
    "few_shot_molecules": Case(
        arguments=("--fold", "0", "--draws", "1"),
        constants={"N_EPOCHS": 1, "WIDTHS": (32, 16)},
        shorten=few_proteins,
    ),
    "few_shot_speech": Case(
        arguments=("--seed", "0", "--steps", "4"),
        constants={"N_DRAWS": 2, "FINE_TUNING": (0.001,)},
        shorten=few_speakers,
    ),
    "few_shot_tables": Case(arguments=("--set", "motor", "--seed", "0", "--steps", "6")),
    "few_shot_text": Case(
        arguments=("--encoder", "tf-idf", "--split", "domains", "--seed", "0", "--steps", "4"),
        constants={"KINDS": ((5, 1),)},
    ),
    "frozen_encoders": Case(
        arguments=("digits", "--seed", "0"), constants={"N_EPISODES": N_EPISODES, "N_RECORDINGS": 150}
    ),
    "gaussian_processes": Case(
        arguments=("--iterations", "2", "--seed", "0"), constants={"N_TEST_STEPS": 1, "N_DRAWS": 2}
    ),
    "image_learners": Case(arguments=("--seed", "0", "--steps", "2", "--test-episodes", "4")),
    "glyph_learners": Case(
        arguments=("prototypes", "maml", "cosine-fine-tuning", "--steps", "2", "--test-episodes", "4")
    ),
    "learner_choice": Case(
        arguments=("--seed", "0", "--tables", "slump", "edm", "andro"),
        constants={"N_TRIES": 2, "N_FOLDS": 2, "MOST_TARGETS": 2},
    ),
    "meta_rl": Case(
        arguments=("--seed", "0", "1"),
        constants={"N_TEST": 20, "N_TASKS": {"RL2": 8, "MAML": 8, "MAML navigation": 4}},
        shorten=lambda module: module.N_ITERATIONS.update(dict.fromkeys(module.N_ITERATIONS, 6)),
    ),
    "omniglot": Case(arguments=("--steps", "1", "--seed", "0", "--threads", "1"), shorten=by_few_channels),
    "omniglot_alphabets": Case(
        arguments=("--seed", "0", "--settings", "5 alphabets, first draw", "--steps", "2"),
        shorten=by_few_channels,
    ),
    "plasticity": Case(arguments=("--seed", "0", "--steps", "2")),
    "sinusoid": Case(
        arguments=("--iterations", "2"),
        constants={"TARGETS": {1: 100.0, 10: 100.0}, "N_TEST_TASKS": 2},
        shorten=never_compiled,
    ),
    "two_objectives": Case(arguments=("--steps", "2")),
    "architectures": Case(constants={"N_STEPS": 4}),
    "balancing": Case(
        arguments=("--repeats", "1", "--rounds", "1", "--tasks", "2", "8", "--trunks", "mlp", "cnn"),
        shorten=in_this_process,
    ),
    "tables": Case(
        arguments=("--table", "andro", "--seed", "0", "--method", "ridge / logistic", "--method",
                   "polytask, default"),
        shorten=few_epochs_of_fit,
    ),
    "task_column": Case(
        arguments=("--set", "motor", "--splits", "1"), constants={"EPOCHS": 2, "N_STEPS": 2, "N_DRAWS": 1}
    ),
    "task_sampling": Case(arguments=("--splits", "1"), constants={"EPOCHS": 2, "N_SCHOOLS": 6}),
    "table_fitting": Case(
        arguments=("--rounds", "1", "--rows", "300"),
        constants={"N_EPOCHS": 2, "PREDICTED": 100},
        shorten=few_epochs_of_fit,
    ),
    "table_reading": Case(arguments=("mixed", "--rows", "200", "--rounds", "1")),
    "large_tables": Case(arguments=("--rows", "3000", "--large", "1000", "--epoch-rows", "500")),
    "many_tasks": Case(arguments=("--tasks", "40", "--epochs", "1")),
    "solvers": Case(arguments=("--tasks", "2", "4", "--repeats", "1")),
    "balancing_growth": Case(
        arguments=("--tasks", "2", "4", "--width", "8", "16", "--rows", "8", "16", "--rounds", "1")
    ),
    "communication": Case(arguments=("--tasks", "2")),
    "training_step": Case(arguments=("--steps", "4", "--rounds", "1")),
    "meta_growth": Case(
        arguments=("--seconds", "0"),
        constants={"CURVES": {"tasks": [2, 3], "inner steps": [1, 2], "width": [4, 8]}},
    ),
    "meta_peers": Case(
        arguments=("--rounds", "1", "--steps", "1"), constants={"PER_ROUND": {"vmap": 1, "plain loop": 1}}
    ),
    "meta_training": Case(
        arguments=("FOMAML, sinusoid", "ANIL, sinusoid", "prototypes, Conv4", "--rounds", "1"),
        constants={"N_EPISODES": {"Conv4": 2, "sinusoid": 25}},
    ),
    "meta": Case(
        arguments=("sinusoid, 1 step", "Conv4, 1 step, two threads", "--seconds", "0", "--ways", "plain loop",
                   "run_loop", "loop", "vmap", "compiled", "threads", "auto"),
        constants={"PROBLEMS": {"sinusoid, 1 step": ("sinusoid", 2, 1),
                                "Conv4, 1 step, two threads": ("conv4", 2, 1)}},
        shorten=in_this_process,
    ),
}  # fmt: skip
"""By the name of the script."""


def run_one(name: str, into: Path) -> None:
    """Load a script, shorten it, and call it."""
    case = CASES[name]
    module = loaded(name, case.constants)
    redirect(module, into)
    cap(module)
    if case.shorten is not None:
        case.shorten(module)
    sys.argv = [str(script_files()[name]), *case.arguments]
    module.main()


def cap(module: Any) -> None:
    """Cut training and evaluation, where a script calls ours."""
    from polytask.evaluate import evaluate_episodes
    from polytask.train import train

    def short_train(*given: Any, n_steps: int, validate_every: int = 1, **options: Any) -> Any:
        return train(*given, n_steps=min(n_steps, N_STEPS), validate_every=min(validate_every, 2), **options)

    if getattr(module, "train", None) is train:
        module.train = short_train
    if getattr(module, "evaluate_episodes", None) is evaluate_episodes:
        module.evaluate_episodes = lambda *given, n_episodes, **options: evaluate_episodes(
            *given, n_episodes=min(n_episodes, N_EPISODES), **options
        )


# The runner


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How a script went: what it said, and why it was left out or failed."""

    name: str
    seconds: float
    output: str
    left_out: str = ""
    failed: str = ""


def attempt(name: str, into: Path) -> Report:
    """Run a script, and catch whatever goes wrong."""
    from polytask.core import DataError

    start, output = time.perf_counter(), io.StringIO()
    left_out = failed = ""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(output):
            warnings.simplefilter("ignore")
            run_one(name, into)
    except DataError as error:
        here = any(remedy in str(error) for remedy in ("POLYTASK_DATA", "polytask models fetch"))
        left_out, failed = (str(error), "") if here else ("", traceback.format_exc())
    except (Exception, SystemExit):  # noqa: BLE001 - whatever a script raises is reported
        failed = traceback.format_exc()
    seconds = time.perf_counter() - start
    return Report(name=name, seconds=seconds, output=output.getvalue(), left_out=left_out, failed=failed)


def with_results(folder: Path) -> None:
    """Copy the results of today into a folder: some scripts read what others have measured."""
    for results in FOLDERS:
        shutil.copytree(HERE / results / "results", folder, dirs_exist_ok=True)


def reports(names: Sequence[str], jobs: int) -> Iterator[Report]:
    """Run scripts in processes that are used again, as loading torch takes longer than most scripts."""
    with tempfile.TemporaryDirectory(prefix="smoke.") as folder:
        with_results(Path(folder))
        call = partial(attempt, into=Path(folder))
        if jobs == 1:
            yield from map(call, names)
            return
        with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
            yield from pool.map(call, names)


def main() -> int:
    """Run the scripts; the exit code tells whether all of them did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(CASES), help="of scripts, without .py")
    parser.add_argument("--jobs", type=int, default=min(2, processors()))
    asked = parser.parse_args()
    failed = sorted(SCRIPTS.keys() - CASES.keys())
    for name in failed:
        print(f"{name:20} is not in the table of smoke.py: add how it is made short")
    for report in reports(asked.names, asked.jobs):
        said = "FAILED" if report.failed else f"left out: {report.left_out}" if report.left_out else "runs"
        print(f"{report.name:20} {said} ({report.seconds:.0f} s)", flush=True)
        if report.failed:
            failed.append(report.name)
            print(report.output[-1000:], report.failed, sep="\n", flush=True)
    print(f"{len(asked.names)} scripts, {len(failed)} failed{': ' + ', '.join(failed) if failed else ''}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())

"""The list of benchmark scripts: what each is run with in the fast and in the full tier, and for how long.

`benchmarks.run` (``make bench``, ``make bench-full``) and `benchmarks.smoke` (``make bench-smoke``) read it.
A script that is not in the list fails ``tests/benchmarks/test_run.py``.
"""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["HERE", "SCRIPTS", "Fast", "Script", "loaded", "redirect", "script_files"]

HERE = Path(__file__).resolve().parent
FOLDERS = ("quality", "speed")
READ_BY_OTHERS = (
    "results",
    "joint_sets",
    "overlaps",
    "pilot_tables",
    "table_sets",
    "growth",
    "jax_maml",
    "equal_time",
    "varied_prototypes",
    "unseen_sets",
    "picture_sets",
    "task_parts",
    "text_workers",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fast:
    """How a script is run in the fast tier: fewer seeds, steps or rounds, and nothing that is not there.

    Args:
        arguments: What the command line says.
        minutes: What it takes on one free core, about.
        constants: Put in place of those of the script.
    """

    arguments: tuple[str, ...] = ()
    minutes: float = 1.0
    constants: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A benchmark script.

    Args:
        parts: What its command line says in the full tier, a part at a time; each part is done once.
        minutes: What all parts take, about.
        fast: In the fast tier; None for what is too long, or needs data that a clean clone has not.
    """

    parts: tuple[tuple[str, ...], ...] = ((),)
    minutes: float = 5.0
    fast: Fast | None = None


def _each(names: str, *more: str) -> tuple[tuple[str, ...], ...]:
    """Return a part for every word."""
    return tuple((name, *more) for name in names.split())


def _cells(*names: str) -> tuple[tuple[str, ...], ...]:
    """Return a part for every name and seed."""
    return tuple((name, "--seed", str(seed)) for name in names for seed in range(3))


SETS = "sarcos sarcos-equal-parameters tox21 census fashion multi-mnist spoken-digits"

SCRIPTS: dict[str, Script] = {
    # Time and memory; nothing else should run beside them.
    "balancing": Script(
        minutes=15,
        fast=Fast(arguments=("--rounds", "1", "--repeats", "3", "--tasks", "40"), minutes=3),
    ),
    "balancing_growth": Script(
        minutes=6,
        fast=Fast(
            arguments=("--tasks", "8", "32", "128", "--width", "64", "256", "--rows", "64", "1024"),
            minutes=1,
        ),
    ),
    "solvers": Script(minutes=4, fast=Fast(arguments=("--tasks", "5", "20", "--repeats", "3"), minutes=1.5)),
    "training_step": Script(minutes=2, fast=Fast(arguments=("--steps", "200", "--rounds", "5"), minutes=0.3)),
    "table_fitting": Script(
        minutes=6, fast=Fast(arguments=("--rounds", "1", "--rows", "10000"), minutes=2)
    ),
    "table_reading": Script(
        minutes=7,
        fast=Fast(arguments=("mixed", "numbers", "words", "--rows", "60000", "--rounds", "3"), minutes=2),
    ),
    "large_tables": Script(
        minutes=10, fast=Fast(arguments=("--rows", "200000", "--large", "100000"), minutes=1.5)
    ),
    "many_tasks": Script(minutes=2, fast=Fast(arguments=("--tasks", "5000"), minutes=0.5)),
    "architectures": Script(minutes=2, fast=Fast(minutes=0.5, constants={"N_STEPS": 20})),
    "living_classes": Script(
        minutes=4, fast=Fast(arguments=("--encoder", "hashed-text"), minutes=1, constants={"ROUNDS": 5})
    ),
    "serving": Script(
        minutes=3, fast=Fast(arguments=("--clients", "16", "--seconds", "10"), minutes=1)
    ),
    "command_start": Script(minutes=3, fast=Fast(arguments=("--rounds", "3"), minutes=1)),
    "communication": Script(minutes=3, fast=Fast(arguments=("--tasks", "2", "10"), minutes=1)),
    "meta_growth": Script(minutes=5),
    "meta_peers": Script(minutes=10),
    "meta_training": Script(
        minutes=10, fast=Fast(arguments=("FOMAML, sinusoid", "ANIL, sinusoid", "--rounds", "3"), minutes=1)
    ),
    "meta": Script(
        minutes=30,
        fast=Fast(
            arguments=("sinusoid, 5 steps", "sinusoid, 1 step", "--seconds", "2", "--ways", "plain loop",
                       "loop", "vmap", "compiled", "auto"),
            minutes=5,
        ),
    ),
    # Quality, of what is generated or comes with the package.
    "sinusoid": Script(
        minutes=75,
        fast=Fast(
            arguments=("--seed", "0", "--iterations", "4000"), minutes=2, constants={"TARGETS": {}}
        ),
    ),
    "two_objectives": Script(minutes=20, fast=Fast(arguments=("--steps", "2500"), minutes=2)),
    "gaussian_processes": Script(
        minutes=40, fast=Fast(arguments=("--seed", "0", "--iterations", "400"), minutes=2)
    ),
    "plasticity": Script(minutes=6, fast=Fast(arguments=("--seed", "0"), minutes=2)),
    "meta_rl": Script(
        minutes=6,
        fast=Fast(arguments=("--seed", "0", "1"), minutes=3, constants={"N_TEST": 2000}),
    ),
    "glyph_learners": Script(
        minutes=25,
        fast=Fast(arguments=("prototypes", "maml", "simple-shot", "--seed", "0"), minutes=3),
    ),
    "tables": Script(
        minutes=240,
        fast=Fast(
            arguments=("--table", "penguins", "--table", "solar-flare", "--seed", "0"), minutes=2
        ),
    ),
    "task_learners": Script(
        parts=tuple(("--set", name) for name in ("chicks", "patients", "schools")),
        minutes=8,
        fast=Fast(arguments=("--set", "chicks"), minutes=0.7, constants={"STEPS": 10, "N_PARTS": 2}),
    ),
    "task_classes": Script(
        parts=tuple(("--set", name) for name in ("toxicity", "sorts")),
        minutes=5,
        fast=Fast(
            arguments=("--set", "sorts"),
            minutes=0.5,
            constants={"STEPS": 10, "N_TASKS": 24, "N_PARTS": {"sorts": 2}},
        ),
    ),
    "task_column": Script(minutes=40, fast=Fast(arguments=("--set", "chicks", "--splits", "2"), minutes=2)),
    "region_coverage": Script(
        minutes=60, fast=Fast(arguments=("--tables", "penguins", "--splits", "3"), minutes=1)
    ),
    # Quality on data that a clean clone has not.
    "omniglot": Script(
        parts=_cells("prototypes", "maml", "r2d2", "cnp", "anil", "reptile", "varied prototypes"),
        minutes=900,
    ),
    "omniglot_alphabets": Script(minutes=60),
    "image_learners": Script(minutes=36),
    "school": Script(minutes=10),
    "task_sampling": Script(minutes=6),
    "joint": Script(parts=_each(SETS), minutes=150),
    "every_method": Script(minutes=75),
    "affinities": Script(parts=_each("sarcos sarcos-equal-parameters tox21 fashion"), minutes=20),
    "pilots": Script(parts=_each(SETS), minutes=20),
    "pilot_probability": Script(minutes=120),
    "mulan": Script(minutes=60),
    "encoders": Script(parts=_each("sarcos multi-mnist"), minutes=30),
    "hospitals": Script(minutes=5),
    "few_shot_molecules": Script(
        parts=tuple(("--fold", str(fold)) for fold in range(5)), minutes=75
    ),
    "few_shot_tables": Script(minutes=10),
    "few_shot_text": Script(minutes=60),
    "few_shot_speech": Script(parts=tuple(("--seed", str(seed)) for seed in range(3)), minutes=90),
    "known_tasks": Script(minutes=10),
    "one_example_calibration": Script(minutes=10),
    "adapt_examples": Script(minutes=30),
    "text_peers": Script(parts=_each("intents-30 intents-150 docstrings"), minutes=150),
    "learn_examples": Script(minutes=10),
    "frozen_encoders": Script(parts=_each("requests letters digits speakers"), minutes=10),
    "learner_choice": Script(minutes=1),
    "portfolio": Script(minutes=15),
    # The other sets, and all of these pictures, are in packages that have to be unpacked first, see there.
    "known_pictures": Script(parts=((".",),), minutes=10),
    "unseen_examples": Script(parts=((".", "small-digits"),), minutes=2),
}  # fmt: skip
"""By the name of the script, in the order in which they run."""


def script_files() -> dict[str, Path]:
    """Return the files of the benchmark scripts by name."""
    files = [file for folder in FOLDERS for file in sorted((HERE / folder).glob("*.py"))]
    return {file.stem: file for file in files if file.stem not in READ_BY_OTHERS}


def loaded(name: str, constants: dict[str, Any] | None = None) -> Any:
    """Load a script as a module, with some of its constants replaced."""
    for folder in FOLDERS:
        if str(HERE / folder) not in sys.path:
            sys.path.append(str(HERE / folder))
    module = importlib.import_module(name)
    for attribute, value in (constants or {}).items():
        if not hasattr(module, attribute):
            raise AttributeError(f"{name}.py has no {attribute} any more; mend the list that replaces it.")
        setattr(module, attribute, value)
    return module


def redirect(module: ModuleType, into: Path) -> None:
    """Let a script write its results, and what it keeps, into a folder."""
    for name, value in vars(module).copy().items():
        if isinstance(value, Path) and name == "CELLS":  # what a script keeps to go on from
            setattr(module, name, into / f"cells of {module.__name__}")
        elif isinstance(value, Path) and value.name == "results":
            setattr(module, name, into)
        elif isinstance(value, Path) and value.parent.name in ("results", "logs"):
            setattr(module, name, into / value.name)

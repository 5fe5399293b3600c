"""The one writer of result files: what was measured, and what is needed to judge it and to do it again.

Every benchmark calls `write_results`; no script writes JSON into a ``results`` folder by itself
(``tests/benchmarks/test_results.py``). A file has the keys

- ``setting``: how it was measured;
- ``figures``: what came out;
- ``recorded``: a list of records, each of the entries of ``figures`` that it names: seed, split, versions,
  processor, instruction set, threads, commit, and the modules of polytask that ran with their common hash.
  What was measured before that was kept says so.
"""

import atexit
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["BEFORE", "commit", "hash_of", "modules_that_ran", "processor", "unfolded", "write_results"]

ROOT = Path(__file__).resolve().parents[2]
BEFORE = "recorded before this was kept"
"""Said of figures that have no seed, commit and modules beside them."""
MODULES_FOLDER = "POLYTASK_BENCH_MODULES"
"""Names the folder in which the processes that a benchmark starts leave the names of their modules."""
CODE = ("src/polytask/", "benchmarks/quality/", "benchmarks/speed/")
"""What is hashed, below `ROOT`; `OWN` is not, as it computes no figure."""
OWN = "benchmarks/quality/results.py"
PACKAGES = ("polytask", "torch", "numpy", "scikit-learn")


def write_results(
    path: Path,
    *,
    setting: dict[str, Any],
    figures: dict[str, Any],
    seed: int | Sequence[int],
    split: str,
    also: Iterable[str] = (),
    packages: Iterable[str] = (),
    threads: int | None = None,
) -> None:
    """Write figures and how they were made as JSON, whole or not at all.

    Entries of ``figures`` that stand in the file already, and alike, keep the record that they have.

    Args:
        path: The file in ``results``.
        setting: How it was measured.
        figures: What came out; its entries are what a record is kept for.
        seed: Of everything random, or the seeds.
        split: Which rows, classes or tasks are trained on and judged; ``"none: ..."`` where nothing is split.
        also: Folders or files of polytask below ``src/polytask`` that other processes run, which cannot
            tell by themselves: ``"cli"``.
        packages: Installed packages whose versions matter beside the usual ones.
        threads: Of torch where other processes measure; those of this process if not given.
    """
    from polytask.core.files import write_atomically

    path.parent.mkdir(parents=True, exist_ok=True)
    before = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    known = before.get("figures", {})
    same = [name for name in figures if name in known and known[name] == figures[name]]
    records = [
        {**record, "figures": kept}
        for record in before.get("recorded", [])
        if (kept := [name for name in _named(record, known) if name in same])
    ]
    new = [name for name in figures if name not in _all_named(records)]
    if new:
        made = _made(threads=threads, also=also, packages=packages)
        seeds = seed if isinstance(seed, int) else list(seed)
        records.append({"figures": new, "script": _script(), "seed": seeds, "split": split, **made})
    content = {"setting": setting, "figures": figures, "recorded": records}
    text = json.dumps(content, indent=2) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def _named(record: dict[str, Any], figures: dict[str, Any]) -> list[str]:
    names = record["figures"]
    return list(figures) if names == "all" else names


def _all_named(records: list[dict[str, Any]]) -> set[str]:
    return {name for record in records for name in record["figures"]}


def _made(*, threads: int | None, also: Iterable[str], packages: Iterable[str]) -> dict[str, Any]:
    """Return versions, hardware, commit and modules."""
    import torch

    files = modules_that_ran(also)
    from polytask.core.processors import processors  # which is not among them, as it computes no figure

    installed = {package: _version(package) for package in (*PACKAGES, *packages)}
    return {
        "versions": {"python": platform.python_version(), **installed},
        "hardware": {
            "processor": processor(),
            "instruction set": torch.backends.cpu.get_cpu_capability(),
            "cores": processors(),
            "threads": threads or torch.get_num_threads(),
        },
        "commit": commit(),
        "modules": {"sha256": hash_of(files), "files": _folded(files)},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _script() -> str:
    """Return the script with what its command line said."""
    path = Path(sys.argv[0]).resolve()
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    return " ".join([name, *sys.argv[1:]])


def processor() -> str:
    """Name the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def commit() -> str:
    """Return the commit that ran; " and changes" where files differ, "unknown" without git."""
    try:
        head = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", "src", "benchmarks/*.py")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + (" and changes" if changed else "")


def _git(*command: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *command], check=True, capture_output=True, text=True)
    return done.stdout.strip()


# The modules that ran


def modules_that_ran(also: Iterable[str] = ()) -> list[str]:
    """Return the files of polytask and of the benchmark that were loaded, here and in processes started."""
    found = set(_loaded())
    folder = os.environ.get(MODULES_FOLDER)
    for told in sorted(Path(folder).glob("*.txt")) if folder else ():
        found |= set(told.read_text("utf-8").split())
    for name in also:
        place = ROOT / "src" / "polytask" / name
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        found |= {file.relative_to(ROOT).as_posix() for file in files}
    return sorted(found)


def _loaded() -> list[str]:
    files = []
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and (path := Path(file).resolve()).is_relative_to(ROOT) and path.suffix == ".py":
            name = path.relative_to(ROOT).as_posix()
            if name.startswith(CODE) and name != OWN:
                files.append(name)
    return files


def hash_of(files: Iterable[str], root: Path = ROOT) -> str | None:
    """Return the SHA-256 of files by name and content; None where one is not there any more."""
    whole = hashlib.sha256()
    for name in sorted(files):
        if not (root / name).is_file():
            return None
        whole.update(name.encode() + b"\0" + hashlib.sha256((root / name).read_bytes()).digest())
    return whole.hexdigest()


def _folded(files: Iterable[str]) -> dict[str, str]:
    """Write files down by folder, on one line each."""
    found: dict[str, list[str]] = {}
    for name in files:
        folder, _, file = name.rpartition("/")
        found.setdefault(folder, []).append(file.removesuffix(".py"))
    return {folder: " ".join(names) for folder, names in found.items()}


def unfolded(files: dict[str, str]) -> list[str]:
    """Return the files that a record names."""
    return [f"{folder}/{name}.py" for folder, names in files.items() for name in names.split()]


def _tell() -> None:
    """Leave the names of the modules of this process where the one that writes looks for them."""
    folder = os.environ.get(MODULES_FOLDER)
    if folder and Path(folder).is_dir():
        (Path(folder) / f"{uuid.uuid4().hex}.txt").write_text("\n".join(_loaded()), encoding="utf-8")


def _watch() -> None:
    """Let processes that are started from here tell their modules, and tell one's own to a parent."""
    if MODULES_FOLDER in os.environ:
        atexit.register(_tell)
        return
    folder = tempfile.TemporaryDirectory(prefix="polytask-modules-")
    os.environ[MODULES_FOLDER] = folder.name
    atexit.register(folder.cleanup)


_watch()

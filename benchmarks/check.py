"""Is anything slower than when the tables of speed were made? And which tables are of code that has changed?

    python -m benchmarks.check                      # against the commits that the tables name
    python -m benchmarks.check --against HEAD~5     # against another one
    python -m benchmarks.check --rounds 15          # a narrower band of noise

A stored ratio is of one processor, so nothing is compared with it: the code of now and the code of then (a
git worktree) run here, in turn, in processes of their own, several rounds. A round gives a ratio of processor
time; over rounds these have a mean and an interval, the band of noise. A case is **slower** if the whole
interval is above ``--tolerance``; a case that **cannot run** with the code of now is a fault, too. A table is
**stale** when the hash of the modules that made it is another one now.
"""

import argparse
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.check_cases import CASES, TABLES
from benchmarks.scripts import FOLDERS, HERE, loaded

ROOT = HERE.parent
WORKTREES = ROOT / "runs" / "bench-check"

Measure = Callable[[Path, Sequence[str]], Mapping[str, float | str]]
"""Seconds of each case with the polytask of a tree; a text where it could not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A case, then and now.

    Args:
        case: Its name.
        ratio: Time of now over then, the geometric mean of rounds.
        low, high: Its interval of 95 %, the band of noise.
        verdict: What to think of it; "not compared" where the code of then lacks what the case uses.
        told: Why it could not be compared, or run.
    """

    case: str
    ratio: float = math.nan
    low: float = math.nan
    high: float = math.nan
    verdict: Literal["slower", "faster", "as before", "not compared", "cannot run"]
    told: str = ""


def compared(
    then: Path, now: Path, cases: Sequence[str], *, rounds: int, tolerance: float, measure: Measure
) -> list[Found]:
    """Time cases in two trees, in turn, and judge each."""
    pairs = []
    for index in range(rounds):
        # Who goes first alternates, so that a machine that slows down favours nobody.
        order = (then, now) if index % 2 else (now, then)
        by_tree = {tree: measure(tree, cases) for tree in order}
        pairs.append((by_tree[then], by_tree[now]))
    return [_judged(case, [(old[case], new[case]) for old, new in pairs], tolerance) for case in cases]


def _judged(case: str, pairs: Sequence[tuple[float | str, float | str]], tolerance: float) -> Found:
    from polytask.core import mean_interval

    old, new = ([one for one in seconds if isinstance(one, str)] for seconds in zip(*pairs, strict=True))
    if old or new:
        return Found(case=case, verdict="cannot run" if new else "not compared", told=[*new, *old][0])
    logs = [math.log(float(new) / float(old)) for old, new in pairs]
    interval = mean_interval(logs)
    ratio, low, high = (math.exp(value) for value in (interval.mean, interval.low, interval.high))
    slower, faster = low > 1 + tolerance, high < 1 / (1 + tolerance)
    verdict = "slower" if slower else "faster" if faster else "as before"
    return Found(case=case, ratio=ratio, low=low, high=high, verdict=verdict)


def in_process(tree: Path, cases: Sequence[str]) -> Mapping[str, float | str]:
    """Time cases in a process that imports the polytask of a tree."""
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.check_cases", *cases]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        return dict.fromkeys(cases, done.stderr.strip().splitlines()[-1][:200])
    return json.loads(done.stdout.splitlines()[-1])


# Where the tables come from


def commit_of(file: Path) -> str:
    """Return the commit that a table names; of one that names none, that which wrote it last."""
    records = json.loads(file.read_text("utf-8"))["recorded"]
    named = [record["commit"].split()[0] for record in records if "commit" in record]
    known = [commit for commit in named if _git("cat-file", "-t", commit, check=False) == "commit"]
    return known[-1] if known else _git("log", "-1", "--format=%H", "--", str(file))


def worktree(commit: str) -> Path:
    """Return a checkout of a commit, made if it is not there."""
    folder = WORKTREES / commit[:12]
    if not (folder / "src").is_dir():
        _git("worktree", "prune")
        _git("worktree", "add", "--force", "--detach", str(folder), commit)
    return folder


def _git(*command: str, check: bool = True) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *command], capture_output=True, text=True, check=check)
    return done.stdout.strip()


def files() -> dict[str, Path]:
    """Return the result files by name."""
    return {file.stem: file for folder in FOLDERS for file in sorted((HERE / folder).glob("results/*.json"))}


def stale(tables: Mapping[str, Path], root: Path = ROOT) -> tuple[dict[str, list[str]], list[str]]:
    """Return the tables whose modules have changed, with what made them, and those that do not say."""
    writer: Any = loaded("results")
    changed: dict[str, list[str]] = {}
    unknown = []
    for name, file in tables.items():
        for record in json.loads(file.read_text("utf-8"))["recorded"]:
            if "modules" not in record:
                unknown.append(name)
            elif (
                writer.hash_of(writer.unfolded(record["modules"]["files"]), root)
                != record["modules"]["sha256"]
            ):
                changed.setdefault(name, []).append(record["commit"][:9])
    return changed, sorted(set(unknown))


# The command


def main() -> int:
    """Compare, and tell; the exit code is 1 where something is slower, or cannot run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tolerance", type=float, default=0.1, help="the part that is no slowdown yet (0.1)")
    parser.add_argument("--against", help="a commit for all cases")
    parser.add_argument("--tree", type=Path, help="a checkout for all cases, in place of a commit")
    parser.add_argument("--now", type=Path, default=ROOT, help="a checkout in place of this one")
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES), metavar="CASE")
    asked = parser.parse_args()
    if asked.rounds < 3:
        parser.error("--rounds: a band of noise needs three rounds or more")
    found: list[Found] = []
    for then, told, cases in _trees(asked):
        print(f"against {told}: {', '.join(cases)}", flush=True)
        rounds = {"rounds": asked.rounds, "tolerance": asked.tolerance}
        found += compared(then, asked.now.resolve(), cases, **rounds, measure=in_process)
    _tell(found)
    changed, unknown = stale(files())
    for name, commits in changed.items():
        print(f"stale: {name}, measured at {', '.join(dict.fromkeys(commits))}; its code has changed since")
    print(f"recorded before their code was kept, so not known to be stale: {', '.join(unknown)}")
    slower = [one for one in found if one.verdict == "slower"]
    for one in slower:
        print(f"SLOWER: {one.case}, {one.ratio:.2f} times ({one.low:.2f} to {one.high:.2f})")
    broken = [one.case for one in found if one.verdict == "cannot run"]
    if broken:
        print(f"CANNOT RUN with the code of now: {', '.join(broken)}")
    return int(bool(slower or broken))


def _trees(asked: argparse.Namespace) -> Iterable[tuple[Path, str, list[str]]]:
    """Yield what to compare with, and for which cases."""
    if asked.tree is not None:
        yield asked.tree.resolve(), str(asked.tree), asked.cases
        return
    tables = files()
    by_commit: dict[str, list[str]] = {}
    for case in asked.cases:
        commit = _git("rev-parse", asked.against) if asked.against else commit_of(tables[TABLES[case]])
        by_commit.setdefault(commit, []).append(case)
    for commit, cases in by_commit.items():
        yield worktree(commit), commit[:9], cases


def _tell(found: Sequence[Found]) -> None:
    print(f"\n{'case':30}{'now / then':>11}  {'band':16}verdict")
    for one in found:
        band = "" if one.told else f"{one.low:.2f} to {one.high:.2f}"
        ratio = "" if one.told else f"{one.ratio:.2f}"
        print(f"{one.case:30}{ratio:>11}  {band:16}{one.verdict}{': ' * bool(one.told)}{one.told}")
    print()


if __name__ == "__main__":
    sys.exit(main())

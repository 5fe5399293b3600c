"""Plant mistakes, one at a time, and count those that no test notices."""

import argparse
import importlib
import json
import os
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mutants.coverage_map import CoverageMap, read_map
from mutants.planted import planted
from mutants.sample import SOURCE, Mutant, sampled
from mutants.trial import killed

PER_ROOM, TEST_SECONDS, LEAST, LEAST_OF_A_ROOM = 12, 60.0, 0.95, 0.9
EQUIVALENT = Path("mutants/equivalent.json")
_IMPORTED = (
    "torch", "torch.func", "torchmetrics", "lightning_fabric", "torchjd", "pandas", "scipy.optimize",
    "sklearn", "hypothesis", "safetensors.torch", "matplotlib.pyplot", "typer", "rich.table",
)  # fmt: skip


def main() -> int:
    """Run what the command line asks for; the exit code tells whether enough was noticed."""
    parser = argparse.ArgumentParser(prog="python -m mutants", description=__doc__)
    parser.add_argument("--room", action="append", help="only this room; may be repeated")
    parser.add_argument("--per-room", type=int, default=PER_ROOM, help="mutants of each room")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument("--map-again", action="store_true", help="run all tests to see which enters what")
    parser.add_argument("--planted-only", action="store_true", help="only those by hand")
    asked = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path("src").resolve())}
    sys.path.insert(0, str(Path("src").resolve()))
    tests = read_map(again=asked.map_again, jobs=asked.jobs)
    for name in _IMPORTED:
        importlib.import_module(name)
    importlib.import_module("torch").set_num_threads(1)
    drawn = [] if asked.planted_only else sampled(asked.per_room, seed=asked.seed, rooms=asked.room)
    equivalent = json.loads(EQUIVALENT.read_text())
    counted = [mutant for mutant in drawn if mutant.key not in equivalent]
    by_hand = [] if asked.room else planted()
    left_out = len(drawn) - len(counted)
    print(f"{len(counted)} mutants, {left_out} equivalent ones left out, {len(by_hand)} more by hand")
    if failing := _failing(counted, tests):
        print(f"Tests that fail on the code as it is (mend them, or use --map-again): {failing}")
        return 1
    begun = time.perf_counter()
    with ThreadPoolExecutor(asked.jobs) as pool:
        noticed = list(pool.map(lambda mutant: _try(mutant, tests), [*counted, *by_hand]))
    return _report([*counted, *by_hand], noticed, time.perf_counter() - begun)


def _failing(mutants: list[Mutant], tests: CoverageMap) -> list[str]:
    """Return tests that fail on the code as it is, so that they would seem to notice everything."""
    wanted = {test for mutant in mutants for test in tests.tests(mutant.path, mutant.function, limit=0.0)}
    by_file: dict[str, list[str]] = defaultdict(list)
    for test in sorted(wanted):
        by_file[test.split("::")[0]].append(test)
    anywhere = SOURCE / "version.py"
    return [
        file for file, each in by_file.items() if killed(anywhere, anywhere.read_text(), each, seconds=600)
    ]


def _try(mutant: Mutant, tests: CoverageMap) -> str | None:
    chosen = tests.tests(mutant.path, mutant.function, limit=TEST_SECONDS)
    noticed = killed(mutant.path, mutant.code, chosen, seconds=10 * TEST_SECONDS)
    if noticed is None:
        place = f"{mutant.path}:{mutant.line}"
        print(f"SURVIVED {len(chosen)} tests  {place}\n    {mutant.key}\n    {mutant.change}", flush=True)
    return noticed


def _report(mutants: list[Mutant], noticed: list[str | None], seconds: float) -> int:
    rooms: dict[str, list[bool]] = defaultdict(list)
    for mutant, by in zip(mutants, noticed, strict=True):
        rooms[mutant.room].append(by is not None)
    for room, outcomes in sorted(rooms.items()):
        print(f"{room:12} {sum(outcomes):3} of {len(outcomes):3} killed")
    total = [outcome for outcomes in rooms.values() for outcome in outcomes]
    print(f"{sum(total)} of {len(total)} killed ({sum(total) / len(total):.1%}), {seconds:.0f} s")
    enough = sum(total) >= LEAST * len(total)
    everywhere = all(sum(outcomes) >= LEAST_OF_A_ROOM * len(outcomes) for outcomes in rooms.values())
    return int(not (enough and everywhere))


if __name__ == "__main__":
    sys.exit(main())

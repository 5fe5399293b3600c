"""Run the generators in worker processes, with a limit of time and memory for each case."""

import argparse
import json
import select
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

CASES = {
    "tables": 5000,
    "bundles": 2000,
    "resume_files": 500,
    "images": 1000,
    "examples": 1000,
    "requests": 1000,
}
SECONDS, START_SECONDS, MIB, CHUNK = 20.0, 180.0, 1500, 250


@dataclass(slots=True)
class Tally:
    """What a generator's cases came to."""

    n_cases: int = 0
    n_refused: int = 0
    mib: int = 0
    faults: list[str] = field(default_factory=list)


def results(module: str, first: int, last: int, seconds: float) -> Iterator[dict[str, object]]:
    """Yield the outcome of each seed, starting a new process where one hung or died."""
    seed = first
    while seed < last:
        command = [sys.executable, "-m", "fuzz.worker", module, str(seed), str(last)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        limit = START_SECONDS
        while seed < last:
            readable, _, _ = select.select([process.stdout], [], [], limit)
            line = process.stdout.readline() if readable else b""
            if not line:
                process.kill()
                why = f"died with {process.wait()}" if readable else f"no answer within {limit:.0f} s"
                yield {"seed": seed, "case": why, "fault": why, "mib": 0}
                seed += 1
                break
            yield json.loads(line)
            seed, limit = seed + 1, seconds
        process.kill()
        process.wait()


def run(module: str, first: int, n_cases: int, *, jobs: int, seconds: float) -> Tally:
    """Try a generator's cases in several processes."""
    tally = Tally()
    chunks = [(begin, min(begin + CHUNK, first + n_cases)) for begin in range(first, first + n_cases, CHUNK)]
    with ThreadPoolExecutor(jobs) as pool:
        for outcomes in pool.map(lambda chunk: list(results(module, chunk[0], chunk[1], seconds)), chunks):
            for found in outcomes:
                tally.n_cases += 1
                tally.n_refused += str(found["case"]).startswith("refused")
                tally.mib = max(tally.mib, int(str(found["mib"])))
                if found["fault"] is not None:
                    tally.faults.append(f"{module} {found['seed']}: {found['fault']}")
    return tally


def main() -> int:
    """Run what the command line asks for; the exit code tells whether all held."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("modules", nargs="*", choices=[[], *CASES], help="generators; all by default")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--cases", type=int, help="cases of each generator; default: " + str(CASES))
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="limit for a case")
    asked = parser.parse_args()
    bad = False
    for module in asked.modules or CASES:
        begun = time.perf_counter()
        n_cases = CASES[module] if asked.cases is None else asked.cases
        tally = run(module, asked.first, n_cases, jobs=asked.jobs, seconds=asked.seconds)
        too_much = tally.mib > MIB
        bad |= bool(tally.faults) or too_much
        print(
            f"{module}: {tally.n_cases} cases, {tally.n_refused} refused, {len(tally.faults)} faults, "
            f"{tally.mib} MiB at most{' (TOO MUCH)' if too_much else ''}, {time.perf_counter() - begun:.0f} s"
        )
        for last_line, count in Counter(fault.strip().splitlines()[-1] for fault in tally.faults).most_common(
            20
        ):
            print(f"  {count} x {last_line[:200]}")
        for fault in tally.faults[:5]:
            print(fault)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())

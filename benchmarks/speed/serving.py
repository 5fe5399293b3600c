"""How the service holds under load: are answers right, and how long do clients wait?

    python benchmarks/speed/serving.py                         # 64 clients, 60 s
    python benchmarks/speed/serving.py --seconds 10 --workers 2 --output runs/serving.json

Starts ``polytask serve`` on this machine with a table model, and sends what people do, first by one client
and then by many at once: make a classifier of two drawn signs, predict, add a third sign, predict, undo
that, predict, delete it; and predict rows of the table. Every answer is compared with what the library gives
for the same examples or rows in this process; a probability that differs by more than 1e-5, or another class,
is wrong. What the service refuses with 413, 429 or 503 is counted apart; any other failure is an error.

Clients and service share the cores of the machine, so that figures are those of a machine that does both;
the load that others put on it is written down as well. Writes ``results/serving.json``: milliseconds until an
answer is there (median and 95th percentile) by kind of request, requests a second, wrong answers, errors,
refusals, the memory of the workers, and the seconds until a fresh service answers. ``make figures`` then
writes the table of docs/serving.md; it is printed here, too.
"""

import argparse
import asyncio
import base64
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

import polytask
from polytask.core import DataWarning
from polytask.models import TableModel

sys.path.append(str(Path(__file__).parents[1] / "quality"))  # where the writer of results is

from results import write_results  # pyright: ignore[reportAttributeAccessIssue]

RESULTS = Path(__file__).parent / "results" / "serving.json"
SIGNS = ("bar", "circle", "cross", "square", "triangle")
SHIFTS = (3, 5, 7)
TOLERANCE = 1e-5
REFUSALS = (413, 429, 503)
N_ROWS = 40


def drawn(name: str, shift: int = 0) -> bytes:
    """Draw a sign, as PNG; the shift moves its strokes."""
    image = Image.new("L", (112, 112), 255)
    pen, near, far = ImageDraw.Draw(image), 20 + shift, 92 - shift
    if name == "bar":
        pen.line((near, 56, far, 56 + shift), fill=0, width=6)
    elif name == "circle":
        pen.ellipse((near, 20, far, 92), outline=0, width=6)
    elif name == "cross":
        pen.line((near, 20, far, 92), fill=0, width=6)
        pen.line((far, 20, near, 92), fill=0, width=6)
    elif name == "square":
        pen.rectangle((near, near, far, 92), outline=0, width=6)
    else:
        pen.polygon([(56 + shift, 20), (20, 92), (92, 92)], outline=0, width=6)
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


PACKED = {
    (name, shift): base64.b64encode(drawn(name, shift)).decode() for name in SIGNS for shift in (0, *SHIFTS)
}
QUERIES = [(name, shift) for name in SIGNS for shift in SHIFTS]


def expected_shares(names: Sequence[str]) -> dict[tuple[str, int], dict[str, float]]:
    """Return what the library says of every query, for one example of each of some signs."""
    first, *more = [names[:2], *[[name] for name in names[2:]]]
    model = polytask.adapt([drawn(name) for name in first], list(first), kind="image", encoder="drawings")
    for added in more:
        model = model.add([drawn(name) for name in added], labels=added).refit()
    found = model.predict([drawn(*query) for query in QUERIES], probabilities=True)
    return {
        query: {name: float(row[f"p({name})"]) for name in names}
        for query, row in zip(QUERIES, found.to_dict("records"), strict=True)
    }


def fitted_table() -> tuple[TableModel, pd.DataFrame]:
    """Fit a small model, and return some of its rows."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 6)), columns=list("abcdef"))
    frame["sum"] = frame.sum(axis=1)
    frame["sign"] = np.where(frame["a"] > 0, "plus", "minus")
    model = polytask.fit(frame, ["sum", "sign"], epochs=10, baselines=False)
    return model, frame[list("abcdef")].head(N_ROWS)


@dataclass
class Truth:
    """What answers have to be."""

    shares: dict[tuple[str, ...], dict[tuple[str, int], dict[str, float]]]
    rows: pd.DataFrame
    answers: pd.DataFrame


@dataclass
class Tally:
    """What clients met."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: Counter[int] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Client:
    """One client, which does the same things over and over."""

    def __init__(self, web: httpx.AsyncClient, truth: Truth, tally: Tally, number: int) -> None:
        self.web, self.truth, self.tally, self.number = web, truth, tally, number
        self.rng = np.random.default_rng(number)

    async def run(self, end: float) -> None:
        """Go on until a moment of `time.perf_counter`."""
        for turn in itertools.count():
            if time.perf_counter() >= end:
                return
            await self.turn(f"client-{self.number}-{turn}")

    async def turn(self, name: str) -> None:
        """Make a model, use it, change it, go back, and delete it."""
        order = [SIGNS[index] for index in self.rng.permutation(len(SIGNS))[:3]]
        pair, three = tuple(sorted(order[:2])), (*sorted(order[:2]), order[2])
        examples = [{"image": PACKED[sign, 0], "class": sign} for sign in pair]
        if await self.ask("adapt", "drawings/adapt", {"name": name, "examples": examples}) is None:
            return
        for _ in range(4):
            await self.predict(name, pair)
        await self.rows()
        more = [{"image": PACKED[order[2], 0], "class": order[2]}]
        if await self.ask("add a class", f"{name}/examples", {"examples": more}) is not None:
            for _ in range(3):
                await self.predict(name, three)
            if await self.ask("undo", f"{name}/undo", None) is not None:
                await self.predict(name, pair)
        await self.ask("delete", name, None, method="DELETE")

    async def predict(self, name: str, known: tuple[str, ...]) -> None:
        """Ask about two drawings, and compare."""
        queries = [QUERIES[index] for index in self.rng.integers(len(QUERIES), size=2)]
        answer = await self.ask("predict", f"{name}/predict", {"images": [PACKED[one] for one in queries]})
        for query, found in zip(queries, () if answer is None else answer["predictions"], strict=False):
            expected = self.truth.shares[known][query]
            gap = max(abs(found["probabilities"].get(one, -1) - share) for one, share in expected.items())
            best = max(expected.values())
            if gap > TOLERANCE or expected[found["class"]] < best - TOLERANCE:
                self.tally.wrong.append(f"{name} {known} {query}: {found}")

    async def rows(self) -> None:
        """Ask about some rows, and compare."""
        start = int(self.rng.integers(N_ROWS - 5))
        rows = self.truth.rows.iloc[start : start + 5]
        answer = await self.ask("predict rows", "table/predict", {"rows": rows.to_dict("records")})
        if answer is not None:
            expected = self.truth.answers.iloc[start : start + 5]
            found = pd.DataFrame(answer["predictions"])
            same = (found["sign"].to_numpy() == expected["sign"].to_numpy()).all()
            if not same or np.abs(found["sum"].to_numpy() - expected["sum"].to_numpy()).max() > TOLERANCE:
                self.tally.wrong.append(f"rows {start}: {answer}")

    async def ask(self, kind: str, path: str, told: Any, *, method: str = "POST") -> Any:
        """Send a request; return its answer, None where there is none."""
        began = time.perf_counter()
        try:
            answer = await self.web.request(method, f"/models/{path}", json=told)
        except httpx.HTTPError as error:
            self.tally.errors.append(f"{kind}: {error!r}")
            return None
        self.tally.seconds[kind].append(time.perf_counter() - began)
        if answer.is_success:
            return answer.json() if answer.content else {}
        if answer.status_code in REFUSALS:
            self.tally.refused[answer.status_code] += 1
        else:
            self.tally.errors.append(f"{kind}: {answer.status_code} {answer.text[:300]}")
        return None


async def load(address: str, truth: Truth, *, clients: int, seconds: float) -> tuple[Tally, float]:
    """Let clients work; return what they met, and the seconds until the last one was done."""
    tally, began = Tally(), time.perf_counter()
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(
        base_url=address, headers={"X-Polytask": "1"}, timeout=120, limits=limits
    ) as web:
        workers = [Client(web, truth, tally, number) for number in range(clients)]
        await asyncio.gather(*(one.run(began + seconds) for one in workers))
    return tally, time.perf_counter() - began


def summary(tally: Tally, seconds: float) -> dict[str, Any]:
    """Return the figures of a load."""
    n_requests = sum(map(len, tally.seconds.values()))
    milliseconds = {
        kind: {
            "p50_ms": round(1000 * float(np.quantile(found, 0.5)), 1),
            "p95_ms": round(1000 * float(np.quantile(found, 0.95)), 1),
            "requests": len(found),
        }
        for kind, found in sorted(tally.seconds.items())
    }
    return {
        "requests": n_requests,
        "requests_per_second": round(n_requests / seconds, 1),
        "wrong": len(tally.wrong),
        "errors": len(tally.errors),
        "refused": {str(status): count for status, count in tally.refused.items()},
        "by_kind": milliseconds,
        "examples_of_failures": [*tally.wrong[:3], *tally.errors[:3]],
    }


def resident_mib(root: int) -> list[float]:
    """Return the memory of a process and those that it started, largest first."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                told = (entry / "status").read_text()
            except OSError:
                continue
            facts = dict(line.split(":\t", 1) for line in told.splitlines() if ":\t" in line)
            kib = int(facts.get("VmRSS", "0 kB").split()[0])
            parents[int(entry.name)] = (int(facts["PPid"]), kib / 1024)
    ours = {root}
    for _ in range(4):
        ours |= {pid for pid, (parent, _) in parents.items() if parent in ours}
    return sorted((round(parents[pid][1], 1) for pid in ours if pid in parents), reverse=True)


def started(folder: Path, workers: int) -> tuple[subprocess.Popen[str], str, float]:
    """Start the service; return its process, its address, and the seconds until it answered."""
    began = time.perf_counter()
    words = ["--port", "0", "--store", str(folder / "store"), "--workers", str(workers), "--rate", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "polytask", "serve", str(folder / "table"), *words],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "POLYTASK_SERVE_LOG": "WARNING"},
    )
    assert process.stderr is not None
    address = ""
    while not address:
        line = process.stderr.readline()
        assert line, "the service did not start"
        address = line.split()[2] if line.startswith("Serving at") else ""
    while True:
        try:
            httpx.get(f"{address}health", timeout=5).raise_for_status()
            return process, address, time.perf_counter() - began
        except httpx.TransportError:
            time.sleep(0.05)


def _table(one: dict[str, Any], many: dict[str, Any], clients: int) -> str:
    """Return what docs/serving.md shows, in columns."""
    lines = [f"{'median (95th percentile), ms':<30}{'1 client':>20}{f'{clients} clients':>20}"]
    for kind in sorted(one["by_kind"].keys() & many["by_kind"].keys()):
        cells = [
            f"{part['by_kind'][kind]['p50_ms']:,} ({part['by_kind'][kind]['p95_ms']:,})"
            for part in (one, many)
        ]
        lines.append(f"{kind:<30}{cells[0]:>20}{cells[1]:>20}")
    for name in ("requests_per_second", "wrong", "errors"):
        lines.append(f"{name.replace('_', ' '):<30}{one[name]:>20}{many[name]:>20}")
    refused = [sum(part["refused"].values()) for part in (one, many)]
    return "\n".join([*lines, f"{'refused':<30}{refused[0]:>20}{refused[1]:>20}"])


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, default=None, help="another file for the figures")
    asked = parser.parse_args()
    warnings.simplefilter("ignore", DataWarning)
    model, rows = fitted_table()
    shares = {
        tuple(names): expected_shares(names)
        for pair in itertools.combinations(SIGNS, 2)
        for names in (pair, *((*pair, third) for third in SIGNS if third not in pair))
    }
    truth = Truth(shares=shares, rows=rows, answers=model.predict(rows))
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "table")
        process, address, fresh = started(Path(folder), asked.workers)
        try:
            asyncio.run(load(address, truth, clients=1, seconds=min(2.0, asked.seconds)))  # to be warm
            idle = resident_mib(process.pid)
            one = summary(*asyncio.run(load(address, truth, clients=1, seconds=asked.seconds / 4)))
            many = summary(*asyncio.run(load(address, truth, clients=asked.clients, seconds=asked.seconds)))
            busy = resident_mib(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
    setting = {
        "clients": asked.clients,
        "seconds": asked.seconds,
        "workers": asked.workers,
        "load_of_others_before": round(load_before, 1),
    }
    report = {
        "seconds_until_a_fresh_service_answers": round(fresh, 1),
        "memory_mib": {"warm": idle, "after the load": busy},
        "one client": one,
        f"{asked.clients} clients": many,
    }
    print(json.dumps(report, indent=2))
    print(_table(one, many, asked.clients))
    write_results(
        asked.output or RESULTS,
        setting=setting,
        figures=report,
        seed=0,
        split="none: time alone",
        also=["serve", "cli"],
    )
    if any(part[what] for part in (one, many) for what in ("wrong", "errors")):
        raise SystemExit(1)


if __name__ == "__main__":
    main()

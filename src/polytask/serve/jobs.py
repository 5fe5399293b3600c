"""Fits as processes of their own: started, watched, stopped, and never more at once than stated."""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from polytask.core.files import write_atomically
from polytask.core.interrupts import deaf_to_ctrl_c
from polytask.serve.failures import Refused
from polytask.serve.job_files import ASKED, LOCK, STATE, STOP, is_held, open_held
from polytask.serve.locks import held_lock
from polytask.serve.settings import TOKEN, Limits
from polytask.serve.uploads import checked_id, sweep_folder

__all__ = ["Jobs"]

_NOT_HANDED_ON = (TOKEN, "PROMETHEUS_MULTIPROC_DIR")


class Jobs:
    """The fits of a service.

    Args:
        folder: Where what they were asked and what they tell lies; all workers share it.
        limits: How many there may be, and how long they may take.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder, self._limits = folder, limits
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "slots").mkdir(parents=True, exist_ok=True)
        (folder / "jobs").mkdir(exist_ok=True)

    def start(self, asked: Mapping[str, Any]) -> str:
        """Start a fit, which waits for its turn; return its identifier.

        Args:
            asked: What `polytask.serve.fit_process` is told.

        Raises:
            Refused: Too many wait already.
        """
        with held_lock(self._folder / "starting.lock", self._limits.patience) as held:
            jobs = self._folder / "jobs"
            sweep_folder(jobs, 60 * self._limits.keep, spare=is_held)
            alive = sum(is_held(entry) for entry in jobs.iterdir())
            if not held or alive >= self._limits.jobs + self._limits.waiting:
                raise Refused(
                    503,
                    f"{alive} fits run or wait, and no more are taken for now.",
                    remedy="Ask again later, or stop one.",
                    retry_after=30,
                )
            job = secrets.token_hex(8)
            folder = jobs / job
            folder.mkdir()
            told = {**asked, "slots": str(self._folder / "slots"), "jobs": self._limits.jobs}
            for name, content in (
                (ASKED, told),
                (STATE, {"state": "waiting", "share": 0.0, "says": "waiting"}),
            ):
                text = json.dumps(content)
                write_atomically(folder / name, lambda file, text=text: file.write(text.encode()))
            self._started[job] = _process(folder)
        return job

    def state(self, job: str) -> dict[str, Any]:
        """Tell how far a fit is.

        Raises:
            Refused: There is no such one.
        """
        folder = self._at(job)
        alive = is_held(folder)  # before its state is read: it may end in between
        told = json.loads((folder / STATE).read_bytes())
        if told["state"] in ("waiting", "running") and not alive:
            told = json.loads((folder / STATE).read_bytes())
        if told["state"] in ("waiting", "running") and not alive:
            stopped = (folder / STOP).exists()
            told |= {
                "state": "stopped" if stopped else "failed",
                "says": "stopped" if stopped else "ended early",
            }
            if not stopped:
                told["error"] = {
                    "what": "The fit ended before it was done: it was killed, or took too much memory.",
                    "where": "job",
                    "remedy": "Use fewer rows or a smaller model.",
                }
        return {"job": job, **told}

    def stop(self, job: str) -> dict[str, Any]:
        """Stop a fit; one that has ended stays as it is.

        Raises:
            Refused: There is no such one.
        """
        folder = self._at(job)
        if is_held(folder):
            (folder / STOP).touch()
            pid = json.loads((folder / STATE).read_bytes()).get("pid")
            if isinstance(pid, int) and is_held(folder):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            if (process := self._started.get(job)) is not None:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(5)
        return self.state(job)

    def close(self) -> None:
        """Stop the fits that this worker started."""
        for job, process in self._started.items():
            if process.poll() is None:
                with suppress(OSError):
                    (self._folder / "jobs" / job / STOP).touch()
                process.terminate()
        for process in self._started.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _at(self, job: str) -> Path:
        folder = self._folder / "jobs" / checked_id(job, "job")
        if not (folder / STATE).is_file():
            raise Refused(404, "There is no such job.", where="job", remedy="Use what the service answered.")
        return folder


def _process(folder: Path) -> subprocess.Popen[bytes]:
    """Start a process that holds the lock of its folder from its first moment to its last."""
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_HANDED_ON}
    descriptor = open_held(folder / LOCK)
    try:
        with deaf_to_ctrl_c():  # the service ends it
            return subprocess.Popen(  # what it writes to standard error is the service's log
                [sys.executable, "-m", "polytask.serve.fit_process", str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**environment, "OMP_NUM_THREADS": "1"},
                pass_fds=(descriptor,),
            )
    finally:
        os.close(descriptor)

"""One fit, in a process of its own: waits for its turn, trains, tells how far it is, and keeps the model.

    python -m polytask.serve.fit_process FOLDER

It ends by itself when it is told to stop, when the service that started it is gone, or when its time is over.
"""

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from polytask.serve.fit_progress import FitProgress
from polytask.serve.job_files import ASKED, STATE, STOP, open_held

__all__ = ["run_job"]

_LOOK = 0.2  # seconds
_SPARED = 2.0  # times its time after which a fit that does not end is ended


def run_job(folder: Path) -> None:
    """Do what a folder asks for."""
    asked, began = json.loads((folder / ASKED).read_bytes()), os.getppid()
    progress = FitProgress(folder / STATE)
    threading.Thread(target=_watch, args=(folder, began, asked["seconds"]), daemon=True).start()
    slot = _waited(Path(asked["slots"]), asked["jobs"])
    progress.running("reading")
    try:
        _fit(asked, progress)
    except Exception as error:  # noqa: BLE001 - whatever fails is told, and stands in the log
        traceback.print_exc()
        progress.failed(error)
    finally:
        os.close(slot)


def _waited(slots: Path, count: int) -> int:
    """Wait for one of the places of fits that run at once."""
    while True:
        for index in range(count):
            with suppress(BlockingIOError):
                return open_held(slots / str(index))
        time.sleep(_LOOK)


def _watch(folder: Path, parent: int, seconds: float) -> None:
    """End the process when nobody waits for it any more, or it takes far too long."""
    began: float | None = None
    while True:
        time.sleep(_LOOK)
        if began is None and b'"running"' in _content(folder / STATE):
            began = time.monotonic()
        over = began is not None and time.monotonic() - began > _SPARED * seconds
        if (folder / STOP).exists() or not folder.exists() or os.getppid() != parent or over:
            os._exit(1)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _fit(asked: Mapping[str, Any], progress: FitProgress) -> None:
    import warnings

    import torch

    from polytask.core import DataWarning, ResultWarning
    from polytask.data import read_table
    from polytask.estimators import fit
    from polytask.serve.told_importance import importance_file
    from polytask.train.progress import watched_run

    torch.set_num_threads(1)
    for category in (DataWarning, ResultWarning):  # they are in the results, too
        warnings.simplefilter("ignore", category)
    table = read_table(asked["table"])
    options = dict(asked["options"])
    seconds = min(options.pop("time_budget", None) or asked["seconds"], asked["seconds"])
    with watched_run(progress):
        model = fit(table, asked["targets"], **options, time_budget=seconds, progress=True)
    progress.phase("telling what matters")
    kept = importance_file(model, table)
    progress.phase("saving")
    revision = _kept(asked, model, kept, progress)
    progress.done(asked["name"], revision)


def _kept(asked: Mapping[str, Any], model: Any, kept: Mapping[str, str], progress: FitProgress) -> int:
    """Put the model into the store; return its revision."""
    from polytask.serve.failures import Refused
    from polytask.serve.store import Store

    name = asked["name"]
    store = Store(Path(asked["store"]), **asked["store_limits"])
    with store.changing(name) as before:
        if before is not None:
            raise Refused(
                409, f"A model {name!r} was made meanwhile.", where="name", remedy="Choose another name."
            )
        ledger = store.commit(
            name, None, lambda folder: model.save(folder, files=kept), change="fitted", made_by="fit"
        )
        progress.phase("writing the report")
        _report(store.folder(name) / "report.html", model)
    return ledger.current.revision


def _report(file: Path, model: Any) -> None:
    """Write the report of a fit; without the packages that draw it there is none."""
    from polytask.core import MissingPackageError

    with suppress(MissingPackageError):
        model.report(file)


if __name__ == "__main__":
    run_job(Path(sys.argv[1]))

"""The parts of a running service, held together."""

import shutil
from pathlib import Path

from polytask.serve.changes import Changes
from polytask.serve.jobs import Jobs
from polytask.serve.metrics import Metrics
from polytask.serve.rates import ClientRates
from polytask.serve.settings import ServeSettings
from polytask.serve.shelf import Shelf
from polytask.serve.store import Store
from polytask.serve.uploads import Uploads
from polytask.serve.work import WorkPool

__all__ = ["Service"]


class Service:
    """One worker's models, threads and counters.

    Args:
        settings: What was asked for.

    Raises:
        InputError: A folder cannot be used, or the token is missing.
        BundleError: A model cannot be loaded.
    """

    def __init__(self, settings: ServeSettings) -> None:
        limits = settings.limits
        self.settings, self.limits, self.token = settings, limits, settings.secret()
        self.runtime = Path(settings.runtime)
        self.scratch = self.runtime / "scratch"
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.store = Store(
            Path(settings.store), most=limits.models, keep=limits.revisions, patience=limits.patience
        )
        self.shelf = Shelf(settings, self.store)
        self.changes = Changes(self.shelf, self.store, limits, self.scratch)
        self.uploads = Uploads(self.runtime / "tables", limits, self.scratch)
        self.jobs = Jobs(self.runtime / "fits", limits)
        self.metrics = Metrics()
        self.rates = ClientRates(self.runtime / "rates", limits.rate)
        self.work = WorkPool(settings.threads, queue=limits.queue, patience=limits.patience)

    def close(self) -> None:
        """Let running work end, and give everything back."""
        self.jobs.close()
        self.work.close()
        self.metrics.close()
        self.rates.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

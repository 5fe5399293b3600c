"""What a service counts, for Prometheus; of several workers, all together."""

import os
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

__all__ = ["MULTIPROCESS", "Metrics"]

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that names the folder in which workers count together."""

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Counts requests, what they took, what was refused, and changes of models."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        names = {"registry": self._registry, "namespace": "polytask"}
        self.requests = Counter(
            "requests", "Requests by method, route and status.", ["method", "route", "status"], **names
        )
        self.seconds = Histogram(
            "request_seconds",
            "Seconds until the answer began.",
            ["method", "route"],
            buckets=_SECONDS,
            **names,
        )
        self.refused = Counter("refused", "Requests that were refused, by status.", ["status"], **names)
        self.changes = Counter("changes", "Changes of models, by what was done.", ["change"], **names)
        self.predictions = Counter("predictions", "Rows and examples that were predicted.", **names)
        self.inside = Gauge("requests_open", "Requests that are open.", multiprocess_mode="livesum", **names)
        self.models = Gauge("models", "Models that are served.", multiprocess_mode="livemax", **names)

    def text(self) -> bytes:
        """Write everything in the text form of Prometheus."""
        if MULTIPROCESS not in os.environ:
            return generate_latest(self._registry)
        joined = CollectorRegistry()
        multiprocess.MultiProcessCollector(joined)
        return generate_latest(joined)

    def close(self) -> None:
        """Say that this worker counts no more."""
        if MULTIPROCESS in os.environ and Path(os.environ[MULTIPROCESS]).is_dir():
            multiprocess.mark_process_dead(os.getpid())

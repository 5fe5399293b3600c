"""What a service is told when it starts; plain JSON, so that every worker process gets the same."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from polytask.core import InputError

__all__ = ["ENVIRONMENT", "TOKEN", "Limits", "ServeSettings"]

ENVIRONMENT = "POLYTASK_SERVE_SETTINGS"
"""The environment variable that hands the settings to worker processes."""

TOKEN = "POLYTASK_SERVE_TOKEN"
"""The environment variable that holds the token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a client may send, keep and ask; what is beyond is refused with 413, 429 or 503.

    Args:
        body: MiB of a request.
        table: MiB of a table that is uploaded to be fitted.
        rows: Rows of a table in a request for predictions, or texts, images, sounds or vectors.
        columns: Columns of any table.
        text: Characters of a text.
        pixels: Millions of pixels of an image.
        sound: Seconds of a sound.
        examples: Examples that one model may know.
        classes: Classes that one model may know.
        models: Models in the store.
        revisions: Revisions of a model that are kept, to undo changes.
        rate: Requests a minute of one client; 0 for any number.
        requests: Requests that one worker has open at once.
        held: MiB of the bodies of all requests that one worker has open.
        queue: Requests of one worker that wait for a thread.
        patience: Seconds that a request waits at most, for a thread or for another change of its model.
        upload_time: Seconds that a request may take to arrive.
        tables: Uploaded tables that are kept at once.
        keep: Minutes that an uploaded table and a finished job are kept.
        jobs: Fits at once, over all workers.
        waiting: Fits that wait.
        fit_time: Minutes that one fit may take.
    """

    body: float = 16
    table: float = 64
    rows: int = 10_000
    columns: int = 2_000
    text: int = 20_000
    pixels: float = 24
    sound: float = 60
    examples: int = 2_000
    classes: int = 200
    models: int = 500
    revisions: int = 20
    rate: int = 1_200
    requests: int = 256
    held: float = 512
    queue: int = 128
    patience: float = 30
    upload_time: float = 60
    tables: int = 16
    keep: float = 60
    jobs: int = 1
    waiting: int = 4
    fit_time: float = 30

    def __post_init__(self) -> None:
        wrong = [
            f"`{one.name}` must be {'a whole number' if one.type is int else 'a number'} "
            f"{'of 0 or more' if one.name in _MAY_BE_0 else 'above 0'}, got {getattr(self, one.name)!r}."
            for one in fields(self)
            if not _valid(one.name, getattr(self, one.name), whole=one.type is int)
        ]
        if wrong:
            raise InputError(" ".join(wrong))

    @property
    def body_bytes(self) -> int:
        """Bytes of a request."""
        return int(self.body * 2**20)

    @property
    def table_bytes(self) -> int:
        """Bytes of a table that is uploaded."""
        return int(self.table * 2**20)


_MAY_BE_0 = {"rate", "queue", "waiting"}


def _valid(name: str, value: Any, *, whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        return False
    return 0 <= value < 1e9 and (value > 0 or name in _MAY_BE_0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """A service.

    Args:
        store: The folder of models that are made here; several workers share it.
        runtime: A folder for what does not outlive the service: uploads, jobs, how often clients asked.
        models: Directories of saved models, by the names under which they are served.
        builtin: Whether the encoders that need no model are served.
        hosts: Names under which the service is asked, beside those of this machine; empty for any where
            ``any_host``.
        any_host: Whether any name will do; otherwise a page of a stranger could ask by a name of its own.
        token: Whether a token is asked for, which `TOKEN` holds.
        threads: Threads of a worker that predict and adapt.
        limits: How much may be asked.
    """

    store: str
    runtime: str
    models: Mapping[str, str] = field(default_factory=dict)
    builtin: bool = True
    hosts: tuple[str, ...] = ()
    any_host: bool = False
    token: bool = False
    threads: int = 2
    limits: Limits = field(default_factory=Limits)

    def to_json(self) -> str:
        """Write the settings for another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_environment(cls) -> "ServeSettings":
        """Read what `to_json` wrote into the variable `ENVIRONMENT`.

        Raises:
            InputError: It is not set.
        """
        text = os.environ.get(ENVIRONMENT)
        if text is None:
            raise InputError(f"The environment variable {ENVIRONMENT} is not set. Start the service anew.")
        told = json.loads(text)
        return cls(**{**told, "hosts": tuple(told["hosts"]), "limits": Limits(**told["limits"])})

    def secret(self) -> str | None:
        """Return the token that is asked for; None for none.

        Raises:
            InputError: One is asked for, but the variable is empty.
        """
        if not self.token:
            return None
        secret = os.environ.get(TOKEN, "")
        if not secret:
            raise InputError(f"The environment variable {TOKEN} is empty. Set it to a long random text.")
        return secret

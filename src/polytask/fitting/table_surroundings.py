"""Where the models of a table are trained: device, precision, resume folder, time."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from polytask.core.files import rehearse_write, sweep
from polytask.core.interrupts import CHECKPOINT_FILE
from polytask.fitting.target_groups import group_name
from polytask.train.checkpoint import load_checkpoint
from polytask.train.fabric import Precision
from polytask.train.identity import described_all, refuse_another

__all__ = ["Surroundings", "folder_name", "rehearse", "title_in_group"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a training runs.

    Args:
        accelerator: As in Lightning Fabric.
        precision: As in `polytask.train.train`.
        resume_folder: A folder for checkpoints, from which a killed run continues; None for none.
        progress: Show a bar.
        identity: Data and settings that a checkpoint must have been made with.
        deadline: When to stop, in the time of `time.monotonic`; None for never.
        group: The targets that are trained, where these are a group among others; nothing where they are all.
        rows: By training, its figures: written while it runs, for reports.
    """

    accelerator: str = "cpu"
    precision: str = "32-true"
    resume_folder: Path | None = None
    progress: bool = False
    identity: Mapping[str, object] = field(default_factory=dict)
    deadline: float | None = None
    group: tuple[str, ...] = ()
    rows: dict[str, list[dict[str, float]]] = field(default_factory=dict)

    @property
    def checked_precision(self) -> Precision:
        """The precision, as Fabric's type."""
        return cast(Precision, self.precision)

    def folder(self, title: str) -> Path | None:
        """Return the folder of one training; None without a resume folder."""
        if self.resume_folder is None:
            return None
        return self.resume_folder / folder_name(title_in_group(self.group, title))

    def checkpoint(self, title: str) -> Path | None:
        """Return the checkpoint of one training; None without a resume folder."""
        folder = self.folder(title)
        return None if folder is None else folder / CHECKPOINT_FILE

    def shown(self, title: str) -> str:
        """Return what one training is called while it runs."""
        return f"{group_name(self.group)}: {title}" if self.group else title


def title_in_group(group: Sequence[str], title: str) -> str:
    """Return the title by which a resume folder keeps a training of a group of targets apart."""
    return f"{list(group)} {title}" if group else title


def rehearse(folder: Path, titles: Iterable[str], identity: Mapping[str, object]) -> None:
    """Look through a resume folder before the first training, and sweep what killed ones left.

    Raises:
        InputError: A checkpoint cannot be written.
        BundleError: One is damaged, or belongs to a fit of other data or with other settings.
    """
    sweep(folder)
    expected = [folder / folder_name(title) / CHECKPOINT_FILE for title in titles]
    for path in expected:
        rehearse_write(path)
    # Those of other titles count, too: the folder may be that of another fit.
    for path in dict.fromkeys([*expected, *sorted(folder.glob(f"*/{CHECKPOINT_FILE}"))]):
        if path.exists():
            refuse_another(folder, load_checkpoint(path).get("identity"), {"given": described_all(identity)})


def folder_name(title: str) -> str:
    """Return a folder's name that every system takes, and that no other title has."""
    readable = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40]
    digest = hashlib.sha256(title.encode(errors="surrogatepass")).hexdigest()[:12]
    return f"{readable}-{digest}"

"""What happened during training, row by row, in memory and on disk."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from polytask.core import MissingPackageError
from polytask.train.checkpoint import write_atomically
from polytask.train.loggers import Loggers

if TYPE_CHECKING:
    from lightning_fabric.loggers.logger import Logger

__all__ = ["METRICS_FILE", "History"]

METRICS_FILE = "metrics.csv"
"""The name of the table of figures in a run's folder."""

Row = dict[str, float]


class History:
    """Rows of figures by training step, written to ``metrics.csv``, to TensorBoard and to loggers.

    Columns are named like ``loss/species``, ``weight/species``, ``validation/species/accuracy``, ``score``.

    Args:
        directory: Where to write; None keeps the rows in memory only.
        tensorboard: Also write TensorBoard events to the directory.
        loggers: Of Lightning Fabric; they get each row, too.

    Raises:
        MissingPackageError: TensorBoard is asked for and not installed.
    """

    def __init__(
        self, directory: Path | None = None, *, tensorboard: bool = False, loggers: "Sequence[Logger]" = ()
    ) -> None:
        self.rows: list[Row] = []
        self._directory = directory
        self._tensorboard = None
        self._loggers = Loggers(loggers)
        if tensorboard and directory is not None:
            from lightning_fabric.loggers.tensorboard import TensorBoardLogger

            try:
                self._tensorboard = TensorBoardLogger(directory, name="tensorboard", version="")
            except ModuleNotFoundError as error:
                raise MissingPackageError(
                    "tensorboard", extra="tensorboard", purpose="the TensorBoard log"
                ) from error

    def add(self, step: int, metrics: Mapping[str, float]) -> None:
        """Append a row for a step."""
        self.rows.append({"step": float(step), **metrics})
        if self._tensorboard is not None:
            self._tensorboard.log_metrics(dict(metrics), step=step)
        self._loggers.log(metrics, step)

    def restore(self, rows: list[Row]) -> None:
        """Continue after these rows; later ones on disk are forgotten."""
        self.rows = [dict(row) for row in rows]
        self.write()

    def write(self) -> None:
        """Write all rows to ``metrics.csv``, whole or not at all."""
        if self._directory is None or not self.rows:
            return
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        content = text.getvalue().encode(errors="backslashreplace")  # names may hold lone surrogates
        write_atomically(self._directory / METRICS_FILE, lambda file: file.write(content))

    def describe(self, settings: Mapping[str, object]) -> None:
        """Tell the loggers what is trained, before it is; see `Loggers.describe`."""
        self._loggers.describe(settings)

    def close(self, *, done: bool = True) -> None:
        """Write what is left and release the loggers.

        Args:
            done: Whether the run came to its end.
        """
        self.write()
        if self._tensorboard is not None:
            self._tensorboard.finalize("success")
        self._loggers.close(done=done)

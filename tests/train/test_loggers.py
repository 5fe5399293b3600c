"""Loggers of Lightning Fabric beside a run."""

import csv

import pytest
import torch
from lightning_fabric.loggers import CSVLogger
from lightning_fabric.loggers.logger import Logger
from torch import nn

from polytask.architectures import HardSharing
from polytask.balancing.methods import PCGrad
from polytask.core import Batch, Episode, InputError, SharedModel, Task
from polytask.data import Source
from polytask.train import train

TASKS = (Task(name="a", kind="regression"), Task(name="b", kind="regression"))


class Line(Source):
    """Points of a line and what they are the square of."""

    def step(self, index):
        x = torch.linspace(-1, 1, 16)[:, None] + index / 100
        return (Episode(tasks=TASKS, query=Batch(inputs=x, targets={"a": x[:, 0], "b": -x[:, 0]})),)


class Noted(Logger):
    """Keeps what it is told."""

    name, version = "noted", 0

    def __init__(self, fails_at: int | None = None) -> None:
        self.calls, self.fails_at = [], fails_at

    def log_hyperparams(self, params):
        self.calls.append(("settings", params))

    def log_metrics(self, metrics, step=None):
        if step == self.fails_at:
            raise OSError("the server is gone")
        self.calls.append((step, metrics))

    def finalize(self, status):
        self.calls.append(("end", status))


def model() -> SharedModel:
    torch.manual_seed(0)
    heads = {task.name: nn.Linear(4, 1) for task in TASKS}
    return SharedModel(TASKS, HardSharing(nn.Sequential(nn.Linear(1, 4), nn.Tanh())), heads)


def test_every_row_goes_to_all_loggers_with_losses_weights_and_conflict(tmp_path):
    noted = Noted()
    loggers = [CSVLogger(tmp_path, name="run", flush_logs_every_n_steps=1), noted]
    done = train(model(), Line(), n_steps=6, validate_every=2, balancer=PCGrad(), logger=loggers)
    (first, settings), *rows, last = noted.calls
    assert (first, settings["balancer"], settings["n_steps"], last) == (
        "settings",
        "PCGrad",
        6,
        ("end", "success"),
    )
    assert [{"step": float(step), **metrics} for step, metrics in rows] == done.rows
    assert {"loss/a", "loss/b", "weight/a", "conflict"} <= rows[0][1].keys()
    (file,) = tmp_path.rglob("metrics.csv")
    written = list(csv.DictReader(file.read_text().splitlines()))
    assert [int(row["step"]) for row in written] == [2, 4, 6]
    assert float(written[-1]["loss/b"]) == pytest.approx(done.rows[-1]["loss/b"])


def test_a_logger_that_fails_in_the_middle_does_not_end_the_run():
    noted = Noted(fails_at=4)
    with pytest.warns(
        UserWarning, match="Noted failed and gets no more figures of this run: OSError: the server"
    ):
        done = train(model(), Line(), n_steps=8, validate_every=2, logger=noted)
    assert done.n_steps == 8 and [call[0] for call in noted.calls] == ["settings", 2]


def test_a_run_that_fails_tells_its_loggers(monkeypatch):
    noted, source = Noted(), Line()
    monkeypatch.setattr(source, "step", lambda index: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(model(), source, n_steps=2, logger=noted)
    assert noted.calls[-1] == ("end", "failed")


def test_a_logger_that_cannot_be_written_to_is_refused_before_the_work(monkeypatch):
    noted = Noted()
    monkeypatch.setattr(noted, "log_hyperparams", lambda params: (_ for _ in ()).throw(OSError("no key")))
    with pytest.raises(InputError, match=r"`logger`: Noted cannot be written to: OSError: no key\. Mend it"):
        train(model(), Line(), n_steps=2, logger=noted)
    with pytest.raises(
        InputError, match=r"`logger` takes loggers of Lightning Fabric, but str has no `log_metrics`"
    ):
        train(model(), Line(), n_steps=2, logger="mlflow")

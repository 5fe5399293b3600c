"""The picture of a training run."""

import math

import pytest
from matplotlib import image
from matplotlib.figure import Figure

from polytask.architectures import HardSharing, table_trunk
from polytask.balancing.methods import UPGrad
from polytask.core import Batch, InputError, SharedModel, Task, generator
from polytask.data import JointSource
from polytask.report import training_plot
from polytask.report.training import _cosines, _heat
from polytask.train import Training, train


def trained(tmp_path=None) -> Training:
    import torch
    from torch import nn

    tasks = [Task(name=name, kind="regression") for name in ("up", "down", "side/ways")]
    x = torch.randn(60, 3, generator=generator(0, "x"))
    targets = {"up": x[:, 0], "down": -x[:, 0] + 0.1 * x[:, 1], "side/ways": x[:, 2]}
    model = SharedModel(
        tasks, HardSharing(table_trunk(3, [8])), {task.name: nn.Linear(8, 1) for task in tasks}
    )
    source = JointSource(tasks, Batch(inputs=x, targets=targets), batch_size=20, seed=0)
    return train(model, source, n_steps=12, validate_every=3, balancer=UPGrad(), directory=tmp_path)


@pytest.fixture(scope="module")
def rows():
    return trained().rows


def test_cosines_of_every_pair_are_logged_and_agree_with_the_conflicts(rows):
    keys = [key for key in rows[-1] if key.startswith("cosine/")]
    assert keys == ["cosine/up/down", "cosine/up/side/ways", "cosine/down/side/ways"]
    assert all(-1 <= row[key] <= 1 for row in rows for key in keys)


def test_the_cost_of_a_step_is_told():
    assert 0 < trained().seconds_per_step < math.inf


def test_the_picture_shows_what_the_balancer_saw(rows, tmp_path):
    training_plot(rows, tmp_path / "all.png")
    plain = [{k: v for k, v in row.items() if k.split("/")[0] in ("step", "loss")} for row in rows]
    training_plot(plain, tmp_path / "plain.png")
    wide, narrow = (image.imread(tmp_path / name).shape[1] for name in ("all.png", "plain.png"))
    assert wide == pytest.approx(5 * narrow, rel=0.02)  # losses, weights, norms, conflicts, cosines


def test_one_row_makes_no_picture(rows, tmp_path):
    with pytest.raises(InputError, match="two or more rows with losses, got 1"):
        training_plot(rows[:1], tmp_path / "one.png")
    assert not list(tmp_path.iterdir())


def test_a_cosine_can_be_read_on_its_colour():
    axes = Figure().subplots()
    _heat(axes, [[1.0, -0.7], [-0.7, 0.5]], ["up", "down"])
    assert [(text.get_text(), text.get_color()) for text in axes.texts] == [
        ("1.00", "white"),
        ("-0.70", "white"),
        ("-0.70", "white"),
        ("0.50", "black"),
    ]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["up", "down"]


def test_cosines_are_the_means_of_the_rows_that_have_them():
    rows = [{"step": 1.0, "cosine/a/b": 0.5}, {"step": 2.0, "cosine/a/b": -0.1}, {"step": 3.0}]
    table = _cosines(rows, ["a", "b", "c"])
    assert table is not None
    assert table[0][0] == 1.0 and table[0][1] == table[1][0] == pytest.approx(0.2)
    assert math.isnan(table[0][2])
    assert _cosines([{"step": 1.0}], ["a", "b"]) is None

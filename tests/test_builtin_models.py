"""What the training of the built-in encoder of drawings is made of; the training itself is no test."""

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from polytask.encoders.drawing_ink import INK_SIZE

FOLDER = Path(__file__).parent.parent / "benchmarks" / "builtin"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return lambda name: runpy.run_path(str(FOLDER / f"{name}.py"))


def test_a_thick_line_is_thinned_to_one_pixel_and_a_ring_stays_closed(load: Any) -> None:
    shapes = np.zeros((2, 30, 30), dtype=bool)
    shapes[0, 10:15, 4:26] = True
    across, down = np.meshgrid(np.arange(30) - 15, np.arange(30) - 15)
    shapes[1] = abs(np.hypot(across, down) - 9) < 2.5
    line, ring = load("skeletons")["skeletons"](shapes)
    assert line.sum(0).max() == 1 and line.sum() > 15
    assert 40 < ring.sum() < 80
    reached = np.unique(np.round(np.degrees(np.arctan2(*np.argwhere(ring).T - 15.0)) / 30))
    assert len(reached) >= 12  # in every direction


def test_points_are_drawn_in_their_box_with_ink_from_0_to_1(load: Any) -> None:
    drawn = load("drawn_points")["drawn"]
    draw = torch.Generator().manual_seed(0)
    points = torch.rand(6, 50, 2, generator=draw) * torch.tensor([5.0, 1.0]) + 7
    ink = drawn(points, draw)
    assert ink.shape == (6, 1, INK_SIZE, INK_SIZE)
    assert ink.min() == 0 and torch.allclose(ink.amax((1, 2, 3)), torch.ones(6))
    wide = (ink > 0.5).any(2).sum(2)[:, 0]
    assert ((wide >= INK_SIZE - 9) & (wide <= INK_SIZE - 3)).all()


def test_instances_of_a_class_are_nearer_than_other_classes(load: Any) -> None:
    strokes = load("stroke_points")
    draw = torch.Generator().manual_seed(0)
    controls, curves = strokes["stroke_classes"](8, draw)
    points = strokes["stroke_instances"](controls, curves, 3, draw).flatten(2)  # [class, instance, number]
    inside = (points - points.mean(1, keepdim=True)).norm(dim=2).mean()
    between = torch.pdist(points.mean(1)).mean()
    assert inside < between / 3


def test_a_drawing_is_not_told_by_itself(load: Any) -> None:
    loss_of = load("drawings")["loss_of"]
    first, second = torch.eye(2)
    apart = torch.stack([first, -first, second, -second])  # classes of two drawings that are opposites
    assert loss_of(apart, 2)[1] == 0
    alike = torch.eye(4)[[0, 0, 1, 1]]
    assert loss_of(alike, 2)[1] == 1

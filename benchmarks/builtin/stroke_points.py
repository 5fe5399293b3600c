"""Classes of drawings as points along their strokes: characters of fonts, and strokes by chance."""

import math

import numpy as np
import torch
from skeletons import skeletons  # beside this file
from torch import Tensor

from polytask.datasets.glyph_parts.drawings import characters

__all__ = ["N_POINTS", "glyph_points", "stroke_classes", "stroke_instances"]

N_POINTS = 128
_N_STROKES, _N_CONTROLS = 4, 4


def glyph_points() -> list[Tensor]:
    """Return the middle lines of all characters, ``[face, point, 2]`` each, centred, from about -1 to 1."""
    found = []
    for part in ("train", "validation", "test"):
        for character in characters(part):
            lines = skeletons(character.faces.numpy() > 127)
            faces = [np.argwhere(line)[:, ::-1] for line in lines if line.any()]
            chosen = [face[np.linspace(0, len(face) - 1, N_POINTS).round().astype(int)] for face in faces]
            found.append(torch.from_numpy(np.stack(chosen)).float() / 32 - 1)
    return found


def stroke_classes(n_classes: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return control points ``[class, stroke, control, 2]``, and which curve each is ``[class, stroke]``.

    Strokes begin anywhere, or where another one has a control point. Where a class has fewer strokes, the
    first ones are there again.
    """
    begin = torch.rand(n_classes, _N_STROKES, 1, 2, generator=draw) * 2 - 1
    angles = (torch.rand(n_classes, _N_STROKES, 1, generator=draw) * 2 * math.pi) + torch.randn(
        n_classes, _N_STROKES, _N_CONTROLS - 1, generator=draw
    ).cumsum(2)
    lengths = 0.25 + 0.6 * torch.rand(n_classes, _N_STROKES, _N_CONTROLS - 1, generator=draw)
    steps = torch.stack([angles.cos(), angles.sin()], dim=-1) * lengths[..., None]
    controls = torch.cat([begin, begin + steps.cumsum(2)], dim=2)
    for stroke in range(1, _N_STROKES):
        other = torch.randint(0, stroke * _N_CONTROLS, (n_classes,), generator=draw)
        joint = controls[:, :stroke].flatten(1, 2)[torch.arange(n_classes), other]
        joined = torch.rand(n_classes, 1, generator=draw) < 0.5
        move = torch.where(joined, joint - controls[:, stroke, 0], 0.0)
        controls[:, stroke] += move[:, None]
    curves = torch.randint(0, len(_CURVES), (n_classes, _N_STROKES), generator=draw)
    n_strokes = torch.randint(1, _N_STROKES + 1, (n_classes, 1), generator=draw)
    again = torch.arange(_N_STROKES) % n_strokes  # [class, stroke]
    rows = torch.arange(n_classes)[:, None]
    return controls[rows, again], curves[rows, again]


def stroke_instances(controls: Tensor, curves: Tensor, n_each: int, draw: torch.Generator) -> Tensor:
    """Draw every class again and again, never twice the same: points ``[class, instance, point, 2]``."""
    spread = 0.02 + 0.07 * torch.rand(len(controls), n_each, 1, 1, 1, generator=draw)
    shape = (len(controls), n_each, _N_STROKES, _N_CONTROLS, 2)
    moved = controls[:, None] + spread * torch.randn(shape, generator=draw)
    return (_CURVES[curves][:, None] @ moved).flatten(2, 3)


def _curves() -> Tensor:
    """Return how points along a stroke follow from its control points, ``[curve, point, control]``."""
    time = torch.linspace(0, 1, N_POINTS // _N_STROKES)
    left = 1 - time
    bezier = torch.stack([left**3, 3 * left**2 * time, 3 * left * time**2, time**3], dim=1)
    corners = (1 - (3 * time[:, None] - torch.arange(4)).abs()).clamp(min=0)
    line = torch.stack([left, 0 * time, 0 * time, time], dim=1)
    cosine, sine = (2 * math.pi * time).cos() / 2, (2 * math.pi * time).sin() / 2
    ellipse = torch.stack([1 - cosine - sine, cosine, sine, 0 * time], dim=1)
    return torch.stack([bezier, bezier, corners, line, ellipse])


_CURVES = _curves()

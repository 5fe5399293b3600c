"""A drawing is ink, whatever its colours, place and size."""

import pytest
import torch
from torch.nn import functional

from polytask.encoders.drawing_ink import INK_BOX, INK_SIZE, drawing_ink


def corner(left: int, top: int, length: int, *, stroke: int = 4, side: int = 112) -> torch.Tensor:
    """Draw an L of black strokes on white, ``[3, side, side]``."""
    image = torch.ones(3, side, side)
    image[:, top : top + length, left : left + stroke] = 0
    image[:, top + length - stroke : top + length, left : left + length] = 0
    return image


def test_ink_stays_where_a_drawing_is_moved_and_scaled() -> None:
    first = drawing_ink(corner(10, 12, 40, stroke=4))
    assert first.shape == (1, INK_SIZE, INK_SIZE) and first.max() == 1
    assert torch.allclose(drawing_ink(corner(50, 40, 40, stroke=4)), first, atol=0.02)
    assert functional.mse_loss(drawing_ink(corner(8, 9, 80, stroke=8)), first) < 0.01


def test_the_box_of_the_strokes_is_centred_and_its_longer_side_has_a_fixed_length() -> None:
    image = torch.ones(3, 112, 112)
    image[:, 20:100, 70:90] = 0  # upright
    seen = drawing_ink(image)[0] > 0.5
    rows, columns = seen.any(1).nonzero().flatten(), seen.any(0).nonzero().flatten()
    assert rows.tolist() == list(range((INK_SIZE - INK_BOX) // 2, (INK_SIZE + INK_BOX) // 2))
    assert columns[0] + columns[-1] == INK_SIZE - 1 and len(columns) in (5, 6, 7)


def test_dark_on_light_light_on_dark_faint_and_coloured_ink_are_one_drawing() -> None:
    image = corner(20, 30, 50)
    first = drawing_ink(image)
    assert torch.allclose(drawing_ink(1 - image), first, atol=1e-5)
    assert torch.allclose(drawing_ink(0.8 + 0.2 * image), first, atol=1e-4)
    red = image.clone()
    red[0] = 1
    assert torch.allclose(drawing_ink(red), first, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_blank_page_has_no_ink(value: float) -> None:
    page = torch.full((3, 112, 112), value)
    assert not drawing_ink(page).any()
    assert not drawing_ink((page + 0.01 * torch.rand(3, 112, 112)).clamp(0, 1)).any()


def test_a_point_is_not_blown_up() -> None:
    page = torch.ones(3, 112, 112)
    page[:, 50, 60] = 0
    ink = drawing_ink(page)
    assert 0 < (ink > 0.5).sum() < 80
    assert ink.isfinite().all()

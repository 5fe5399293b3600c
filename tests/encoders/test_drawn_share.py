"""Drawings are a plain ground and ink; photos have much between."""

import pytest
import torch

from polytask.encoders.drawn_share import drawn_share


@pytest.mark.parametrize("ink", [(0.0, 0.0, 0.0), (0.8, 0.1, 0.1)])
def test_strokes_of_one_colour_on_a_plain_ground_are_drawn(ink: tuple[float, ...]) -> None:
    page = torch.ones(3, 60, 60)
    page[:, 20:40, 28:31] = torch.tensor(ink)[:, None, None]
    assert drawn_share(page) == 1
    assert drawn_share(0.3 + 0.5 * page) == 1


def test_what_changes_smoothly_is_not_drawn() -> None:
    line = torch.linspace(0, 1, 60)
    assert drawn_share(line.expand(3, 60, 60)) < 0.6
    assert drawn_share(torch.rand(3, 60, 60)) < 0.6


def test_a_drawing_of_few_pixels_that_was_made_larger_is_drawn() -> None:
    digit = torch.ones(1, 1, 8, 8)
    digit[..., 1:7, 3:5] = torch.tensor([0.5, 0.0])
    digit[..., 1, 2:6] = 0.4
    large = torch.nn.functional.interpolate(digit, size=(112, 112), mode="bilinear")
    assert drawn_share(large[0].expand(3, -1, -1)) > 0.9

"""Drawings are a plain ground and ink; photos have much between."""

import pytest
import torch

from polytask.encoders.drawn_share import drawn_share, inked_share


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


@pytest.mark.parametrize("ink", [(0.0, 0.0, 0.0), (0.8, 0.1, 0.1)])
def test_a_drawing_has_one_ink_sharp_or_blurred(ink: tuple[float, ...]) -> None:
    page = torch.ones(3, 60, 60)
    page[:, 20:40, 28:33] = torch.tensor(ink)[:, None, None]
    blurred = torch.nn.functional.avg_pool2d(page[None], 5, stride=1, padding=2, count_include_pad=False)[0]
    assert inked_share(page) == inked_share(blurred) == 1


def test_a_coloured_thing_on_a_large_plain_ground_has_several() -> None:
    page = torch.ones(3, 60, 60)
    for place, colour in enumerate([(0.1, 0.1, 0.1), (0.9, 0.2, 0.2), (0.2, 0.8, 0.2), (0.2, 0.3, 0.9)]):
        page[:, 24:36, 24 + 3 * place : 27 + 3 * place] = torch.tensor(colour)[:, None, None]
    assert drawn_share(page) > 0.9
    assert inked_share(page) < 0.7


def test_nothing_on_the_ground_is_no_other_colour() -> None:
    assert inked_share(torch.full((3, 20, 20), 0.4)) == 1

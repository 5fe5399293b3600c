"""Colours and edges on a grid: what looks alike is near."""

import numpy as np
import torch

from polytask.encoders import ColourGradients


def stripes(angle: float, size: int = 48) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return (np.sin((columns * np.cos(angle) + rows * np.sin(angle)) / 2) / 2 + 0.5).astype(np.float32)


def test_edges_of_one_direction_are_nearer_than_others_and_brightness_hardly_counts():
    upright, darker, slanted = ColourGradients().encode([stripes(0.0), stripes(0.0) * 0.5, stripes(1.0)])
    assert (upright - darker).norm() < 0.6 < 0.9 < (upright - slanted).norm()


def test_colours_count_without_any_edge():
    red = torch.tensor([0.9, 0.1, 0.1])[:, None, None].expand(3, 8, 8)
    alike, other = red * 0.95, red.flip(0)
    first, second, third = ColourGradients().encode([red, alike, other])
    assert (first - second).norm() < 0.1 < 0.5 < (first - third).norm()


def test_a_step_has_its_edge_in_the_direction_across():
    step = np.zeros((64, 64), dtype=np.float32)
    step[:, 20:] = 1
    vector = ColourGradients().encode([step])[0, : 9 * 4 * 49].reshape(9, 4, 49)  # direction, cell, block
    assert vector[0].sum() > 0 and vector[1:].abs().sum() == 0


def test_vectors_are_finite_and_each_by_itself():
    torch.manual_seed(0)
    images = [torch.rand(3, 20, 30), torch.zeros(5, 5), torch.ones(1, 9, 9)]
    encoder = ColourGradients()
    vectors = encoder.encode(images)
    assert vectors.shape == (3, encoder.width) and bool(vectors.isfinite().all())
    assert vectors.norm(dim=1).max() <= 2**0.5 + 1e-5
    assert torch.equal(vectors[1:2], encoder.encode(images[1:2]))
    assert encoder.encode([]).shape == (0, encoder.width) and encoder.state == {}

"""The network of the drawing encoder."""

import torch

from polytask.encoders.drawing_network import DrawingNetwork


def test_a_vector_keeps_what_is_where_and_has_both_signs() -> None:
    network = DrawingNetwork().eval()
    ink = torch.zeros(2, 1, 28, 28)
    ink[0, :, 3:9, 3:9] = 1
    ink[1, :, 19:25, 19:25] = 1
    with torch.no_grad():
        vectors = network(ink)
    assert vectors.shape == (2, DrawingNetwork.width)
    assert (vectors[0] - vectors[1]).norm() > 0 and vectors.min() < 0 < vectors.max()

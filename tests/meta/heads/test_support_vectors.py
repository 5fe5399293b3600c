"""Support vectors with two classes and more."""

import numpy as np

from polytask.meta.heads.support_vectors import support_vectors


def test_two_classes_of_three_get_opposite_functions_and_the_third_never_wins() -> None:
    draws = np.random.default_rng(0)
    labels = np.repeat([0, 2], 10)
    rows = draws.standard_normal((20, 3)) + 2 * labels[:, None]
    head = support_vectors(rows, labels, 3, 1.0)
    assert np.array_equal(head.weight[0], -head.weight[2])
    assert (head.scores(rows).argmax(1) == labels).mean() > 0.9
    assert not (head.scores(50 * draws.standard_normal((50, 3))).argmax(1) == 1).any()

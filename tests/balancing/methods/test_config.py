"""ConFIG has one cosine to all."""

import torch
from tests.balancing.methods.gradients import rows_of, weights

from polytask.balancing.methods import ConFIG


def test_config_has_the_same_cosine_to_every_gradient():
    rows = rows_of()
    direction = weights(ConFIG(), rows) @ rows
    cosines = (rows @ direction) / rows.norm(dim=1) / direction.norm()
    torch.testing.assert_close(cosines, cosines[:1].expand(3))
    assert float(cosines[0]) > 0

"""SDMGrad against TorchJD's."""

import torch
from tests.balancing.methods.gradients import NAMES, rows_of
from torchjd.aggregation import SDMGradWeighting

from polytask.balancing import Evidence
from polytask.balancing.methods import SDMGrad


def test_sdmgrad_equals_that_of_torchjd():
    ours, theirs = SDMGrad(NAMES), SDMGradWeighting()
    for rows in rows_of(3, 7, steps=4):
        products = rows @ rows.T  # a positive diagonal, as of halves that agree
        update = ours(Evidence(NAMES, torch.ones(3).double(), lambda: rows_of(), cross=lambda p=products: p))
        torch.testing.assert_close(update.values, 3 * theirs(products), rtol=1e-4, atol=1e-5)

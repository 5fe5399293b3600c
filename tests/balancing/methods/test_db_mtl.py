"""DB-MTL: logarithms and running gradients."""

import torch
from tests.balancing.methods.gradients import NAMES, rows_of, seen

from polytask.balancing import Direction
from polytask.balancing.methods import DBMTL


def test_db_mtl_makes_the_gradients_of_the_logarithms_equally_long():
    rows, losses = rows_of(), torch.tensor([0.1, 1.0, 10.0]).double()
    values = DBMTL(NAMES)(seen(rows, losses=losses)).values
    lengths = values * rows.norm(dim=1)
    torch.testing.assert_close(lengths, (rows.norm(dim=1) / losses).max().expand(3))


def test_db_mtl_with_running_gradients_follows_its_recursion():
    balancer = DBMTL(NAMES, beta=0.9, sigma=0.5)
    losses = torch.tensor([0.5, 1.0, 2.0]).double()
    running = torch.zeros(3, 12).double()
    for k, rows in enumerate(rows_of(3, 0, steps=4), start=1):
        kept = 0.9 / k**0.5 if k > 1 else 0.0
        running = kept * running + (1 - kept) * rows / losses[:, None]
        lengths = running.norm(dim=1)
        update = balancer(seen(rows, losses=losses))
        assert isinstance(update, Direction)
        torch.testing.assert_close(update.values, ((lengths.max() / lengths)[:, None] * running).sum(0))

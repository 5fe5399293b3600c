r"""How much targets count from epoch to epoch, by how far the networks have come with each.

With :math:`\bar L_t` the latest loss of target :math:`t` on held-out rows, relative to its first, it counts

.. math:: p_t = (1 - \varepsilon) \, \mathrm{softmax}_t(s_t / \tau) + \varepsilon / m

of :math:`m` targets, with :math:`s_t = \bar L_t`, 1 at most, for ``"loss"`` (what has been learned least
counts most), or the fall of :math:`\bar L_t` over the latest epochs, relative to the greatest, for
``"progress"`` (what is learned fastest counts most). That is `polytask.data.steps.loss_curriculum` and its
kin, with weights in the place of turns; the rules are ours. They hang on nothing but the losses so far, so a
training that is resumed goes on alike. The tasks of a task column may take the place of targets: then rows
are drawn so often (`polytask.fitting.task_draws`).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["CURRICULA", "curriculum_shares"]

CURRICULA = ("loss", "progress")
_TEMPERATURE, _EXPLORATION = 0.5, 0.05
_LATEST = 5  # epochs over which progress is measured


def curriculum_shares(law: str, curve: Sequence[Tensor]) -> Tensor:
    """Return how much each target counts in the next epoch, with mean 1, float64 ``[target]``.

    Args:
        law: One of `CURRICULA`.
        curve: The mean losses on held-out rows after each epoch ``[target]``, one at least.

    Example:
        >>> first, second = torch.tensor([2.0, 5.0]), torch.tensor([2.0, 0.5])
        >>> curriculum_shares("loss", [first, second]).round(decimals=2).tolist()
        [1.68, 0.32]
        >>> curriculum_shares("progress", [first, second]).round(decimals=2).tolist()
        [0.28, 1.72]
    """
    relative = torch.stack(list(curve)).double()
    relative = (relative / relative[0].clamp(min=1e-12)).clamp(max=1.0)  # [epoch, target]
    if law == "loss":
        scores = relative[-1]
    else:
        fall = (relative[-_LATEST - 1 :][0] - relative[-1]).clamp(min=0)
        scores = fall / fall.max().clamp(min=1e-12)
    n_targets = len(scores)
    shares = (1 - _EXPLORATION) * (scores / _TEMPERATURE).softmax(0) + _EXPLORATION / n_targets
    return n_targets * shares

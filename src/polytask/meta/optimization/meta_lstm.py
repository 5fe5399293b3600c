"""Meta-LSTM: gradient descent as the cell of an LSTM, with learned gates and a learned start."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from polytask.core import InputError
from polytask.meta.adaptation.rules.rule import InnerStep
from polytask.meta.entry import catalogued
from polytask.meta.layers.lstm_cell import LSTMCell
from polytask.meta.optimization.coordinates import CoordinateRule, classifier_by_rule, log_and_sign

__all__ = ["MetaLSTM"]


@catalogued(
    "meta-lstm",
    "Ravi and Larochelle, ICLR 2017",
    family="optimization",
    build=classifier_by_rule,
    fixed_way=True,
    inner=("inner_steps",),
)
class MetaLSTM(CoordinateRule):
    r"""Steps :math:`\phi_k = f_k \circ \phi_{k-1} - i_k \circ g_k`: the update of an LSTM's cell.

    The forget gate :math:`f_k` and the input gate :math:`i_k`, a learning rate, are
    :math:`\sigma(W [h_k, \phi_{k-1}, \mathrm{gate}_{k-1}] + b)`, where :math:`h_k` is the state of an LSTM
    that sees the gradient and the loss. All numbers share the weights. The first cell, the initialization, is
    the model's own parameters, which the learner meta-learns.

    Args:
        width: Of the LSTM.
        rate: The input gate at the start.
        decay: How far from 1 the forget gate is at the start.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> from polytask.meta.adaptation.gradient_learner import GradientLearner
        >>> learner = GradientLearner(nn.Linear(2, 1), rule=MetaLSTM(), n_steps=5, n_differentiated=0)

    When to use:
        Few steps on small networks, with gates for what to keep of a weight. Harder to train than
        `MetaSGD`, for like results.

    References:
        Ravi, Larochelle. Optimization as a Model for Few-Shot Learning. ICLR 2017, section 3, equations 2 and
        3. As there, the gradients are not differentiated if the learner has ``n_differentiated=0``.
    """

    def __init__(self, *, width: int = 20, rate: float = 0.01, decay: float = 1e-4) -> None:
        if width < 1 or not 0 < rate < 1 or not 0 < decay < 1:
            raise InputError(
                "`width` must be at least 1, `rate` and `decay` between 0 and 1, "
                f"got {width}, {rate}, {decay}."
            )
        super().__init__()
        self.width = width
        self.cell = LSTMCell(4, width)
        self.gates = nn.Linear(width + 3, 2)
        nn.init.uniform_(self.gates.weight, -0.01, 0.01)
        first = torch.tensor([1 - decay, rate], device="cpu").logit()  # also where the rest has no memory
        with torch.no_grad():
            self.gates.bias.copy_(first)
        self.first = tuple(first.sigmoid().tolist())

    def start(self, coordinates: Tensor) -> Mapping[str, Tensor]:
        """Return an empty LSTM, and the gates as they begin."""
        zeros = coordinates.new_zeros(*coordinates.shape, self.width)
        gates = coordinates.new_tensor(self.first).expand(*coordinates.shape, 2)
        return {"hidden": zeros, "cell": zeros, "gates": gates}

    def change(
        self, step: InnerStep, parameters: Tensor, gradients: Tensor, optimizer_state: Mapping[str, Tensor]
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Make a step."""
        loss = log_and_sign(step.loss.expand(gradients.shape))
        seen = torch.cat([log_and_sign(gradients), loss], dim=-1)  # [coordinate, 4]
        hidden, cell = self.cell(seen, optimizer_state["hidden"], optimizer_state["cell"])
        given = torch.cat([hidden, parameters.unsqueeze(-1), optimizer_state["gates"]], dim=-1)
        gates = self.gates(given).sigmoid()  # [coordinate, 2]
        found = gates[..., 0] * parameters - gates[..., 1] * gradients
        return found, {"hidden": hidden, "cell": cell, "gates": gates}

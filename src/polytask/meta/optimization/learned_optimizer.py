"""Optimizers that are networks: an LSTM, or an MLP on the features of a hand-made optimizer."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from polytask.core import InputError
from polytask.meta.adaptation.rules.adam import safe_sqrt
from polytask.meta.adaptation.rules.rule import InnerStep
from polytask.meta.entry import catalogued
from polytask.meta.layers.lstm_cell import LSTMCell
from polytask.meta.layers.networks import mlp
from polytask.meta.optimization.coordinates import CoordinateRule, classifier_by_rule, log_and_sign

__all__ = ["LSTMOptimizer", "MLPOptimizer"]


@catalogued(
    "lstm-optimizer",
    "Andrychowicz et al., NeurIPS 2016, arXiv:1606.04474",
    family="optimization",
    build=classifier_by_rule,
    fixed_way=True,
    inner=("inner_steps",),
)
class LSTMOptimizer(CoordinateRule):
    r"""Steps :math:`\phi \leftarrow \phi + s\, m(g, h)` by a coordinate-wise LSTM :math:`m` of two layers.

    Every number has its own hidden state; the weights are shared. The gradient enters as `log_and_sign`, and
    is not differentiated itself, as in the paper: give the learner ``n_differentiated=0``, with which the
    derivative goes through the network's own steps alone; else it is exact.

    Args:
        width: Of each layer.
        scale: The factor :math:`s` on the output.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> from polytask.meta.adaptation.gradient_learner import GradientLearner
        >>> learner = GradientLearner(nn.Linear(2, 1), rule=LSTMOptimizer(), n_steps=5, n_differentiated=0)

    When to use:
        To learn the rule itself from many like problems. It does not carry far beyond the steps
        and networks that it was trained on.

    References:
        Andrychowicz et al. Learning to learn by gradient descent by gradient descent. NeurIPS 2016,
        arXiv:1606.04474, section 2.1 and appendix A. The paper trains on the sum of losses along the way; see
        `polytask.meta.initialization.maml_plus_plus.MultiStepLoss`.
    """

    def __init__(self, *, width: int = 20, scale: float = 0.1) -> None:
        if width < 1 or not scale > 0:
            raise InputError(f"`width` must be at least 1 and `scale` above 0, got {width}, {scale}.")
        super().__init__()
        self.width = width
        self.scale = scale
        self.cells = nn.ModuleList([LSTMCell(2, width), LSTMCell(width, width)])
        self.output = nn.Linear(width, 1)

    def start(self, coordinates: Tensor) -> Mapping[str, Tensor]:
        """Return hidden states and cells of 0."""
        zeros = coordinates.new_zeros(*coordinates.shape, self.width)
        return {f"{kind}{layer}": zeros for kind in ("hidden", "cell") for layer in range(len(self.cells))}

    def change(
        self, step: InnerStep, parameters: Tensor, gradients: Tensor, optimizer_state: Mapping[str, Tensor]
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Make a step of the network."""
        found = log_and_sign(gradients)  # [coordinate, 2]
        kept: dict[str, Tensor] = {}
        for layer, cell in enumerate(self.cells):
            found, state = cell(found, optimizer_state[f"hidden{layer}"], optimizer_state[f"cell{layer}"])
            kept[f"hidden{layer}"], kept[f"cell{layer}"] = found, state
        return parameters + self.scale * self.output(found).squeeze(-1), kept


@catalogued(
    "mlp-optimizer",
    "Metz et al., CoLLAs 2022, arXiv:2203.11860",
    family="optimization",
    build=classifier_by_rule,
    fixed_way=True,
    inner=("inner_steps",),
)
class MLPOptimizer(CoordinateRule):
    r"""Steps by an MLP on what hand-made optimizers keep: :math:`\Delta = \lambda_1 d\, e^{\lambda_2 m}`.

    For every number the MLP sees the parameter, the gradient, momenta over several horizons, the root of the
    second moment and its inverse, each scaled to mean square 1 over the network, and how far training is; it
    gives a direction :math:`d` and a log-size :math:`m`.

    Args:
        width: Of the two hidden layers.
        step_scale: The factor :math:`\lambda_1`.
        size_scale: The factor :math:`\lambda_2`.
        momenta: Decays of the momenta.
        smoothing: Decay of the second moment.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> sum(p.numel() for p in MLPOptimizer().parameters())
        530

    When to use:
        As `LSTMOptimizer`, cheaper and easier to train, on features that optimizers by hand keep.

    References:
        Metz et al. Practical tradeoffs between memory, compute, and performance in learned optimizers. CoLLAs
        2022, arXiv:2203.11860, section 3. Differs: no factored second moments; the scales are 0.01, since
        inner loops here are short.
    """

    def __init__(
        self,
        *,
        width: int = 16,
        step_scale: float = 0.01,
        size_scale: float = 0.01,
        momenta: tuple[float, ...] = (0.1, 0.5, 0.9),
        smoothing: float = 0.9,
    ) -> None:
        if width < 1 or not step_scale > 0:
            raise InputError(
                f"`width` must be at least 1 and `step_scale` above 0, got {width}, {step_scale}."
            )
        if not momenta or not all(0 <= m < 1 for m in (*momenta, smoothing)):
            raise InputError(f"`momenta` and `smoothing` must be in [0, 1), got {momenta}, {smoothing}.")
        super().__init__()
        self.step_scale = step_scale
        self.size_scale = size_scale
        self.momenta = momenta
        self.smoothing = smoothing
        n_features = 2 + len(momenta) + 2 + 6
        self.network = mlp([n_features, width, width, 2])

    def start(self, coordinates: Tensor) -> Mapping[str, Tensor]:
        """Return momenta and second moments of 0."""
        return {
            "momenta": coordinates.new_zeros(*coordinates.shape, len(self.momenta)),
            "second": torch.zeros_like(coordinates),
        }

    def change(
        self, step: InnerStep, parameters: Tensor, gradients: Tensor, optimizer_state: Mapping[str, Tensor]
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Make a step of the network."""
        decays = gradients.new_tensor(self.momenta)
        momenta = decays * optimizer_state["momenta"] + (1 - decays) * gradients.unsqueeze(-1)
        second = self.smoothing * optimizer_state["second"] + (1 - self.smoothing) * gradients.square()
        root = safe_sqrt(second)
        features = torch.cat(
            [torch.stack([parameters, gradients, root, 1 / (root + 1e-6)], dim=-1), momenta], dim=-1
        )  # [coordinate, feature]
        mean_square = features.square().mean(0, keepdim=True)
        features = features / safe_sqrt(mean_square + 1e-12)
        horizons = gradients.new_tensor([1.0, 3.0, 10.0, 30.0, 100.0, 300.0])
        progress = torch.tanh(step.index / horizons - 1).expand(len(parameters), -1)
        direction, size = self.network(torch.cat([features, progress], dim=-1)).unbind(-1)
        return parameters - self.step_scale * direction * torch.exp(self.size_scale * size), {
            "momenta": momenta,
            "second": second,
        }

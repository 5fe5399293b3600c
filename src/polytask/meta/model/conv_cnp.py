"""Convolutional conditional neural processes: shift the data, and the answers shift with them."""

import math

import torch
from torch import Tensor, nn

from polytask.core import InputError
from polytask.core.learner import State
from polytask.meta.model.gaussian import Context, Gaussian, GaussianLearner, bounded_gaussian, check_sizes

__all__ = ["ConvCNP"]

_NO_DENSITY = 1e-8
"""Below this density a place counts as far from all that it averages: the average goes to 0."""


class ConvCNP(GaussianLearner):
    r"""Convolutional conditional neural process for one input.

    The support becomes a function on a grid of places :math:`t`, by a set convolution:

    .. math::
        d(t) = \sum_i e^{-(t - x_i)^2 / 2 \ell^2} \qquad
        s(t) = \frac{1}{d(t)} \sum_i y_i \, e^{-(t - x_i)^2 / 2 \ell^2}

    A convolutional network maps :math:`(d, s)` to features :math:`f(t)`; a query reads their mean with the
    weights :math:`e^{-(x_* - t)^2 / 2 \ell_*^2}`, and a linear layer makes mean and standard deviation of it.
    The grid lies around the middle of the support, so that all of this commutes with translations.

    Args:
        n_outputs: Outputs of every task.
        span: Length of the grid, in units of the input; twice the range of the inputs is enough. A query
            farther than half of it from the middle of the support gets an answer that depends on no data.
        points_per_unit: Places of the grid in one unit of the input; finer than what is to be seen.
        channels: Channels of the network.
        n_layers: Convolutions of the network, each added to its input.
        kernel_size: Width of a convolution in places of the grid, odd.
        min_std: Lower bound of the standard deviations.

    Raises:
        InputError: A size is out of range, or the kernel size is even.

    Example:
        >>> from polytask.core import Batch, Task
        >>> task = Task(name="y", kind="regression")
        >>> x, y = torch.randn(10, 1), torch.randn(10)
        >>> learner = ConvCNP()
        >>> here = learner.adapt([task], Batch(inputs=x, targets={"y": y}))
        >>> there = learner.adapt([task], Batch(inputs=x + 100, targets={"y": y}))
        >>> torch.allclose(here(x)["y"], there(x + 100)["y"], atol=1e-4)
        True

    When to use:
        Series and functions on a line, also beyond the range of training: what it knows moves
        along. One input only.

    References:
        Gordon et al. Convolutional Conditional Neural Processes. ICLR 2020, arXiv:1910.13556. Both
        :math:`\ell` start at twice the distance of two places, as there, and are learned. Differs: the grid
        has one length and follows the support, where the paper's covers support and queries; so the state of
        a task does not depend on its queries. A query reads the mean of the features, where the paper sums
        them: the outputs start nearer to where they end. The network is a plain residual one.
    """

    def __init__(
        self,
        n_outputs: int = 1,
        *,
        span: float = 8.0,
        points_per_unit: int = 32,
        channels: int = 32,
        n_layers: int = 6,
        kernel_size: int = 11,
        min_std: float = 0.1,
    ) -> None:
        sizes = {"n_outputs": n_outputs, "points_per_unit": points_per_unit, "channels": channels}
        check_sizes("ConvCNP", min_std=min_std, **sizes, n_layers=n_layers, kernel_size=kernel_size)
        if kernel_size % 2 == 0:
            raise InputError(f"`kernel_size` must be odd, got {kernel_size}.")
        if not 0 < span < math.inf:
            raise InputError(f"`span` must be a length above 0, got {span}.")
        super().__init__(n_inputs=1, n_outputs=n_outputs)
        self.min_std = min_std
        half = max(1, math.ceil(span * points_per_unit / 2))
        self.register_buffer("places", torch.arange(-half, half + 1) / points_per_unit, persistent=False)
        self.log_lengths = nn.Parameter(torch.full((2,), math.log(2 / points_per_unit)))
        self.lift = nn.Linear(1 + n_outputs, channels)
        self.layers = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel_size, padding=kernel_size // 2) for _ in range(n_layers)
        )
        self.head = nn.Linear(channels, 2 * n_outputs)

    def encode(self, context: Context) -> State:
        """Return the features ``[place, channel]`` and the middle of the grid, ``[1]``."""
        middle = _middle(context)
        near = self._nearness(context.x - middle, 0) * context.known.unsqueeze(1)  # [row, place]
        density = near.sum(0).unsqueeze(1)  # [place, 1]
        signal = near.T @ context.y / (density + _NO_DENSITY)  # [place, n_outputs]
        features = self.lift(torch.cat([density, signal], dim=1)).T.unsqueeze(0)  # [1, channel, place]
        for layer in self.layers:
            features = features + layer(features.relu())
        return {"features": features.squeeze(0).T.relu(), "middle": middle}

    def gaussian(self, state: State, x: Tensor) -> Gaussian:
        """See `GaussianLearner.answer`."""
        near = self._nearness(x - state["middle"], 1)  # [batch, place]
        features = near @ state["features"] / (near.sum(1, keepdim=True) + _NO_DENSITY)  # [batch, channel]
        return bounded_gaussian(self.head(features), self.min_std)

    def _nearness(self, x: Tensor, length: int) -> Tensor:
        """Weigh each place of the grid for inputs ``[row, 1]`` seen from its middle: ``[row, place]``."""
        places = self.get_buffer("places")
        return torch.exp(-0.5 * ((x - places) / self.log_lengths[length].exp()).square())


def _middle(context: Context) -> Tensor:
    """Return the middle of the range of the rows that count, ``[1]``; 0 where none does."""
    known, limit = context.known, torch.finfo(context.x.dtype).max
    low = torch.where(known, context.x[:, 0], limit).amin()
    high = torch.where(known, context.x[:, 0], -limit).amax()
    return torch.where(known.any(), (low + high) / 2, torch.zeros_like(low)).unsqueeze(0)

"""Conditional neural processes: a task is the mean of its examples' representations."""

import torch
from torch import Tensor

from polytask.core.learner import State
from polytask.meta.layers.networks import mlp
from polytask.meta.model.gaussian import Context, Gaussian, GaussianLearner, bounded_gaussian, check_sizes

__all__ = ["CNP"]


class CNP(GaussianLearner):
    r"""Conditional neural process.

    .. math:: r = \frac{1}{n} \sum_i h(x_i, y_i) \qquad (\mu_*, \sigma_*) = g(x_*, r)

    The order of the support does not matter, and its size may change from task to task; without any example
    :math:`r` is 0.

    Args:
        n_inputs: Numbers in an input.
        n_outputs: Outputs of every task.
        width: Width of all layers and of :math:`r`.
        encoder_depth: Linear layers of :math:`h`.
        decoder_depth: Linear layers of :math:`g`.
        min_std: Lower bound of the standard deviations.

    Raises:
        InputError: A size is below 1, or ``min_std`` not in (0, 1).

    Example:
        >>> from polytask.core import Batch, Task
        >>> task = Task(name="y", kind="regression")
        >>> support = Batch(inputs=torch.randn(10, 1), targets={"y": torch.randn(10)})
        >>> CNP(1).adapt([task], support)(torch.zeros(5, 1))["y"].shape
        torch.Size([5, 1])

    When to use:
        Functions with many known points, fast. It blurs: what is known at a point is not met
        exactly; `CANP`, `ConvCNP` or `TNPD` are.

    References:
        Garnelo et al. Conditional Neural Processes. ICML 2018, arXiv:1807.01613. Depths and width are those
        of its one-dimensional regression. The bound of the standard deviations, 0.1 with softplus, is the
        authors' code's; data of less noise wants a lower one.
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int = 1,
        *,
        width: int = 128,
        encoder_depth: int = 3,
        decoder_depth: int = 5,
        min_std: float = 0.1,
    ) -> None:
        sizes = {"n_inputs": n_inputs, "n_outputs": n_outputs, "width": width}
        depths = {"encoder_depth": encoder_depth, "decoder_depth": decoder_depth}
        check_sizes("CNP", min_std=min_std, **sizes, **depths)
        super().__init__(n_inputs=n_inputs, n_outputs=n_outputs)
        self.min_std = min_std
        self.encoder = mlp([n_inputs + n_outputs, *[width] * encoder_depth])
        self.decoder = mlp([n_inputs + width, *[width] * (decoder_depth - 1), 2 * n_outputs])

    def encode(self, context: Context) -> State:
        """Return the mean representation ``[width]`` of the rows that count."""
        each = self.encoder(torch.cat([context.x, context.y], dim=-1))  # [row, width]
        return {"representation": mean_of_known(each, context.known)}

    def gaussian(self, state: State, x: Tensor) -> Gaussian:
        """See `GaussianLearner.answer`."""
        repeated = state["representation"].expand(len(x), -1)  # [batch, width]
        return bounded_gaussian(self.decoder(torch.cat([x, repeated], dim=-1)), self.min_std)


def mean_of_known(rows: Tensor, known: Tensor) -> Tensor:
    """Average the rows ``[row, feature]`` that count: ``[feature]``, 0 where none does."""
    weights = known.to(rows.dtype).unsqueeze(-1)  # [row, 1]
    return (rows * weights).sum(0) / weights.sum().clamp(min=1)

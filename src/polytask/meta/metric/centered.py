"""An encoder whose features are centred at the mean of the base classes."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from polytask.core import InputError
from polytask.core.batch import Inputs, batch_size
from polytask.core.copied_module import module_copy
from polytask.core.torch_internals import inside_transform

__all__ = ["Centered"]


class Centered(nn.Module):
    r"""An encoder minus a mean: :math:`f(x) - \bar f`.

    The mean is that of the features of the base classes, on which the encoder was trained. It is a buffer:
    saved with the encoder, and not moved by training; fit it again after the encoder has changed.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here.
        n_features: How many features that are.

    Raises:
        InputError: The number is below 1.

    Example:
        >>> encoder = Centered(nn.Identity(), 2).fit([torch.tensor([[1.0, 0.0], [3.0, 4.0]])])
        >>> encoder(torch.tensor([[2.0, 3.0]]))
        tensor([[0., 1.]])
    """

    mean: Tensor
    n_rows: Tensor

    def __init__(self, encoder: nn.Module, n_features: int) -> None:
        if n_features < 1:
            raise InputError(f"`n_features` must be at least 1, got {n_features}.")
        super().__init__()
        self.encoder = encoder
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("n_rows", torch.zeros((), dtype=torch.long))  # behind the mean

    def forward(self, inputs: Inputs) -> Tensor:
        """Return the centred features ``[batch, feature]``.

        Raises:
            InputError: The mean has not been fitted.
        """
        if not inside_transform() and not self.n_rows:
            raise InputError("The mean of the base classes is not known yet; call `fit` with their inputs.")
        return self.encoder(inputs).flatten(1) - self.mean

    @torch.no_grad()
    def fit(self, batches: Iterable[Inputs]) -> "Centered":
        """Set the mean to that of the features of some inputs, encoded in evaluation mode.

        Args:
            batches: Inputs ``[batch, ...]`` of the base classes; a single batch goes into a list.

        Returns:
            The module itself.

        Raises:
            InputError: There are no inputs, or their features are not ``n_features``.
        """
        total, n_rows = torch.zeros_like(self.mean, dtype=torch.float64), 0
        encoder = module_copy(self.encoder, training=False)
        for batch in batches:
            features = encoder(batch).flatten(1)  # [batch, feature]
            if features.shape[1] != len(self.mean):
                raise InputError(
                    f"The encoder gives {features.shape[1]} features, but `n_features` is {len(self.mean)}."
                )
            total += features.sum(0, dtype=torch.float64)
            n_rows += batch_size(batch)
        if not n_rows:
            raise InputError("`batches` is empty; give inputs of the base classes.")
        self.mean.copy_(total / n_rows)
        self.n_rows.fill_(n_rows)
        return self

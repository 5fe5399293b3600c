"""Features of an encoder, of which a learner was told how many there are."""

from torch import Tensor, nn

from polytask.core import InputError
from polytask.core.batch import Inputs

__all__ = ["checked_features"]


def checked_features(encoder: nn.Module, inputs: Inputs, n_features: int) -> Tensor:
    """Return the flattened features ``[batch, feature]``.

    Raises:
        InputError: They are not ``n_features``.
    """
    features: Tensor = encoder(inputs).flatten(1)
    if features.shape[1] != n_features:
        raise InputError(f"`encoder` gives {features.shape[1]} features, but `n_features` is {n_features}.")
    return features

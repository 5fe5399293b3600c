"""Images as the vectors of a pretrained vision model."""

import importlib
from collections.abc import Sequence
from types import ModuleType

import torch
from torch import Tensor, nn

from polytask.core import InputError, MissingPackageError

__all__ = ["TimmEncoder", "timm_encoder"]


class TimmEncoder(nn.Module):
    r"""Encode images by a vision model, frozen or tuned along, with the channels as it is used to them.

    .. math:: f\Bigl(\frac{x_c - \mu_c}{s_c}\Bigr)

    Args:
        network: From images ``[image, channel, height, width]`` to ``[image, width]``; `timm_encoder` builds
            it by name.
        mean: :math:`\mu`, for each channel.
        spread: :math:`s`, for each channel; positive.
        tuned: Whether the network is trained. If not, its parameters do not train, it stays in evaluation
            mode and keeps no graph.

    Raises:
        InputError: ``mean`` and ``spread`` do not fit; or, when run, the inputs are not images of so many
            channels, or have no floating numbers.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> encoder = TimmEncoder(network, mean=[0.5, 0.5, 0.5], spread=[0.2, 0.2, 0.2])
        >>> encoder(torch.rand(4, 3, 16, 16)).shape
        torch.Size([4, 8])
    """

    mean: Tensor
    spread: Tensor

    def __init__(
        self, network: nn.Module, *, mean: Sequence[float], spread: Sequence[float], tuned: bool = True
    ) -> None:
        super().__init__()
        if not mean or len(mean) != len(spread) or not all(each > 0 for each in spread):
            raise InputError(
                "`mean` and `spread` need a number for each channel, and spreads are positive; got "
                f"{list(mean)} and {list(spread)}."
            )
        self.network = network if tuned else network.requires_grad_(False)
        self.tuned = tuned
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))  # [channel, 1, 1]
        self.register_buffer("spread", torch.tensor(spread).view(-1, 1, 1))
        self.train(self.training)

    def train(self, mode: bool = True) -> "TimmEncoder":
        """Set training mode; a frozen network stays in evaluation mode."""
        super().train(mode)
        if not self.tuned:
            self.network.eval()
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        """Represent images ``[image, channel, height, width]``, from 0 to 1, as ``[image, width]``."""
        n_channels = len(self.mean)
        if inputs.ndim != 4 or inputs.shape[1] != n_channels or not inputs.is_floating_point():
            raise InputError(
                f"The inputs must be floats [image, {n_channels}, height, width] from 0 to 1, but are "
                f"{inputs.dtype} of shape {tuple(inputs.shape)}."
            )
        with torch.set_grad_enabled(self.tuned and torch.is_grad_enabled()):
            return self.network((inputs - self.mean) / self.spread)


def timm_encoder(
    name: str, *, pretrained: bool = False, n_channels: int = 3, tuned: bool = True, **options: object
) -> TimmEncoder:
    """Build a model of timm without its classifier.

    Args:
        name: The model's name in timm, as ``"resnet18"``, or ``"hf-hub:..."`` for one on the Hugging Face
            hub.
        pretrained: Whether to load its weights, which needs the network or timm's cache.
        n_channels: Channels of the images. Where the model was trained with another number, timm folds the
            weights of its first layer, and every channel gets the average of the means and spreads.
        tuned: See `TimmEncoder`.
        options: What else ``timm.create_model`` knows, as ``img_size`` or ``drop_path_rate``.

    Raises:
        MissingPackageError: timm is not installed.
        InputError: timm has no such model, or its weights cannot be loaded.

    References:
        Ross Wightman, "PyTorch Image Models", 2019, doi:10.5281/zenodo.4414861.

    Example:
        Needs ``pip install "polytask[vision]"``:

        >>> encoder = timm_encoder("resnet18")  # doctest: +SKIP
        >>> encoder(torch.rand(4, 3, 64, 64)).shape  # doctest: +SKIP
        torch.Size([4, 512])
    """
    timm = _timm()
    try:
        network = timm.create_model(
            name, pretrained=pretrained, num_classes=0, in_chans=n_channels, **options
        )
    except (OSError, ValueError, RuntimeError) as error:  # what timm and the hub raise
        remedy = (
            " Without network, give `pretrained=False`, or load the weights from a file."
            if pretrained
            else ""
        )
        raise InputError(f"timm cannot build {name!r}: {error}.{remedy}") from error
    used = timm.data.resolve_model_data_config(network)
    mean, spread = (_per_channel(used[key], n_channels) for key in ("mean", "std"))
    return TimmEncoder(network, mean=mean, spread=spread, tuned=tuned)


def _timm() -> ModuleType:
    try:
        importlib.import_module("timm.data")
        return importlib.import_module("timm")
    except ImportError as error:
        raise MissingPackageError("timm", extra="vision", purpose="an image encoder by name") from error


def _per_channel(values: Sequence[float], n_channels: int) -> list[float]:
    """Return a number for each channel; all have the average where the model knew other channels."""
    if len(values) == n_channels:
        return list(values)
    return [sum(values) / len(values)] * n_channels

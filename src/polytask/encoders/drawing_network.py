"""The small convolutional network behind the built-in encoder of drawings."""

from torch import Tensor, nn

__all__ = ["DrawingNetwork"]

_CHANNELS = (48, 64, 128, 128)


class DrawingNetwork(nn.Module):
    """Turns the ink of drawings ``[image, 1, 28, 28]`` into vectors ``[image, 1152]``.

    Four convolutions of 3 x 3, each normalised over the batch it was trained on; the last has no rectifier,
    so that a vector has both signs. What is where is kept on a grid of 3 x 3.
    """

    width = 9 * _CHANNELS[-1]

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        n_inputs = 1
        for n_outputs in _CHANNELS:
            layers += [
                nn.Conv2d(n_inputs, n_outputs, 3, padding=1, bias=False),
                nn.BatchNorm2d(n_outputs),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
            n_inputs = n_outputs
        self.layers = nn.Sequential(*layers[:-2])

    def forward(self, ink: Tensor) -> Tensor:
        """Return vectors ``[image, 1152]`` of ink from 0 to 1, ``[image, 1, 28, 28]``."""
        return self.layers(ink).flatten(1)

"""The layers of the warrant grid: each stands between two linear layers of a small smooth net."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from polytask.core import seeded
from polytask.meta.layers.normalization import Normalization

N_CLASSES = 3
N_FEATURES = 6


class Cast(nn.Module):
    """Turns inputs into what a layer takes: tokens, a sequence, an image."""

    def __init__(self, form: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.form = form

    def forward(self, x: Tensor) -> Tensor:
        return self.form(x)

    def __deepcopy__(self, memo: dict[int, object]) -> "Cast":
        return Cast(self.form)


class Recurrent(nn.Module):
    """The last output of a recurrent layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0][:, -1]


class Cell(nn.Module):
    """A recurrent cell over three inputs, from zeros."""

    def __init__(self, cell: nn.Module, n_states: int) -> None:
        super().__init__()
        self.cell = cell
        self.n_states = n_states

    def forward(self, x: Tensor) -> Tensor:
        zero = torch.zeros_like(x[:, 0, :1]).expand(-1, 4)
        state = zero if self.n_states == 1 else (zero, zero)
        for step in x.unbind(1):
            state = self.cell(step, state)
        return state if isinstance(state, Tensor) else state[0]


class Attention(nn.Module):
    """Attention of a sequence to itself, averaged."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=False)[0].mean(1)


class Distances(nn.Module):
    """Distances to learned points."""

    def __init__(self) -> None:
        super().__init__()
        self.points = nn.Parameter(torch.randn(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cdist(x, self.points)


class Tied(nn.Module):
    """Two layers with one matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.tanh(self.first(x)))


class Twice(nn.Module):
    """A layer with two inputs, given its input twice."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x, x)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One row of the grid.

    Args:
        build: Makes the layer.
        form: Of its input: ``vector`` ``[4]``, ``signal`` ``[2, 4]``, ``image`` ``[2, 4, 4]``, ``sequence``
            ``[3, 4]`` or ``tokens`` ``[3]``, all of a batch.
        normalization: What BatchNorm does, where the layer is one.
    """

    build: Callable[[], nn.Module]
    form: str = "vector"
    normalization: Normalization | None = None


FORMS: dict[str, tuple[int, Callable[[Tensor], Tensor]]] = {
    "vector": (4, lambda x: x),
    "signal": (8, lambda x: x.reshape(-1, 2, 4)),
    "image": (32, lambda x: x.reshape(-1, 2, 4, 4)),
    "sequence": (12, lambda x: x.reshape(-1, 3, 4)),
}


def _kept(layer: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """Start a normalization away from the ones and zeros where errors hide."""

    def build() -> nn.Module:
        built = layer()
        for tensor in [*built.parameters(), *built.buffers()]:
            if tensor.is_floating_point() and tensor.numel() and tensor.min() == tensor.max():
                tensor.data += torch.rand(tensor.shape)
        return built

    return build


LAYERS: dict[str, Layer] = {
    "Linear": Layer(build=lambda: nn.Linear(4, 5)),
    "Bilinear": Layer(build=lambda: Twice(nn.Bilinear(4, 4, 5))),
    "Conv1d": Layer(build=lambda: nn.Conv1d(2, 3, 3, padding=1), form="signal"),
    "Conv2d": Layer(build=lambda: nn.Conv2d(2, 3, 3, padding=1), form="image"),
    "Conv2d, grouped": Layer(build=lambda: nn.Conv2d(2, 4, 3, padding=1, groups=2), form="image"),
    "ConvTranspose2d": Layer(build=lambda: nn.ConvTranspose2d(2, 2, 2, stride=2), form="image"),
    "BatchNorm1d, of the batch": Layer(build=_kept(lambda: nn.BatchNorm1d(4)), normalization="batch"),
    "BatchNorm1d, frozen": Layer(build=_kept(lambda: nn.BatchNorm1d(4)), normalization="frozen"),
    "BatchNorm2d, of the batch": Layer(
        build=_kept(lambda: nn.BatchNorm2d(2)), form="image", normalization="batch"
    ),
    "BatchNorm2d, untracked": Layer(
        build=_kept(lambda: nn.BatchNorm2d(2, track_running_stats=False)), form="image", normalization="batch"
    ),
    "InstanceNorm2d, affine": Layer(build=_kept(lambda: nn.InstanceNorm2d(2, affine=True)), form="image"),
    "LayerNorm": Layer(build=_kept(lambda: nn.LayerNorm(4))),
    "GroupNorm": Layer(build=_kept(lambda: nn.GroupNorm(2, 2)), form="image"),
    "RMSNorm": Layer(build=_kept(lambda: nn.RMSNorm(4))),
    "LocalResponseNorm": Layer(build=lambda: nn.LocalResponseNorm(2), form="image"),
    "weight_norm": Layer(build=lambda: weight_norm(nn.Linear(4, 5))),
    "spectral_norm": Layer(build=lambda: spectral_norm(nn.Linear(4, 5))),
    "MultiheadAttention": Layer(build=Attention, form="sequence"),
    "TransformerEncoderLayer": Layer(
        build=lambda: nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True, activation="gelu"),
        form="sequence",
    ),
    "RNN": Layer(build=lambda: Recurrent(nn.RNN(4, 4, batch_first=True)), form="sequence"),
    "GRU": Layer(build=lambda: Recurrent(nn.GRU(4, 4, batch_first=True)), form="sequence"),
    "LSTM": Layer(build=lambda: Recurrent(nn.LSTM(4, 4, batch_first=True)), form="sequence"),
    "GRUCell": Layer(build=lambda: Cell(nn.GRUCell(4, 4), 1), form="sequence"),
    "LSTMCell": Layer(build=lambda: Cell(nn.LSTMCell(4, 4), 2), form="sequence"),
    "AvgPool2d": Layer(build=lambda: nn.AvgPool2d(2), form="image"),
    "MaxPool2d": Layer(build=lambda: nn.MaxPool2d(2), form="image"),
    "AdaptiveAvgPool2d": Layer(build=lambda: nn.AdaptiveAvgPool2d(2), form="image"),
    "Upsample": Layer(build=lambda: nn.Upsample(scale_factor=2, mode="bilinear"), form="image"),
    "PixelShuffle": Layer(build=lambda: nn.Sequential(nn.Conv2d(2, 4, 1), nn.PixelShuffle(2)), form="image"),
    "ReLU, in place": Layer(build=lambda: nn.Sequential(nn.Linear(4, 5), nn.ReLU(inplace=True))),
    "PReLU": Layer(build=lambda: nn.PReLU(4)),
    "GELU": Layer(build=nn.GELU),
    "Softplus": Layer(build=nn.Softplus),
    "GLU": Layer(build=nn.GLU),
    "Dropout": Layer(build=lambda: nn.Dropout(0.5)),
    "cdist": Layer(build=Distances),
    "tied weights": Layer(build=Tied),
}


def body_of(name: str, n_inputs: int = 4) -> nn.Sequential:
    """Build what comes before the head: ``[batch, n_inputs]`` to features ``[batch, 6]``, in float64."""
    layer = LAYERS[name]
    size, form = FORMS[layer.form]
    with seeded(0, "warrant", name):
        body = nn.Sequential(nn.Linear(n_inputs, size), nn.Tanh(), Cast(form), layer.build(), nn.Flatten())
        with torch.no_grad():
            width = copy.deepcopy(body).eval()(torch.randn(3, n_inputs)).shape[1]
        return nn.Sequential(*body, nn.Linear(width, N_FEATURES), nn.Tanh()).double()


def net_of(name: str, n_inputs: int = 4) -> nn.Sequential:
    """Build the whole net: inputs ``[batch, n_inputs]`` to logits ``[batch, 3]``, in float64."""
    body = body_of(name, n_inputs)
    with seeded(1, "warrant", name):
        return nn.Sequential(*body, nn.Linear(N_FEATURES, N_CLASSES)).double()

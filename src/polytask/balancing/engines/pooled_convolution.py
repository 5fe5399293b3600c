"""Weight gradients of convolutions whose outputs are pooled, of many objectives at once.

How it works. A backward pass through a convolution multiplies what arrives at its output, at every position,
with the patches of the input. Where the output goes through a ReLU into a pooling, what arrives is the same
number all over a pooled cell (mean), or zero but at one position of it (maximum). So the patches can be
summed by cell first, once for all objectives, and each objective multiplies a matrix that is shorter by the
number of positions in a cell:

1. `pooled_convolutions` looks in the graph for ``convolution -> (ReLU) -> pooling`` that nothing else uses.
2. `layerwise` asks autograd for the gradient at the *pooling's* output (`PooledConvolution.edge`), not
   at the weight; what arrives, ``[example, channel, cell]``, is handed to an `Arriving`.
3. `Arriving` keeps it for as many objectives as there is room for. Where that is all of them,
   `Arriving.gramian` makes the gradients of a few channels at a time and multiplies them at once; where it is
   not, each full group is turned into weight gradients, which are held, and makes room for the next one.
4. `PooledConvolution.add_gradients` is the product: it unfolds a few examples' inputs into patches
   (`_CHUNK` bytes, so that they stay in the cache) and adds them up by cell, `_add_means` by what ReLU lets
   pass, `_add_maxima` by picking the patch at each maximum.

A wrong Gramian here would be seen on the first step of a run, see `polytask.balancing.step.engine_check`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, Node
from torch.nn import functional

from polytask.balancing.engines.linear_use import Consumers, plain_leaf
from polytask.core.torch_internals import saved

__all__ = ["Arriving", "PooledConvolution", "pooled_convolutions"]

_CHUNK = 3 * 2**20  # bytes of what is made of the inputs at once, where one example does not take more
_LEAST_OBJECTIVES = 8  # fewer do not make up for unfolding the inputs
_LEAST_POOLING = 4  # positions that one pooled cell must stand for, to save enough


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledConvolution:
    r"""A convolution, ReLU or not, and a pooling after it, in the graph of a step.

    What arrives at the pooling's output, :math:`D_t` with ``[example, channel, cell]``, decides the gradient
    of the weight:

    .. math:: \nabla_{W_c} L_t = \sum_{n, q} D_t[n, c, q] \, X_c[n, q]

    where :math:`X_c[n, q]` is the mean of the input patches under cell :math:`q` where ReLU let channel
    :math:`c` pass, or the patch of the largest entry where pooling takes the maximum. It does not depend on
    the objective, and has as many rows as there are cells, not positions.

    Args:
        parameters: The weight, and the bias where its gradient is wanted.
        convolution: Its node in the graph.
        relu: The node of the ReLU after it, if any.
        pooling: The node of the pooling.
        n_cells: Cells ``[height, width]`` of the pooling's output.
        size: Positions ``[height, width]`` of the convolution's output.
    """

    parameters: tuple[Tensor, ...]
    convolution: Any
    relu: Any
    pooling: Any
    n_cells: tuple[int, int]
    size: tuple[int, int]

    @property
    def edge(self) -> GradientEdge:
        """Where the gradient is to be taken: at the pooling's output."""
        return GradientEdge(self.pooling, 0)

    @property
    def arriving_shape(self) -> tuple[int, int, int]:
        """Return the shape of what arrives there, ``[example, channel, cell]``."""
        return len(saved(self.convolution, "input")), len(self.parameters[0]), math.prod(self.n_cells)

    @property
    def n_bytes(self) -> int:
        """Return how many bytes a map of what is convolved takes."""
        n_examples, n_channels, _ = self.arriving_shape
        return n_examples * n_channels * math.prod(self.size) * self.parameters[0].element_size()

    @torch.no_grad()
    def passes(self) -> Tensor | None:
        """Return which part of each cell ReLU lets pass, ``[example, channel, cell]``; None means all."""
        if self.relu is None:
            return None
        maps = saved(self.relu, "result").flatten(2)
        if self.takes_maxima:
            return (maps.gather(2, saved(self.pooling, "result1").flatten(2)) > 0).to(maps.dtype)
        down, across = self.n_cells
        blocks = (maps > 0).to(maps.dtype).unflatten(2, (down, self.size[0] // down, across, -1))
        return blocks.mean((3, 5)).flatten(2)

    @torch.no_grad()
    def add_gradients(self, rows: Tensor, arriving: Tensor, channels: slice, maxima: Tensor | None) -> None:
        """Add the gradients of the weight, in an order of columns that is the same for all objectives.

        Args:
            rows: Where they are added, ``[channel, objective, column]``.
            arriving: ``[channel, objective, example, cell]``; 0 where ReLU lets a maximum not pass.
            channels: Which channels these are.
            maxima: See `maxima`.
        """
        for examples in self._chunks():
            pieces = arriving[:, :, examples].flatten(2)
            if maxima is None:
                self._add_means(rows, pieces, examples, channels)
            else:
                self._add_maxima(rows, pieces, examples, maxima[channels, examples])

    @property
    def takes_maxima(self) -> bool:
        """Whether pooling takes the maximum, not the mean."""
        return self.pooling.name().startswith("Max")

    def maxima(self) -> Tensor | None:
        """Return their positions, ``[channel, example, cell]``; None where the mean is taken."""
        if not self.takes_maxima:
            return None
        return saved(self.pooling, "result1").flatten(2).to(torch.int32).transpose(0, 1).contiguous()

    def _chunks(self) -> Iterator[slice]:
        """Yield as many examples at a time as may be unfolded at once."""
        weight = self.parameters[0]
        one = math.prod(self.size) * weight[0].numel() * weight.element_size()
        n_examples = self.arriving_shape[0]
        width = _even(n_examples, _CHUNK // one)
        for start in range(0, n_examples, width):
            yield slice(start, start + width)

    def _patches(self, examples: slice) -> Tensor:
        """Return what the weight is multiplied with, ``[example, position, column]``."""
        node = self.convolution
        (down, across), (height, width) = saved(node, "padding"), self.parameters[0].shape[2:]
        inputs = saved(node, "input")[examples].movedim(1, 3)
        inputs = functional.pad(inputs, (0, 0, across, across, down, down)).contiguous()
        example, line, column, _ = inputs.stride()
        # Channels last: what is copied lies side by side.
        return inputs.as_strided(
            (len(inputs), *self.size, height, width, inputs.shape[3]),
            (
                example,
                line * saved(node, "stride")[0],
                column * saved(node, "stride")[1],
                line * saved(node, "dilation")[0],
                column * saved(node, "dilation")[1],
                1,
            ),
        ).reshape(len(inputs), math.prod(self.size), -1)

    def _add_maxima(self, rows: Tensor, arriving: Tensor, examples: slice, maxima: Tensor) -> None:
        """Add to ``[channel, objective, column]`` what arrives, ``[channel, objective, example * cell]``."""
        patches = self._patches(examples)
        first = torch.arange(len(patches), dtype=torch.int32, device=patches.device) * patches.shape[1]
        where = (maxima + first[:, None]).flatten(1)  # [channel, example * cell]
        patches = patches.flatten(0, 1)
        chosen = patches.new_empty(where.shape[1], patches.shape[1])
        for channel, own in enumerate(rows):
            torch.index_select(patches, 0, where[channel], out=chosen)
            own.addmm_(arriving[channel], chosen)

    def _add_means(self, rows: Tensor, arriving: Tensor, examples: slice, channels: slice) -> None:
        """Add to ``[channel, objective, column]`` what arrives, ``[channel, objective, example * cell]``."""
        patches = self._blocks(self._patches(examples))  # [example * cell, position, column]
        if self.relu is None:
            means = patches.mean(1)
            for own, at_channel in zip(rows, arriving):
                own.addmm_(at_channel, means)
            return
        passes = (saved(self.relu, "result")[examples, channels].flatten(2) > 0).to(patches.dtype)
        # [example * cell, channel, position]; divided here, where it is smaller than the product
        passes = self._blocks(passes.transpose(1, 2)).transpose(1, 2) / patches.shape[1]
        width = max(1, _CHUNK // (len(patches) * patches.shape[2] * patches.element_size()))
        for first in range(0, len(rows), width):
            means = passes[:, first : first + width] @ patches
            for channel in range(means.shape[1]):
                rows[first + channel].addmm_(arriving[first + channel], means[:, channel])

    def _blocks(self, maps: Tensor) -> Tensor:
        """Split ``[example, position, column]`` by cells into ``[example * cell, position, column]``."""
        (down, across), (height, width) = self.n_cells, self.size
        blocks = maps.unflatten(1, (down, height // down, across, width // across))
        return blocks.permute(0, 1, 3, 2, 4, 5).flatten(3, 4).flatten(0, 2)


class Arriving:
    """What arrives at the pooling of a convolution, kept until enough objectives are there.

    Where there is room for all of them, their inner products are taken from what was kept, a few channels
    at a time, and the gradients of the weight are not held.

    Args:
        convolution: The convolution.
        n_objectives: How many objectives will come.
        room: How many bytes may be kept; one and a half maps of what is convolved always may.
    """

    def __init__(self, convolution: PooledConvolution, n_objectives: int, room: int) -> None:
        self._convolution = convolution
        weight, *biases = convolution.parameters
        n_examples, n_channels, n_cells = convolution.arriving_shape
        # Where the maximum is taken, ReLU's part is told by what is kept; else only a bias asks for it here.
        self._passes = convolution.passes() if convolution.takes_maxima or biases else None
        self._maxima = convolution.maxima()
        one = math.prod(convolution.arriving_shape) * weight.element_size()
        size = _even(n_objectives, max(room, 3 * convolution.n_bytes // 2) // one)
        self._kept = weight.new_empty(n_channels, size, n_examples, n_cells)
        self._biases = weight.new_zeros(n_channels, n_objectives if biases else 0)
        held = 0 if size == n_objectives else weight[0].numel()
        self._weights = weight.new_zeros(n_channels, n_objectives, held)
        self._start = self._n_kept = 0

    @torch.no_grad()
    def add(self, gradient: Tensor | None) -> None:
        """Take in what arrives from the next objective; None where it does not come by."""
        place = self._kept[:, self._n_kept].transpose(0, 1)  # [example, channel, cell]
        if gradient is None:
            place.zero_()
        elif self._passes is None or not self._convolution.takes_maxima:
            place.copy_(gradient.reshape(place.shape))
        else:
            torch.mul(gradient.reshape(place.shape), self._passes, out=place)
        self._n_kept += 1
        n_objectives = self._weights.shape[1]
        if self._n_kept < self._kept.shape[1] and self._start + self._n_kept < n_objectives:
            return
        arrived = self._kept[:, : self._n_kept]
        done = slice(self._start, self._start + self._n_kept)
        if self._biases.shape[1]:
            self._biases[:, done] = self._at_biases(arrived.flatten(2))
        if self._weights.shape[2]:
            self._convolution.add_gradients(self._weights[:, done], arrived, slice(None), self._maxima)
            self._start, self._n_kept = done.stop, 0
            if done.stop == n_objectives:
                self._kept = self._kept.new_empty(0)  # others have use for the room

    def _at_biases(self, arrived: Tensor) -> Tensor:
        """Return ``[channel, objective]`` from ``[channel, objective, example * cell]``."""
        if self._passes is None or self._convolution.takes_maxima:
            return arrived.sum(2)
        return (arrived @ self._passes.transpose(0, 1).flatten(1)[:, :, None])[:, :, 0]

    @torch.no_grad()
    def gramian(self) -> Tensor:
        """Return the inner products of the gradients of weight and bias, ``[objective, objective]``."""
        n_objectives = self._weights.shape[1]
        found = self._weights.new_zeros(n_objectives, n_objectives)
        if self._biases.shape[1]:
            found.addmm_(self._biases.T, self._biases)
        for rows in self._weights if self._weights.shape[2] else self._from_kept():
            found.addmm_(rows, rows.T)
        return found

    def _from_kept(self) -> Iterator[Tensor]:
        """Yield the gradients of a channel of the weight, ``[objective, column]``, from all that was kept."""
        weight = self._convolution.parameters[0]
        n_channels, n_objectives, *_ = self._kept.shape
        width = max(1, _CHUNK // (n_objectives * weight[0].numel() * weight.element_size()))
        for first in range(0, n_channels, width):
            channels = slice(first, first + width)
            kept = self._kept[channels]
            own = weight.new_zeros(len(kept), n_objectives, weight[0].numel())
            self._convolution.add_gradients(own, kept, channels, self._maxima)
            yield from own


def _even(total: int, most: int) -> int:
    """Return how many go into a group so that all are as large as one another, and none above ``most``."""
    return math.ceil(total / math.ceil(total / max(1, most)))


def pooled_convolutions(
    consumers: Consumers, shared: Sequence[nn.Parameter], n_objectives: int
) -> list[PooledConvolution]:
    """Find the convolutions of a graph whose gradients are cheaper to take at a pooling after them.

    These are 2-D convolutions without groups on a CPU, whose output goes nowhere but through a ReLU, if at
    all, into a pooling by maximum or mean (of blocks that do not overlap) to a fourth of the positions or
    less, and whose weight and bias are plain shared parameters that nothing else uses. A backward hook on
    a tensor between the convolution and the pooling is not seen.

    Args:
        consumers: The graph, see `consumers_of`.
        shared: The parameters whose gradients are wanted.
        n_objectives: How many backward passes there will be; few are not worth it.
    """
    if n_objectives < _LEAST_OBJECTIVES:
        return []
    wanted = {id(parameter) for parameter in shared}
    found = [_pooled(node, consumers, wanted) for node in consumers if node.name() == "ConvolutionBackward0"]
    return [each for each in found if each is not None]


def _pooled(node: Any, consumers: Consumers, wanted: set[int]) -> PooledConvolution | None:
    leaves = [used for used, _ in node.next_functions[1:] if used is not None]
    found = [plain_leaf(leaf, consumers, wanted) for leaf in leaves if hasattr(leaf, "variable")]
    variables = [variable for variable in found if variable is not None]
    if node.next_functions[1][0] is None or len(variables) < len(leaves):
        return None
    weight = variables[0]
    if weight.device.type != "cpu":
        return None
    if weight.dim() != 4 or saved(node, "transposed") or saved(node, "groups") != 1:
        return None
    relu, after = None, _only(consumers[node])
    if after is not None and after.name() == "ReluBackward0":
        relu, after = after, _only(consumers[after])
    if after is None or (cells := _cells(after)) is None:
        return None
    size = tuple(node._input_metadata[0].shape[2:])  # of what the convolution gave in the forward pass
    if math.prod(size) < _LEAST_POOLING * math.prod(cells):
        return None
    return PooledConvolution(
        parameters=tuple(variables), convolution=node, relu=relu, pooling=after, n_cells=cells, size=size
    )


def _only(consumers: Sequence[Node | None]) -> Any:
    return consumers[0] if len(consumers) == 1 else None


def _cells(node: Any) -> tuple[int, int] | None:
    """Return height and width of a pooling's output; None where it is no pooling that is understood."""
    name = node.name()
    shape = node._input_metadata[0].shape
    if name == "MeanBackward1":
        dims = {(dim if dim < 2**63 else dim - 2**64) % 4 for dim in saved(node, "dim")}
        return (1, 1) if len(saved(node, "self_sym_sizes")) == 4 and dims == {2, 3} else None
    if name == "AvgPool2DBackward0":
        stride = tuple(saved(node, "stride")) or tuple(saved(node, "kernel_size"))
        blocks = stride == tuple(saved(node, "kernel_size")) and saved(node, "divisor_override") is None
        covers = blocks and not any(saved(node, "padding"))
        sizes = zip(saved(node, "self").shape[2:], stride, shape[2:])
        return tuple(shape[2:]) if covers and all(n == s * c for n, s, c in sizes) else None
    if name == "AdaptiveAvgPool2DBackward0" and any(
        n % c for n, c in zip(saved(node, "self").shape[-2:], shape[-2:])
    ):
        return None
    if name in ("MaxPool2DWithIndicesBackward0", "AdaptiveAvgPool2DBackward0") and len(shape) == 4:
        return tuple(shape[2:])
    return None

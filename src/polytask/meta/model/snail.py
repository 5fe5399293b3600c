"""SNAIL: the support and a query are one sequence, read by temporal convolutions and causal attention."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from polytask.core import Batch, EpisodicLearner, InputError, Task
from polytask.core.batch import Inputs
from polytask.core.learner import State, States
from polytask.meta.layers.normalization import uses_batch_statistics
from polytask.meta.model.checked_features import checked_features
from polytask.meta.model.class_labels import class_labels, class_outputs
from polytask.meta.model.snail_blocks import CausalAttention, CausalConvolution, SequenceBlock

__all__ = ["SNAIL"]


class SNAIL(EpisodicLearner):
    r"""The simple neural attentive learner.

    A sequence :math:`(f(x_1), y_1), \dots, (f(x_n), y_n), (f(x_*), 0)`, labels as one-hot vectors, goes
    through blocks that each add channels :math:`h \leftarrow [h, b(h)]` and see no later place:

    - attention, :math:`b(h)_t = \sum_{i \le t} \mathrm{softmax}_i(q_t \cdot k_i / \sqrt d) \, v_i`;
    - temporal convolutions with dilations :math:`d = 1, 2, 4, \dots` that together reach over the sequence,
      :math:`b(h)_t = \tanh(W_1 h_{t-d} + W_2 h_t + c) \odot \sigma(W_3 h_{t-d} + W_4 h_t + c')`.

    Attention and convolutions alternate, attention comes first and last; a linear layer makes the logits of
    the last place. As no place of the support sees the query, the support is read once: the state is its
    channels after the last block, ``[place, channel]`` for each task, of which each block reads the first
    ones. A query is then answered as the last place of a sequence of its own, all queries at once.

    The order of the support matters, as it does in the paper. In training it is drawn anew each time; else it
    is taken as given. Examples without label are left out of the sequence.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here.
        n_features: How many.
        n_classes: The most classes that a task may have.
        length: Of the sequence, support and a query: the reach of the convolutions. Of a longer support,
            only attention sees the beginning.
        channels: That each convolution adds.
        attention: Widths of keys and of values, for each attention.
        shuffle: Whether training draws the order of the support.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> task = Task(name="y", kind="multiclass", n_outputs=3)
        >>> learner = SNAIL(nn.Identity(), 2, n_classes=5, length=10)
        >>> support = Batch(inputs=torch.rand(9, 2), targets={"y": torch.arange(9) % 3})
        >>> learner.adapt([task], support)(torch.rand(4, 2))["y"].shape
        torch.Size([4, 3])

    When to use:
        Sequences of examples, and reinforcement. Needs much training, and the order of examples
        must not matter or be trained for.

    References:
        Mishra, Rohaninejad, Chen, Abbeel. A Simple Neural Attentive Meta-Learner. ICLR 2018,
        arXiv:1707.03141; widths are those of its few-shot classification. Deviations: dilations begin with 1,
        where the paper's pseudo-code begins with 2, by which a convolution sees no odd distance; the loss is
        that of the queries alone, which is the paper's loss of the last place.
    """

    inner_gradients = False

    def __init__(
        self,
        encoder: nn.Module,
        n_features: int,
        *,
        n_classes: int,
        length: int,
        channels: int = 128,
        attention: Sequence[tuple[int, int]] = ((64, 32), (256, 128), (512, 256)),
        shuffle: bool = True,
    ) -> None:
        problems = _problems(n_features, n_classes, length, channels, attention)
        if problems:
            raise InputError("SNAIL: " + "; ".join(problems) + ".")
        super().__init__(transductive=uses_batch_statistics(encoder, None))
        self.encoder = encoder
        self.n_features = n_features
        self.n_classes = n_classes
        self.shuffle = shuffle
        n_channels = n_features + n_classes
        blocks: list[SequenceBlock] = []
        for position, (key_width, value_width) in enumerate(attention):
            if position:
                for layer in range(math.ceil(math.log2(length))):
                    blocks.append(CausalConvolution(n_channels, channels, 2**layer))
                    n_channels += channels
            blocks.append(CausalAttention(n_channels, key_width, value_width))
            n_channels += value_width
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Linear(n_channels, n_classes)

    def learn(self, tasks: Sequence[Task], support: Batch) -> States:
        """Return the channels of the support at every place of the sequence, and which places count.

        Raises:
            InputError: A task is not of classes, has too many, or no target; or the features do not fit.
        """
        features = checked_features(self.encoder, support.inputs, self.n_features)  # [support, feature]
        state: States = {}
        for task in tasks:
            labels, known = class_labels("SNAIL", task, support, self.n_classes)
            order = self._order(known)
            known = known[order]  # [place]
            stream = torch.cat([features, labels.to(features.dtype)], dim=1)[order]  # [place, channel]
            # Rows without label stand first and are 0 in all channels, just as the zeros before a sequence.
            stream = torch.where(known.unsqueeze(1), stream, 0.0)
            for block in self._blocks():
                added = torch.where(known.unsqueeze(1), block.along(stream, known), 0.0)
                stream = torch.cat([stream, added], dim=1)
            state[task.name] = {"stream": stream, "known": known}
        return state

    def predict(self, state: States, tasks: Sequence[Task], inputs: Inputs) -> dict[str, Tensor]:
        """Answer inputs ``[batch, ...]``, each as the end of a sequence of its own: logits by task."""
        features = checked_features(self.encoder, inputs, self.n_features)  # [batch, feature]
        start = torch.cat([features, features.new_zeros(len(features), self.n_classes)], dim=1)
        return {task.name: class_outputs(task, self._logits(state[task.name], start)) for task in tasks}

    def _logits(self, state: State, last: Tensor) -> Tensor:
        stream, known = state["stream"], state["known"]
        for block in self._blocks():
            last = torch.cat([last, block.after(stream[:, : last.shape[1]], known, last)], dim=1)
        return self.head(last)  # [batch, class]

    def _order(self, known: Tensor) -> Tensor:
        """Put the rows without label first, and the others in random order in training: ``[place]``."""
        key = known.to(torch.get_default_dtype())
        if self.training and self.shuffle:
            key = key + 0.5 * torch.rand(known.shape, device=known.device)
        return key.argsort(stable=True)

    def _blocks(self) -> Iterator[SequenceBlock]:
        return (block for block in self.blocks if isinstance(block, SequenceBlock))


def _problems(
    n_features: int, n_classes: int, length: int, channels: int, attention: Sequence[tuple[int, int]]
) -> list[str]:
    least = {
        "n_features": (n_features, 1),
        "n_classes": (n_classes, 2),
        "length": (length, 2),
        "channels": (channels, 1),
    }
    problems = [f"`{name}` must be at least {low}, got {n}" for name, (n, low) in least.items() if n < low]
    if not attention or min(min(widths) for widths in attention) < 1:
        problems.append(f"`attention` needs a pair of widths for each, 1 or more; got {list(attention)}")
    return problems

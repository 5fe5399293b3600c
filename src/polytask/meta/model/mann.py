"""MANN: a recurrent network that binds inputs to labels in an external memory."""

from collections.abc import Sequence
from dataclasses import fields

import torch
from torch import Tensor, nn

from polytask.core import Batch, EpisodicLearner, InputError, Task
from polytask.core.batch import Inputs
from polytask.core.learner import State, States
from polytask.meta.layers.lstm_cell import LSTMCell
from polytask.meta.layers.normalization import uses_batch_statistics
from polytask.meta.model.checked_features import checked_features
from polytask.meta.model.class_labels import class_labels, class_outputs
from polytask.meta.model.lrua_memory import LRUAMemory

__all__ = ["MANN"]

_PARTS = ("contents", "weights", "usage", "hidden", "cell", "read", "label")


class MANN(EpisodicLearner):
    r"""The memory-augmented neural network, with least recently used access.

    The support is a sequence. At each example the controller, an LSTM, sees its features, the label of the
    example *before*, and what was last read; it emits keys and gates for an access to the memory (see
    `LRUAMemory`), and a linear layer makes logits of its output and what is read:

    .. math:: h_t = \mathrm{LSTM}([f(x_t), y_{t-1}, r_{t-1}], h_{t-1}), \quad
        k_t = \tanh(W_k h_t), \quad g_t = \sigma(W_g h_t), \quad z_t = W_o [h_t, r_t]

    As a label comes one step late, its example must be held until then. A query is one more step after the
    support, each from the same state; so the answer to one does not depend on the others. The state is all
    that the recurrence carries, by part and task: contents, weights and usage of the memory, the LSTM's
    hidden and cell state, what was read, and the last label.

    The steps are taken one after the other, as each needs the one before: a long support takes time. The
    order matters, as it does in the paper. In training it is drawn anew each time; else it is taken as given.
    Examples without label are passed over.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here; the paper's is the identity on
            pixels.
        n_features: How many.
        n_classes: The most classes that a task may have.
        n_hidden: Width of the LSTM.
        n_slots: Of the memory.
        slot_width: Numbers in a slot.
        n_heads: Reads, and writes, of a step.
        decay: Of the usage, :math:`\gamma`.
        shuffle: Whether training draws the order of the support.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> task = Task(name="y", kind="multiclass", n_outputs=3)
        >>> learner = MANN(nn.Identity(), 2, n_classes=5, n_hidden=16, n_slots=8, slot_width=4)
        >>> support = Batch(inputs=torch.rand(9, 2), targets={"y": torch.arange(9) % 3})
        >>> learner.adapt([task], support)(torch.rand(4, 2))["y"].shape
        torch.Size([4, 3])

    When to use:
        Examples that come one after the other, and labels a step late. Slower to train than
        metric learners, for like accuracy.

    References:
        Santoro, Bartunov, Botvinick, Wierstra, Lillicrap. Meta-Learning with Memory-Augmented Neural
        Networks. ICML 2016, arXiv:1605.06065. Deviations: the loss is that of the queries after the support,
        where the paper sums the losses of all steps of one long sequence; each head has a gate that the
        controller emits, and its own least used slot; memory and weights start at 0; labels are one-hot
        vectors only, not the strings of letters that the paper uses for many classes.
    """

    inner_gradients = False

    def __init__(
        self,
        encoder: nn.Module,
        n_features: int,
        *,
        n_classes: int,
        n_hidden: int = 200,
        n_slots: int = 128,
        slot_width: int = 40,
        n_heads: int = 4,
        decay: float = 0.99,
        shuffle: bool = True,
    ) -> None:
        sizes = {"n_features": n_features, "n_hidden": n_hidden, "slot_width": slot_width, "n_heads": n_heads}
        problems = _problems(sizes, n_classes, n_slots, decay)
        if problems:
            raise InputError("MANN: " + "; ".join(problems) + ".")
        super().__init__(transductive=uses_batch_statistics(encoder, None))
        self.encoder = encoder
        self.n_features = n_features
        self.n_classes = n_classes
        self.n_hidden = n_hidden
        self.n_slots = n_slots
        self.slot_width = slot_width
        self.n_heads = n_heads
        self.decay = decay
        self.shuffle = shuffle
        n_read = n_heads * slot_width
        self.controller = LSTMCell(n_features + n_classes + n_read, n_hidden, hidden_bias=False)
        self.to_keys = nn.Linear(n_hidden, n_read)
        self.to_gates = nn.Linear(n_hidden, n_heads)
        self.head = nn.Linear(n_hidden + n_read, n_classes)

    def learn(self, tasks: Sequence[Task], support: Batch) -> States:
        """Return what the recurrence carries after the support, by task and part.

        Raises:
            InputError: A task is not of classes, has too many, or no target; or the features do not fit.
        """
        features = checked_features(self.encoder, support.inputs, self.n_features)  # [support, feature]
        state: States = {}
        for task in tasks:
            labels, known = class_labels("MANN", task, support, self.n_classes)
            order = self._order(known)
            labels, known = labels[order].to(features.dtype), known[order]
            carried = self._start(features)
            for x, label, counts in zip(features[order], labels, known, strict=True):
                following = self._step(x.unsqueeze(0), carried)[0] | {"label": label.unsqueeze(0)}
                carried = {part: torch.where(counts, following[part], carried[part]) for part in carried}
            state[task.name] = {part: tensor.squeeze(0) for part, tensor in carried.items()}
        return state

    def predict(self, state: States, tasks: Sequence[Task], inputs: Inputs) -> dict[str, Tensor]:
        """Answer inputs ``[batch, ...]``, each as the step after the support: logits by task."""
        features = checked_features(self.encoder, inputs, self.n_features)  # [batch, feature]
        found = {}
        for task in tasks:
            known = state[task.name]
            carried = {part: tensor.expand(len(features), *tensor.shape) for part, tensor in known.items()}
            found[task.name] = class_outputs(task, self._step(features, carried)[1])
        return found

    def _start(self, like: Tensor) -> State:
        """Return what is carried into the first step, each part ``[1, ...]``."""
        memory = LRUAMemory.empty(like, n_slots=self.n_slots, width=self.slot_width, n_heads=self.n_heads)
        return {
            **_parts(memory),
            "hidden": like.new_zeros(1, self.n_hidden),
            "cell": like.new_zeros(1, self.n_hidden),
            "read": like.new_zeros(1, self.n_heads * self.slot_width),
            "label": like.new_zeros(1, self.n_classes),
        }

    def _step(self, features: Tensor, carried: State) -> tuple[State, Tensor]:
        """Take a step for each row ``[batch, feature]``: what is carried on, and logits."""
        seen = torch.cat([features, carried["label"], carried["read"]], dim=1)
        hidden, cell = self.controller(seen, carried["hidden"], carried["cell"])
        keys = self.to_keys(hidden).tanh().unflatten(1, (self.n_heads, -1))  # [batch, head, width]
        memory = LRUAMemory(contents=carried["contents"], weights=carried["weights"], usage=carried["usage"])
        memory, read = memory.access(keys, self.to_gates(hidden).sigmoid(), self.decay)
        read = read.flatten(1)  # [batch, head * width]
        following = {**_parts(memory), "hidden": hidden, "cell": cell, "read": read}
        return following, self.head(torch.cat([hidden, read], dim=1))

    def _order(self, known: Tensor) -> Tensor:
        """Return the order of the support: random in training, as given otherwise."""
        if self.training and self.shuffle:
            return torch.rand(known.shape, device=known.device).argsort()
        return torch.arange(len(known), device=known.device)


def _parts(memory: LRUAMemory) -> State:
    return {field.name: getattr(memory, field.name) for field in fields(memory)}


def _problems(sizes: dict[str, int], n_classes: int, n_slots: int, decay: float) -> list[str]:
    problems = [f"`{name}` must be at least 1, got {size}" for name, size in sizes.items() if size < 1]
    if n_classes < 2:
        problems.append(f"`n_classes` must be at least 2, got {n_classes}")
    if n_slots < sizes["n_heads"]:
        problems.append(
            f"`n_slots` must be at least `n_heads`, so that each writes to its own; got {n_slots} and "
            f"{sizes['n_heads']}"
        )
    if not 0 <= decay <= 1:
        problems.append(f"`decay` must lie in [0, 1], got {decay}")
    return problems

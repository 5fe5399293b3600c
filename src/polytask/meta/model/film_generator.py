"""A hypernetwork that reads the support and modulates an encoder for it, with a head made of class means."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from polytask.core import Batch, EpisodicLearner, InputError, Task
from polytask.core.batch import Inputs
from polytask.core.learner import States
from polytask.meta.entry import catalogued
from polytask.meta.image_task import ImageTask
from polytask.meta.layers.class_means import check_every_class
from polytask.meta.layers.networks import conv4
from polytask.meta.layers.normalization import uses_batch_statistics
from polytask.meta.model.class_labels import class_labels, class_outputs
from polytask.meta.model.generated_heads import ClassHead, LinearHead, MahalanobisHead
from polytask.meta.model.modulated import ModulatedBlocks

__all__ = ["FiLMGenerator"]


@catalogued(
    "cnaps",
    "Requeima et al., NeurIPS 2019, arXiv:1906.07697",
    family="model",
    build=lambda _, task: _for_images(task),
)
class FiLMGenerator(EpisodicLearner):
    r"""Conditional neural adaptive processes (CNAPs): amortized FiLM and an amortized head.

    A set encoder averages over the labelled examples, a small network for each block of the encoder turns the
    average into scales and shifts of its channels, and the head comes from the class means:

    .. math:: \tau = \frac{1}{n} \sum_i z(x_i), \qquad (\gamma^l - 1, \beta^l) = \phi^l(\tau), \qquad
        h^l = \gamma^l \odot B^l(h^{l-1}) + \beta^l

    The features :math:`f(x)` are the last block's channels, averaged over space or places. At first
    :math:`\gamma = 1` and :math:`\beta = 0`. One forward pass learns a task of any number of classes.

    With the head ``"linear"``, a class has the weights :math:`w_c = \mu_c + \psi_w(\mu_c)` and the bias
    :math:`b_c = \psi_b(\mu_c)`, from the mean :math:`\mu_c` of its features. With ``"mahalanobis"`` (Simple
    CNAPS), which has no parameters, its logit is

    .. math:: -\tfrac{1}{2} (f - \mu_c)^\top Q_c^{-1} (f - \mu_c), \qquad
        Q_c = \lambda_c \Sigma_c + (1 - \lambda_c) \Sigma + I, \quad \lambda_c = \frac{n_c}{n_c + 1}

    with the covariance :math:`\Sigma_c` of the class and :math:`\Sigma` of all examples.

    The state is, for each task, all scales and shifts in one row and what the head needs. Parts to be left as
    they were pre-trained, such as the blocks in the papers, are those without ``requires_grad``.

    Args:
        set_encoder: Maps inputs to ``[batch, embedding_width]``.
        embedding_width: Width of :math:`\tau`.
        blocks: The encoder. The first block reads the inputs, each other one the modulated output of the one
            before; every output is ``[batch, channel]``, ``[batch, place, channel]`` or, with 2 or more
            spatial dimensions, ``[batch, channel, ...]``.
        channels: The number of channels of each block's output.
        head: ``"linear"`` or ``"mahalanobis"``.
        hidden: Width of the hidden layer of :math:`\phi^l, \psi_w, \psi_b`.

    Raises:
        InputError: A number is out of range, the head unknown, or ``channels`` has another length than
            ``blocks``.

    Example:
        >>> blocks = [nn.Linear(2, 8), nn.Sequential(nn.ReLU(), nn.Linear(8, 4))]
        >>> learner = FiLMGenerator(nn.Linear(2, 6), 6, blocks, channels=[8, 4])
        >>> task = Task(name="y", kind="multiclass", n_outputs=3)
        >>> support = Batch(inputs=torch.rand(9, 2), targets={"y": torch.arange(9) % 3})
        >>> learner.adapt([task], support)(torch.rand(5, 2))["y"].shape
        torch.Size([5, 3])

    When to use:
        Images of many domains, and no time for steps: the support decides how features are
        scaled. Needs a good trunk and many domains to learn from.

    References:
        Requeima, Gordon, Bronskill, Nowozin, Turner. Fast and Flexible Multi-Task Classification Using
        Conditional Neural Adaptive Processes. NeurIPS 2019, arXiv:1906.07697. Bateni, Goyal, Masrani, Wood,
        Sigal. Improved Few-Shot Visual Classification. CVPR 2020, arXiv:1912.03432, for the Mahalanobis head.
        Deviations: the condition is the set alone (the first paper's best model adds what earlier blocks say
        of the support); modulation follows a whole block, where the papers' stands within residual blocks;
        each generator has one hidden layer, of a width of our choice; blocks are trained unless you freeze
        them.
    """

    inner_gradients = False

    def __init__(
        self,
        set_encoder: nn.Module,
        embedding_width: int,
        blocks: Sequence[nn.Module],
        *,
        channels: Sequence[int],
        head: Literal["linear", "mahalanobis"] = "linear",
        hidden: int = 64,
    ) -> None:
        problems = _problems(embedding_width, len(blocks), channels, head, hidden)
        if problems:
            raise InputError("FiLMGenerator: " + "; ".join(problems) + ".")
        encoder = ModulatedBlocks(blocks, channels)
        super().__init__(
            transductive=uses_batch_statistics(encoder, None) or uses_batch_statistics(set_encoder, None)
        )
        self.embedding_width = embedding_width
        self.set_encoder = set_encoder
        self.encoder = encoder
        self.generators = nn.ModuleList(_generator(embedding_width, hidden, 2 * width) for width in channels)
        self.head: ClassHead = LinearHead(channels[-1], hidden) if head == "linear" else MahalanobisHead()

    def learn(self, tasks: Sequence[Task], support: Batch) -> States:
        """Return the modulation and the head of every task, by task.

        Raises:
            InputError: A task is not of classes, has no target, or a class of it no example; or a shape does
                not fit.
        """
        labels = {task.name: self._labels(task, support) for task in tasks}
        embedded = self._embedded(support.inputs)  # [support, embedding]
        state: States = {}
        for task in tasks:
            members = labels[task.name].to(embedded.dtype)  # [support, class]
            counts = members.sum(1, keepdim=True)  # [support, 1], 0 where there is no label
            average = (embedded * counts).sum(0) / counts.sum().clamp(min=1)  # [embedding]
            modulation = torch.cat([generator(average) for generator in self.generators])
            head = self.head.of_support(self.encoder(support.inputs, modulation), members)
            state[task.name] = {"modulation": modulation, **head}
        return state

    def predict(self, state: States, tasks: Sequence[Task], inputs: Inputs) -> dict[str, Tensor]:
        """Answer inputs ``[batch, ...]``: logits by task."""
        found = {}
        for task in tasks:
            parts = state[task.name]
            features = self.encoder(inputs, parts["modulation"])  # [batch, feature]
            found[task.name] = class_outputs(task, self.head.logits(parts, features))
        return found

    def _embedded(self, inputs: Inputs) -> Tensor:
        embedded: Tensor = self.set_encoder(inputs)
        if embedded.ndim != 2 or embedded.shape[1] != self.embedding_width:
            raise InputError(
                f"`set_encoder` gives shape {tuple(embedded.shape)}, but must give "
                f"[batch, {self.embedding_width}], as `embedding_width` is {self.embedding_width}."
            )
        return embedded

    def _labels(self, task: Task, support: Batch) -> Tensor:
        labels, _ = class_labels("FiLMGenerator", task, support, max(task.n_outputs, 2))
        check_every_class(task, labels)
        return labels


def _for_images(task: ImageTask) -> FiLMGenerator:
    sizes = [task.in_channels, task.width, task.width, task.width]
    blocks = [
        nn.Sequential(
            nn.Conv2d(n_in, task.width, 3, padding=1),
            nn.GroupNorm(1, task.width),
            nn.MaxPool2d(2),
            nn.ReLU(),
        )
        for n_in in sizes
    ]
    reader = conv4(task.in_channels, task.width, normalization="layer", spatial="mean")
    return FiLMGenerator(reader, task.width, blocks, channels=[task.width] * 4)


def _generator(n_inputs: int, hidden: int, n_outputs: int) -> nn.Sequential:
    """Build a network that says 0 at first, for a modulation that starts at the identity."""
    last = nn.Linear(hidden, n_outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(n_inputs, hidden), nn.ELU(), last)


def _problems(
    embedding_width: int, n_blocks: int, channels: Sequence[int], head: str, hidden: int
) -> list[str]:
    sizes = {"embedding_width": embedding_width, "hidden": hidden}
    problems = [f"`{name}` must be at least 1, got {size}" for name, size in sizes.items() if size < 1]
    if not n_blocks or n_blocks != len(channels):
        problems.append(
            "`blocks` and `channels` need one entry for each block, and there must be a block; got "
            f"{n_blocks} and {len(channels)}"
        )
    if any(width < 1 for width in channels):
        problems.append(f"`channels` must be 1 or more, got {list(channels)}")
    if head not in ("linear", "mahalanobis"):
        problems.append(f"`head` is {head!r}; use 'linear' or 'mahalanobis'")
    return problems

"""Learning to branch: every block draws the block that it reads, until the tree that serves best is left."""

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from polytask.architectures.branching import BranchingTree
from polytask.architectures.joined_tap import tap_together
from polytask.core import InputError, PerTask, Representation, Sharing
from polytask.core.batch import Inputs
from polytask.core.step_end import ends_step

__all__ = ["LearnedBranching"]


class LearnedBranching(Sharing):
    r"""Put several blocks at each depth, and learn which block above each block and each task reads.

    .. math:: x^{l+1}_j = \sum_i d^l_{ji} \, B^l_i(x^l_i), \qquad
        d^l_j = \operatorname{one-hot}\Bigl(\arg\max_i \, (\theta^l_{ji} + \epsilon^l_{ji})\Bigr), \qquad
        \nabla d^l_j := \nabla \operatorname{softmax}\Bigl(\frac{\theta^l_j + \epsilon^l_j}{\tau}\Bigr)

    where the children :math:`j` of the last depth are the tasks, the blocks of the first depth read the
    inputs, and :math:`\epsilon` is Gumbel noise, so that child :math:`j` reads block :math:`i` with
    probability :math:`\operatorname{softmax}(\theta^l_j)_i`. Each pass in training draws a tree; in
    evaluation every child reads the block of the largest :math:`\theta`, and only the blocks on the paths of
    the tasks asked are run. `chosen` says which tree that is, `tree` gives it as a `BranchingTree`, to be
    trained on or used without the blocks that nobody reads.

    The temperature falls with the number :math:`n` of passes with gradients in training, which is a buffer:
    :math:`\tau = \max(\tau_0 / \sqrt{1 + n}, \tau_{\min})`. A step of several episodes, or of several parts,
    has a pass for each of them.

    All blocks are shared, and so is what they read; private is a task's choice among the blocks of the last
    depth. Where there is one block to choose from there is nothing to learn: with one at each depth this is
    `HardSharing`. The place where a task leaves the shared part is the outputs of the last depth.

    The noise comes from torch's global generator on the CPU, which `train` seeds for every step.

    Args:
        names: The names of all tasks.
        build_blocks: For each depth, what makes one of its blocks: first from inputs, then from the outputs
            of the depth before, to ``[batch, ...]``; the outputs of one depth have equal shapes.
        n_candidates: For each depth, its number of blocks; 1 or more. As many as there are tasks allow any
            tree.
        temperature: :math:`\tau_0`, at the start; positive.
        coldest: :math:`\tau_{\min}`; positive.
        n_warmup: Passes in which :math:`\theta` has no gradient, so that all blocks learn alike at first.

    Raises:
        InputError: There is no depth, ``n_candidates`` has another number of them, or a number is out of its
            range; or, when run, the blocks of a depth differ in shape.

    When to use:
        Where you do not know it: the tree is learned. More steps, and results that differ between
        seeds.

    References:
        Pengsheng Guo, Chen-Yu Lee, Daniel Ulbricht, "Learning to Branch for Multi-Task Learning", ICML 2020,
        arXiv:2006.01895. Deviations: blocks and choices are trained together by one optimizer, where the
        paper gives the choices a rate of their own; the temperature counts passes; the defaults of
        temperature and warm-up are ours.

    Example:
        >>> blocks = [lambda: nn.Linear(3, 8), lambda: nn.Linear(8, 4)]
        >>> sharing = LearnedBranching(["a", "b"], blocks, n_candidates=[1, 2])
        >>> sharing(torch.zeros(5, 3), ["b"]).by_task["b"].shape
        torch.Size([5, 4])
        >>> sharing.chosen()  # nothing is learned yet: the first block of each depth
        ((('a', 'b'),), (('a', 'b'),))
    """

    passes: Tensor

    def __init__(
        self,
        names: Sequence[str],
        build_blocks: Sequence[Callable[[], nn.Module]],
        *,
        n_candidates: Sequence[int],
        temperature: float = 10.0,
        coldest: float = 0.1,
        n_warmup: int = 0,
    ) -> None:
        super().__init__()
        _check(len(build_blocks), n_candidates, temperature, coldest, n_warmup)
        self.names, self.n_candidates = tuple(names), tuple(n_candidates)
        self.temperature, self.coldest, self.n_warmup = temperature, coldest, n_warmup
        self.layers = nn.ModuleList(
            [_Layer(build, n_blocks) for build, n_blocks in zip(build_blocks, n_candidates, strict=True)]
        )
        self.choices = nn.ModuleList(
            [_Choice(n_children, n_parents) for n_parents, n_children in pairwise(n_candidates)]
        )
        self.last_choice = PerTask({name: _Choice(1, n_candidates[-1]) for name in names})
        self.register_buffer("passes", torch.zeros((), dtype=torch.long))

    def forward(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """See `Sharing.forward`."""
        if not names:
            return Representation(by_task={})
        return self._drawn(inputs, names) if self.training else self._settled(inputs, names)

    def chosen(self) -> tuple[tuple[tuple[str, ...], ...], ...]:
        """Return the likeliest tree: for each depth, the groups of tasks that share a block there."""
        paths = self._paths(self.names)
        levels = []
        for depth, n_blocks in enumerate(self.n_candidates):
            groups = [
                tuple(name for name in self.names if paths[name][depth] == block) for block in range(n_blocks)
            ]
            levels.append(tuple(group for group in groups if group))
        return tuple(levels)

    def tree(self) -> BranchingTree:
        """Return the likeliest tree with copies of its blocks; in evaluation it answers as this does."""
        paths = self._paths(self.names)
        tree = BranchingTree(self.names, [nn.Identity for _ in self.layers], groups=self.chosen())
        depths: Counter[str] = Counter()  # by task, how many blocks of its path have their place
        for position, group in enumerate(tree.groups):
            tree.shared[position] = self._copied(paths[group[0]], depths[group[0]])
            depths.update(group)
        for name in self.names:
            own = [self._copied(paths[name], depth) for depth in range(depths[name], len(self.layers))]
            for position, block in enumerate(own):
                tree.private[name].register_module(str(position), block)
        return tree.train(self.training)

    def _copied(self, path: Sequence[int], depth: int) -> nn.Module:
        return copy.deepcopy(self._block(depth, path[depth]))

    def _block(self, depth: int, position: int) -> nn.Module:
        return self.layers[depth].get_submodule(f"blocks.{position}")

    def _drawn(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """Answer by a tree that is drawn; all blocks are run, as each may be a better choice."""
        temperature = (self.temperature / (1 + self.passes).sqrt()).clamp(min=self.coldest)
        warm = self.passes < self.n_warmup
        said: Tensor = self.layers[0]([inputs] * self.n_candidates[0])
        for choice, layer in zip(self.choices, self.layers[1:], strict=True):
            said = layer(choice(said, temperature, warm).unbind(1))
        taps, parts = tap_together([said], names)
        by_task = {name: self.last_choice[name](parts[name][0], temperature, warm)[:, 0] for name in names}
        if torch.is_grad_enabled() and ends_step():
            self.passes += 1
        return Representation(by_task=by_task, taps=taps)

    def _settled(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """Answer by the likeliest tree; only its blocks are run."""
        paths = self._paths(names)
        outputs: dict[int, Tensor] = {}  # by block, at the depth before
        for depth in range(len(self.layers)):
            parents = {path[depth]: path[depth - 1] for path in paths.values()}
            outputs = {
                block: self._block(depth, block)(outputs[parent] if depth else inputs)
                for block, parent in parents.items()
            }
        leaves = list(outputs)
        taps, parts = tap_together(list(outputs.values()), names)
        by_task = {name: parts[name][leaves.index(paths[name][-1])] for name in names}
        return Representation(by_task=by_task, taps=taps)

    def _paths(self, names: Sequence[str]) -> dict[str, list[int]]:
        """Return the blocks on the likeliest way to each task, from the first depth on."""
        parents = [choice.best() for choice in self.choices if isinstance(choice, _Choice)]
        paths = {}
        for name in names:
            last = self.last_choice[name]
            path = last.best() if isinstance(last, _Choice) else []
            for best in reversed(parents):
                path = [best[path[0]], *path]
            paths[name] = path
        return paths


class _Layer(nn.Module):
    """The blocks of one depth."""

    def __init__(self, build: Callable[[], nn.Module], n_blocks: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([build() for _ in range(n_blocks)])

    def forward(self, streams: Sequence[Inputs]) -> Tensor:
        """Return ``[batch, block, ...]``."""
        said = [block(stream) for block, stream in zip(self.blocks, streams, strict=True)]
        shapes = {tuple(each.shape) for each in said}
        if len(shapes) > 1:
            raise InputError(
                f"Blocks of one depth give shapes {', '.join(map(str, sorted(shapes)))}; whatever comes next "
                "may read any of them, so make them equal."
            )
        return torch.stack(said, dim=1)


class _Choice(nn.Module):
    """Which of the parents each child reads."""

    def __init__(self, n_children: int, n_parents: int) -> None:
        super().__init__()
        self.n_children = n_children
        # With one parent there is no choice, and no parameter that nothing could move.
        self.logits = nn.Parameter(torch.zeros(n_children, n_parents)) if n_parents > 1 else None

    def forward(self, outputs: Tensor, temperature: Tensor, warm: Tensor) -> Tensor:
        """Draw what each child reads, ``[batch, child, ...]``, from the outputs ``[batch, parent, ...]``."""
        if self.logits is None:
            return outputs.expand(-1, self.n_children, *outputs.shape[2:])
        noise = -torch.empty(self.logits.shape).exponential_().log()  # Gumbel, on the CPU
        logits = torch.where(warm, self.logits.detach(), self.logits) + noise.to(self.logits)
        soft = (logits / temperature).softmax(-1)  # [child, parent]
        hard = torch.zeros_like(soft).scatter(-1, logits.argmax(-1, keepdim=True), 1.0)
        # The difference is exactly 0: the value is that of the one parent, the gradient that of the softmax.
        return torch.einsum("bp...,cp->bc...", outputs, hard + (soft - soft.detach()))

    def best(self) -> list[int]:
        """Return the likeliest parent of each child."""
        return [0] * self.n_children if self.logits is None else self.logits.argmax(-1).tolist()


def _check(
    n_depths: int, n_candidates: Sequence[int], temperature: float, coldest: float, n_warmup: int
) -> None:
    """List all that is wrong."""
    problems = []
    if n_depths < 1 or n_depths != len(n_candidates):
        problems.append(
            "`build_blocks` and `n_candidates` need one entry for each depth, and there must be a depth; got "
            f"{n_depths} and {len(n_candidates)}"
        )
    if any(number < 1 for number in n_candidates):
        problems.append(f"`n_candidates` must be 1 or more at each depth, got {list(n_candidates)}")
    if not temperature > 0 or not coldest > 0:
        problems.append(f"`temperature` and `coldest` must be positive, got {temperature} and {coldest}")
    if n_warmup < 0:
        problems.append(f"`n_warmup` must be 0 or more, got {n_warmup}")
    if problems:
        raise InputError("; ".join(problems) + ".")

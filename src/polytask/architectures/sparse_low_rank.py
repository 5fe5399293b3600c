"""Sparse and low-rank sharing: a task's weights are a mixture of common ones plus a few of its own."""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from polytask.architectures.entry import ArchitectureEntry, catalogued
from polytask.core import InputError, PerTask, Representation, Sharing
from polytask.core.batch import Inputs

__all__ = ["SparseLowRankSharing"]


@catalogued(
    ArchitectureEntry(
        name="sparse-low-rank",
        build=lambda plan: SparseLowRankSharing(plan.names, plan.trunk, rank=2),
        reference="Chen, Liu, Ye, KDD 2010",
        summary="a mixture of common trunks for each task, plus a few weights of its own",
    )
)
class SparseLowRankSharing(Sharing):
    r"""Make every task's weights of a low-rank part, which tasks share, and a sparse part of its own.

    .. math:: \theta^l_t = \sum_{k=1}^{r} m^l_{tk} \, b^l_k + s^l_t, \qquad
        \Omega = \lambda_1 \sum_{l,t} \lVert s^l_t \rVert_1
        + \frac{\lambda_2}{2} \sum_l \bigl(\lVert M^l \rVert_F^2 + \lVert B^l \rVert_F^2\bigr)

    :math:`l` runs over the parameters of a network (a weight, a bias), and :math:`b_1, \dots, b_r` are
    networks. The matrix of all tasks' common parts, :math:`L^l = M^l B^l`, has rank :math:`r` at most. Among
    all factors of the same :math:`L^l`, the least value of the second penalty is
    :math:`\lambda_2 \lVert L^l \rVert_*`, the trace norm: it lowers the rank further.

    At first every task has the weights of :math:`b_1`; the other networks have weight 0, but as they differ,
    the tasks come to use them. Shared are the networks :math:`b_k`; private are a task's mixture and its
    sparse part, and buffers, such as the running statistics of batch normalization. Tasks leave the shared
    part where weights are mixed, before any input, so that there is no place to tap. The penalty counts all
    tasks, asked or not.

    The gradient of the first penalty brings entries of :math:`s` near 0, not to it. For zeros, as a proximal
    gradient method has them, set ``sparse`` to 0 and call `shrink` after every step of plain SGD.

    Args:
        names: The names of all tasks.
        build: Makes one network, from inputs to ``[batch, feature]``; called ``rank`` times, alike each time.
        rank: :math:`r`, the number of common networks; 1 or more. The number of tasks or more is no limit.
        sparse: :math:`\lambda_1`; 0 or more.
        low_rank: :math:`\lambda_2`; 0 or more.

    Raises:
        InputError: ``rank`` is below 1, or a strength is negative.

    When to use:
        Tasks that share a few directions and have some inputs of their own. Two strengths have to
        be chosen.

    References:
        Jianhui Chen, Ji Liu, Jieping Ye, "Learning Incoherent Sparse and Low-Rank Patterns from Multiple
        Tasks", KDD 2010; ACM Transactions on Knowledge Discovery from Data, 2012. Deviations: networks, where
        the paper has linear models and a convex problem; a penalty on the trace norm, by way of factors of a
        given rank (Nathan Srebro, Jason Rennie, Tommi Jaakkola, "Maximum-Margin Matrix Factorization", NIPS
        2004), where the paper constrains it; any optimizer, where the paper has projected gradients.

    Example:
        >>> sharing = SparseLowRankSharing(["a", "b", "c"], lambda: nn.Linear(3, 8), rank=2)
        >>> represented = sharing(torch.ones(5, 3), ["a", "c"])
        >>> torch.equal(represented.by_task["a"], represented.by_task["c"])  # at the start
        True
        >>> sharing.weights("b")["weight"].shape
        torch.Size([8, 3])
    """

    def __init__(
        self,
        names: Sequence[str],
        build: Callable[[], nn.Module],
        *,
        rank: int,
        sparse: float = 1e-4,
        low_rank: float = 1e-4,
    ) -> None:
        super().__init__()
        strengths = {"sparse": sparse, "low_rank": low_rank}
        problems = [
            f"`{key}` must be 0 or more, got {value}" for key, value in strengths.items() if not value >= 0
        ]
        if rank < 1:
            problems.append(f"`rank` must be 1 or more, got {rank}")
        if problems:
            raise InputError("; ".join(problems) + ".")
        self.sparse, self.low_rank = sparse, low_rank
        self.basis = nn.ModuleList([build() for _ in range(rank)])
        n_parameters = len(list(self.basis[0].parameters()))
        self.mixtures = PerTask({name: _Mixture(n_parameters, rank) for name in names})
        self.own = PerTask({name: _zeroed(self.basis[0]) for name in names})  # the sparse parts

    def forward(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """See `Sharing.forward`."""
        by_task = {name: functional_call(self.own[name], self.weights(name), (inputs,)) for name in names}
        return Representation(by_task=by_task, penalty=self._penalty() if self.training else None)

    def weights(self, name: str) -> dict[str, Tensor]:
        r"""Return the weights :math:`\theta_t` of a task's network, by the network's parameter names."""
        common = zip(*[network.parameters() for network in self.basis], strict=True)
        mixture: Tensor = self.mixtures[name]()  # [parameter, network]
        own = self.own[name].named_parameters()
        return {
            key: sparse + sum(share * weights for share, weights in zip(shares, networks, strict=True))
            for (key, sparse), networks, shares in zip(own, common, mixture, strict=True)
        }

    @torch.no_grad()
    def shrink(self, amount: float) -> None:
        r"""Bring every entry of the sparse parts nearer to 0 by an amount, and to 0 what is closer than that.

        After a step of SGD this is the proximal step for :math:`\lambda_1 \lVert s \rVert_1`, where the
        amount is :math:`\lambda_1` times the learning rate.

        Args:
            amount: 0 or more.

        Raises:
            InputError: The amount is negative.
        """
        if not amount >= 0:
            raise InputError(f"The amount to shrink by must be 0 or more, got {amount}.")
        for sparse in self.own.parameters():
            sparse.copy_(nn.functional.softshrink(sparse, amount))

    def _penalty(self) -> Tensor | None:
        terms = []
        if self.sparse > 0:
            terms += [self.sparse * sparse.abs().sum() for sparse in self.own.parameters()]
        if self.low_rank > 0:
            factors = [*self.mixtures.parameters(), *self.basis.parameters()]
            terms += [self.low_rank / 2 * factor.square().sum() for factor in factors]
        return torch.stack(terms).sum() if terms else None


class _Mixture(nn.Module):
    """How much of each common network a task takes, for each parameter; all of the first one at the start."""

    def __init__(self, n_parameters: int, rank: int) -> None:
        super().__init__()
        shares = torch.zeros(n_parameters, rank)
        shares[:, 0] = 1
        self.shares = nn.Parameter(shares)

    def forward(self) -> Tensor:
        return self.shares


def _zeroed(network: nn.Module) -> nn.Module:
    """Copy a network, with 0 for all its parameters."""
    copied = copy.deepcopy(network)
    for parameter in copied.parameters():
        nn.init.zeros_(parameter)
    return copied

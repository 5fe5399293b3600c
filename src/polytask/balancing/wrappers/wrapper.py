"""A balancer around another one."""

from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights
from polytask.balancing.evidence import Evidence
from polytask.core import InputError

__all__ = ["Wrapper", "own_objective", "weights_of"]


class Wrapper(Balancer):
    """A balancer that changes what another one sees or answers, and passes on whatever else that one needs.

    The wrapped balancer is a submodule: its parameters are trained, its state is saved, and it moves along.

    Args:
        balancer: The one inside.

    Example:
        >>> from polytask.balancing.methods.famo import FAMO
        >>> class Doubled(Wrapper):
        ...     def forward(self, evidence: Evidence) -> Weights:
        ...         return Weights(values=2 * self.balancer(evidence).values)
        >>> Doubled(FAMO(["a", "b"])).looks_after
        True
    """

    def __init__(self, balancer: Balancer) -> None:
        super().__init__()
        self.balancer = balancer
        self.needs = balancer.needs

    @property
    def looks_after(self) -> bool:
        """Whether the balancer inside looks at the losses after the update."""
        return self.balancer.looks_after

    def after_step(self, names: tuple[str, ...], losses: Tensor) -> None:
        """Tell the balancer inside; see `Balancer.after_step`."""
        self.balancer.after_step(names, losses)


def own_objective(update: Weights, evidence: Evidence) -> Tensor | None:
    """Return what trains a wrapped balancer's parameters where its weights are not passed on as they are."""
    if not update.values.requires_grad:
        return update.regularizer
    weighted = (update.values * evidence.losses).sum()
    return weighted if update.regularizer is None else weighted + update.regularizer


def weights_of(balancer: Balancer, evidence: Evidence) -> Weights:
    """Ask a balancer for weights.

    Raises:
        InputError: It answers with a direction.
    """
    update = balancer(evidence)
    if not isinstance(update, Weights):
        raise InputError(f"{type(balancer).__name__} answers with a direction; only weights can be kept.")
    return update

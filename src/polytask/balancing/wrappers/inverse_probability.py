"""A wrapper that makes up for tasks being asked in some steps only."""

from collections.abc import Mapping

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Direction, Weights
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.balancing.wrappers.wrapper import Wrapper, own_objective
from polytask.core import InputError

__all__ = ["InverseProbability"]


class InverseProbability(Wrapper):
    r"""Divide every objective by the probability that its task is in a step, around another balancer.

    .. math:: \mathbb{E}\Big[\sum_{t \in S} \frac{w_t}{\pi_t} \nabla L_t\Big] = \sum_t w_t \nabla L_t,
        \qquad \pi_t = P(t \in S)

    for the tasks :math:`S` of a step, whenever the weight :math:`w_t` does not depend on who else is there:
    with equal or fixed weights the expected update is that of all tasks at once. The wrapped balancer sees
    the losses as they are, and the gradients as :math:`\nabla L_t / \pi_t`; so whatever it guarantees, such
    as a direction that increases no objective, holds for the update that is made.

    Only the shared parameters are concerned. Private ones get their own task's unscaled gradient in the steps
    that ask the task, and none in the others.

    Args:
        balancer: The method; parameters of its own are trained as if it stood alone.
        probabilities: :math:`\pi_t` of every objective that may occur, by name, in (0, 1]; for
            `polytask.data.TaskSampling` what its ``inclusion_by_task()`` returns.

    Raises:
        InputError: A probability is not in (0, 1].

    References:
        D. G. Horvitz, D. J. Thompson, "A Generalization of Sampling Without Replacement From a Finite
        Universe", Journal of the American Statistical Association 1952.

    Example:
        >>> from polytask.balancing.methods.equal import EqualWeights
        >>> balancer = InverseProbability(EqualWeights(), {"a": 0.5, "b": 1.0})
        >>> balancer(Evidence(("a", "b"), torch.ones(2), torch.Tensor)).values
        tensor([2., 1.])
    """

    scale: Tensor

    def __init__(self, balancer: Balancer, probabilities: Mapping[str, float]) -> None:
        super().__init__(balancer)
        bad = [f"{name} ({chance})" for name, chance in probabilities.items() if not 0 < chance <= 1]
        if bad:
            raise InputError(
                f"The probabilities of InverseProbability must be above 0 and at most 1: {', '.join(bad)}."
            )
        self._index = ObjectiveIndex(list(probabilities), "InverseProbability")
        scale = torch.tensor([1 / chance for chance in probabilities.values()])
        self.register_buffer("scale", scale, persistent=False)  # an argument, not something learned

    def forward(self, evidence: Evidence) -> Weights | Direction:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective has no probability.
        """
        scale = self.scale[self._index.of(evidence.names)].to(evidence.losses)  # [objective]
        update = self.balancer(_scaled(evidence, scale))
        if isinstance(update, Direction):
            return update
        return Weights(values=update.values.detach() * scale, regularizer=own_objective(update, evidence))


def _scaled(evidence: Evidence, scale: Tensor) -> Evidence:
    """Multiply the gradients and whatever is made of them; all is still computed only if it is asked for."""
    outer = scale[:, None] * scale  # [objective, objective]
    return Evidence(
        evidence.names,
        evidence.losses,
        lambda: evidence.jacobian() * scale[:, None],
        gramian=lambda: evidence.gramian() * outer,
        cross=lambda: evidence.cross_gramian() * outer,
        validation=evidence.validation_gradients,
    )

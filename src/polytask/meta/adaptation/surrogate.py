"""A value whose gradient is one that was found some other way."""

from collections.abc import Mapping

from torch import Tensor

from polytask.core.learner import State

__all__ = ["with_gradient"]


def with_gradient(value: Tensor, parameters: Mapping[str, Tensor], gradients: State) -> Tensor:
    r"""Return the value with :math:`g` for its gradient: :math:`v + \langle g, \theta - \bar\theta \rangle`.

    The barred copy is detached, so that the value is unchanged. This is how a meta-gradient that is not the
    derivative of a computation (Reptile's, an implicit one, an estimate by evolution) reaches any optimizer,
    balancer or transform.

    Args:
        value: A scalar; its own gradient is dropped.
        parameters: What to differentiate by, by name.
        gradients: Of the same names and shapes; taken for constants.

    Example:
        >>> import torch
        >>> theta = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> value = with_gradient(torch.tensor(5.0), {"theta": theta}, {"theta": torch.tensor([3.0, 4.0])})
        >>> value.item(), torch.autograd.grad(value, theta)
        (5.0, (tensor([3., 4.]),))
    """
    found = value.detach()
    for name, parameter in parameters.items():
        found = found + (gradients[name].detach() * (parameter - parameter.detach())).sum()
    return found

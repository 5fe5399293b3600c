"""What a balancer sees of a step."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from polytask.core import InputError, TrainingError
from polytask.core.errors import NotFiniteError

__all__ = ["Evidence"]


class Evidence:
    """What a balancer may look at in one step; everything but the losses is computed only if it is asked for.

    Args:
        names: The objectives of this step. A task without label in the step is not among them.
        losses: Their values, detached, ``[objective]``.
        jacobian: Computes the gradients with respect to the shared parameters, ``[objective, parameter]``.
        gramian: Computes their inner products ``[objective, objective]`` in a cheaper way; None takes them
            from the gradients.
        cross: Computes the inner products ``[objective, objective]`` of gradients on one half of the batch
            with those on the other half; None where halves cannot be had.
        validation: From a displacement ``[parameter]`` of the shared parameters to the gradients
            ``[parameter]`` of the validation objectives there, by name, or to that of their sum; None without
            validation examples.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        losses: Tensor,
        jacobian: Callable[[], Tensor],
        *,
        gramian: Callable[[], Tensor] | None = None,
        cross: Callable[[], Tensor] | None = None,
        validation: Callable[[Tensor], Tensor | Mapping[str, Tensor]] | None = None,
    ) -> None:
        self.names = names
        self.losses = losses
        self._jacobian, self._gramian, self._cross, self._validation = jacobian, gramian, cross, validation
        self._rows: Tensor | None = None
        self.products: Tensor | None = None
        """The inner products of the gradients ``[objective, objective]``; None as long as nobody asked."""

    def jacobian(self) -> Tensor:
        """Return the gradient of every objective, ``[objective, parameter]``; computed once.

        Raises:
            NotFiniteError: A gradient is not finite.
        """
        if self._rows is None:
            self._rows = self._jacobian()
            self._check_finite(self._rows.square().sum(1))
        return self._rows

    def gramian(self) -> Tensor:
        """Return the inner products of the gradients, ``[objective, objective]``; computed once.

        Raises:
            NotFiniteError: A gradient is not finite.
        """
        if self.products is None:
            if self._gramian is not None and self._rows is None:
                self.products = self._gramian()
            else:
                rows = self.jacobian()
                self.products = rows @ rows.T
            self._check_finite(self.products.diagonal())
        return self.products

    def cross_gramian(self) -> Tensor:
        """Return the inner products between two independent halves of the batch, ``[objective, objective]``.

        Raises:
            InputError: The step has no halves.
            NotFiniteError: A gradient is not finite.
        """
        if self._cross is None:
            raise InputError(
                "This balancer needs gradients of two independent halves of a batch; train it with `train`, "
                "or give `BalancedBackward` the objectives of both halves as `halves`."
            )
        products = self._cross()
        self._check_finite(products.diagonal())
        return products

    def validation_gradient(self, displacement: Tensor) -> Tensor:
        """Return the gradient of the summed validation objectives, ``[parameter]``.

        Args:
            displacement: Where to take it: the shared parameters plus this, ``[parameter]``.

        Raises:
            InputError: There are no validation examples.
            TrainingError: No validation example has a label, or a gradient is not finite.
        """
        return torch.stack(list(self.validation_gradients(displacement).values())).sum(0)

    def validation_gradients(self, displacement: Tensor) -> dict[str, Tensor]:
        """Return the gradient of every validation objective, ``[parameter]`` by name.

        Where only that of their sum is known, the sum counts as one objective, called ``"validation"``.

        Args:
            displacement: Where to take them: the shared parameters plus this, ``[parameter]``.

        Raises:
            InputError: There are no validation examples.
            TrainingError: No validation example has a label, or a gradient is not finite.
        """
        if self._validation is None:
            raise InputError(
                "This balancer learns from validation examples; pass `train` a `validation_source`, or give "
                "`BalancedBackward` their objectives as `validation`."
            )
        found = self._validation(displacement)
        gradients = {"validation": found} if isinstance(found, Tensor) else dict(found)
        if not gradients:
            raise TrainingError(
                "No example of the validation step has a label of any task. Give the validation source "
                "larger batches, or examples with labels."
            )
        bad = [name for name, gradient in gradients.items() if not bool(gradient.isfinite().all())]
        if bad:
            raise NotFiniteError(f"The validation gradient of {', '.join(bad)} is not finite.")
        return gradients

    def _check_finite(self, per_objective: Tensor) -> None:
        """Name the objectives whose gradient is not finite; a squared length of each is enough to tell."""
        bad = [name for name, good in zip(self.names, per_objective.isfinite().tolist()) if not good]
        if bad:
            raise NotFiniteError(f"The gradient of {', '.join(bad)} is not finite.")

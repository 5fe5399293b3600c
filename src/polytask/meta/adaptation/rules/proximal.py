"""A tie of the inner loop to where it started."""

from polytask.core import InputError
from polytask.core.learner import State
from polytask.meta.adaptation.rules.rule import InnerStep, UpdateRule

__all__ = ["Proximal"]


class Proximal(UpdateRule):
    r"""Adds :math:`\lambda (\phi - \phi_0)` to the gradient before another rule uses it.

    That is the gradient of :math:`\frac{\lambda}{2} \lVert \phi - \phi_0 \rVert^2`.

    Args:
        rule: The other rule.
        strength: The strength :math:`\lambda`, 0 or more.

    Raises:
        InputError: The strength is negative.

    Example:
        >>> from polytask.meta.adaptation.rules.sgd import SGD
        >>> Proximal(SGD(0.1), strength=2.0).strength
        2.0
    """

    def __init__(self, rule: UpdateRule, *, strength: float) -> None:
        if strength < 0:
            raise InputError(f"`strength` must be 0 or more, got {strength}.")
        super().__init__()
        self.rule = rule
        self.strength = strength

    def optimizer_state(self, parameters: State) -> State:
        """Return the start beside what the other rule remembers."""
        inner = self.rule.optimizer_state(parameters)
        return {f"start/{name}": p for name, p in parameters.items()} | {
            f"rule/{n}": t for n, t in inner.items()
        }

    def forward(self, step: InnerStep, optimizer_state: State) -> tuple[State, State]:
        """Make the other rule's step with the larger gradient."""
        start = {name: optimizer_state[f"start/{name}"] for name in step.parameters}
        gradients = {
            name: g + self.strength * (step.parameters[name] - start[name])
            for name, g in step.gradients.items()
        }
        tied = InnerStep(index=step.index, parameters=step.parameters, gradients=gradients, loss=step.loss)
        inner = {
            name.removeprefix("rule/"): t for name, t in optimizer_state.items() if name.startswith("rule/")
        }
        found, inner = self.rule(tied, inner)
        return found, {f"start/{n}": t for n, t in start.items()} | {f"rule/{n}": t for n, t in inner.items()}

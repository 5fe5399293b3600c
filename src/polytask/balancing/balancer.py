"""What a balancer answers, and what it says of itself."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, TypeVar

from torch import Tensor, nn

from polytask.balancing.evidence import Evidence
from polytask.core import InputError
from polytask.core.catalogue import stated
from polytask.core.verdicts import method_verdict

__all__ = [
    "Balancer",
    "BalancerEntry",
    "Direction",
    "Needs",
    "Weights",
    "catalogued",
    "check_hooks",
]

Method = TypeVar("Method", bound="Balancer")

Needs: TypeAlias = Literal["nothing", "losses", "gramian", "cross", "jacobian", "validation"]
"""What a method looks at: nothing of the step, the losses alone, the Gramian of the gradients, the
cross-Gramian of two independent halves of the batch, the gradients coordinate by coordinate, or validation
examples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """An update that is a weighted sum of the objectives' gradients.

    Args:
        values: ``[objective]``. Where a balancer has parameters of its own, they receive the gradient of
            ``(values * losses).sum() + regularizer``.
        regularizer: A scalar; None where there is none.
    """

    values: Tensor
    regularizer: Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """An update that is no weighted sum, for methods that work coordinate by coordinate.

    Args:
        values: The gradient to hand to the optimizer, ``[parameter]``: the shared ones, flattened and joined.
    """

    values: Tensor


class Balancer(nn.Module, ABC):
    """Turns several objectives into one update of the shared parameters.

    State that must survive a step is a buffer or a parameter, kept by the objective's name (see
    `ObjectiveIndex`): objectives may be absent from a step. By convention weights are 1 where nothing
    conflicts, so that methods differ in balance and not in step size.
    """

    needs: Needs = "gramian"
    """What the method looks at; decides what is computed across processes."""
    entries: ClassVar[tuple["BalancerEntry", ...]] = ()
    """What the catalogue says of this class; see `catalogued`."""

    @property
    def looks_after(self) -> bool:
        """Whether `after_step` is wanted after this step: the losses it is told cost a forward pass."""
        return _listens(self)

    @abstractmethod
    def forward(self, evidence: Evidence) -> Weights | Direction:
        """Return the update for the objectives of this step."""

    def after_step(self, names: tuple[str, ...], losses: Tensor) -> None:
        """Take note of what the update brought; does nothing unless a method has a use for it.

        Called after the update of a step that was not left out, where `looks_after` is true.

        Args:
            names: The objectives of the step, as in the `Evidence` before.
            losses: Their values with the updated parameters on the same examples, detached,
                ``[objective]``.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancerEntry:
    """What the catalogue says of a method; see `catalogued`.

    Args:
        name: What it is called there.
        build: Makes it for objectives of these names.
        needs: What it looks at.
        reference: The paper.
        signed: Whether an objective may go up even where all gradients agree, as weights may be negative.
    """

    name: str
    build: Callable[[Sequence[str]], Balancer]
    needs: Needs
    reference: str
    signed: bool = False

    @property
    def verdict(self) -> str:
        """What it was worth in our comparison of all methods; empty where it had no part."""
        return method_verdict("balancing", self.name)


def catalogued(
    name: str,
    reference: str,
    *,
    build: Callable[[Sequence[str]], Balancer] | None = None,
    needs: Needs | None = None,
    signed: bool = False,
) -> Callable[[type[Method]], type[Method]]:
    """State at a balancer's class what the catalogue says of it; a class may stand there more than once.

    Args:
        name: What it is called there.
        reference: The paper: authors, venue, year, arXiv id.
        build: Makes it for objectives of these names; by default the class is called, with the names where
            ``names`` is its first argument.
        needs: What it looks at, where that is not the `needs` of the class.
        signed: See `BalancerEntry`.

    Example:
        >>> @catalogued("half", "nobody, nowhere, never")
        ... class Half(Balancer):
        ...     def forward(self, evidence: Evidence) -> Weights:
        ...         return Weights(values=torch.full_like(evidence.losses, 0.5))
        >>> Half.entries[0].name, Half.entries[0].needs
        ('half', 'gramian')
    """

    def note(method: type[Method]) -> type[Method]:
        takes_names = next(iter(inspect.signature(method).parameters), None) == "names"
        usual: Callable[..., Balancer] = method if takes_names else lambda _: method()
        entry = BalancerEntry(
            name=name, build=build or usual, needs=needs or method.needs, reference=reference, signed=signed
        )
        return stated(method, entry)

    return note


def check_hooks(balancer: Balancer) -> None:
    """Refuse a balancer that does not pass on what a balancer inside it waits for.

    Raises:
        InputError: A balancer inside it looks at the losses after the update, and would never see them.
    """
    for outer in balancer.modules():
        if not isinstance(outer, Balancer) or _listens(outer):
            continue
        for inner in outer.modules():
            if isinstance(inner, Balancer) and _listens(inner):
                raise InputError(
                    f"{type(inner).__name__} looks at the losses after the update, which "
                    f"{type(outer).__name__} around it does not pass on. Derive {type(outer).__name__} from "
                    "`polytask.balancing.wrappers.wrapper.Wrapper`, or give it an `after_step`."
                )


def _listens(balancer: Balancer) -> bool:
    return type(balancer).after_step is not Balancer.after_step

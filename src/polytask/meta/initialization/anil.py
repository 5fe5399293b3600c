"""ANIL and BOIL: the inner loop changes the head only, or everything but the head."""

from collections.abc import Sequence
from typing import Unpack

from torch import nn

from polytask.core import InputError
from polytask.meta.adaptation.gradient_learner import GradientLearner
from polytask.meta.adaptation.inner_options import InnerOptions
from polytask.meta.adaptation.rules.sgd import SGD
from polytask.meta.entry import BOTH, by_gradients, catalogued

__all__ = ["ANIL", "BOIL"]


@catalogued(
    "anil",
    "Raghu et al., ICLR 2020, arXiv:1909.09157",
    family="initialization",
    build=by_gradients(rate=0.1, steps=5),
    fixed_way=True,
    inner=BOTH,
)
class ANIL(GradientLearner):
    """Almost no inner loop: MAML that adapts the head alone; the body is meta-learned and reused.

    If the model is a `torch.nn.Sequential`, such as ``nn.Sequential(body, head)``, the body runs once on a
    support, whatever the number of steps.

    Args:
        model: See `MAML`.
        head: Name of the module that is the head, as `torch.nn.Module.get_submodule` has it; None is the last
            module with parameters of its own.
        inner_rate: Learning rate of the inner steps.
        n_steps: Inner steps.
        second_order: Whether the meta-gradient goes through the inner gradients.
        options: See `GradientLearner`.

    Raises:
        InputError: The model has no such module, or see `GradientLearner`.

    Example:
        >>> ANIL(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))).adapted
        ('2.weight', '2.bias')

    When to use:
        As `MAML` at a fraction of the cost, where features can stay and only the head must
        change. Not where a new task needs other features.

    References:
        Raghu et al. Rapid Learning or Feature Reuse? Towards Understanding the Effectiveness of MAML. ICLR
        2020, arXiv:1909.09157, section 4.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        head: str | None = None,
        inner_rate: float = 0.1,
        n_steps: int = 5,
        second_order: bool = True,
        **options: Unpack[InnerOptions],
    ) -> None:
        super().__init__(
            model,
            rule=SGD(inner_rate),
            n_steps=n_steps,
            adapted=_parts(model, head)[1],
            n_differentiated=None if second_order else 0,
            **options,
        )


@catalogued(
    "boil",
    "Oh et al., ICLR 2021, arXiv:2008.08882",
    family="initialization",
    build=by_gradients(rate=0.1, steps=3),
    fixed_way=True,
    inner=BOTH,
)
class BOIL(GradientLearner):
    """Body only in the inner loop: MAML that adapts everything but the head, so the representation changes.

    Args:
        model: See `ANIL`, as for all arguments.
        head: Name of the module that is the head.
        inner_rate: Learning rate of the inner steps.
        n_steps: Inner steps.
        second_order: Whether the meta-gradient goes through the inner gradients.
        options: See `GradientLearner`.

    Raises:
        InputError: The model has no such module, no body, or see `GradientLearner`.

    Example:
        >>> BOIL(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))).adapted
        ('0.weight', '0.bias')

    When to use:
        Where, on the contrary, features must change, as between unlike domains.

    References:
        Oh et al. BOIL: Towards Representation Change for Few-shot Learning. ICLR 2021, arXiv:2008.08882,
        section 3. The head is meta-learned by the outer loop, as there.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        head: str | None = None,
        inner_rate: float = 0.5,
        n_steps: int = 1,
        second_order: bool = True,
        **options: Unpack[InnerOptions],
    ) -> None:
        super().__init__(
            model,
            rule=SGD(inner_rate),
            n_steps=n_steps,
            adapted=_parts(model, head)[0],
            n_differentiated=None if second_order else 0,
            **options,
        )


def _parts(model: nn.Module, head: str | None) -> tuple[Sequence[str], Sequence[str]]:
    """Return the names of the trainable parameters of the body and of the head."""
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    if head is None:
        head = names[-1].rpartition(".")[0] if names else ""
    known = dict(model.named_modules())
    if head not in known:
        raise InputError(
            f"`head` is {head!r}, but the modules of `model` are {', '.join(filter(None, known))}."
        )
    of_head = [name for name in names if name.startswith(f"{head}.")]
    body = [name for name in names if name not in of_head]
    if not body or not of_head:
        raise InputError(
            f"The head {head!r} has {len(of_head)} and the body {len(body)} trainable parameters; both "
            "need one. Name another module as `head`."
        )
    return body, of_head

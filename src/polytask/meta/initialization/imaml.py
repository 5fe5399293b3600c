"""iMAML: the meta-gradient at the end of the inner loop, whatever way led there."""

from collections.abc import Sequence
from typing import Literal, Unpack

import torch
from torch import Tensor, nn
from torch.func import grad, grad_and_value, vjp

from polytask.core import Batch, InputError, Task
from polytask.core.learner import State
from polytask.meta.adaptation.gradient_learner import GradientLearner, MetaObjective
from polytask.meta.adaptation.implicit import conjugate_gradient, neumann
from polytask.meta.adaptation.inner_options import InnerOptions
from polytask.meta.adaptation.rules.proximal import Proximal
from polytask.meta.adaptation.rules.rule import UpdateRule
from polytask.meta.adaptation.rules.sgd import SGD
from polytask.meta.adaptation.surrogate import with_gradient
from polytask.meta.entry import BOTH, catalogued

__all__ = ["IMAML"]


@catalogued(
    "imaml",
    "Rajeswaran et al., NeurIPS 2019, arXiv:1909.04630",
    family="initialization",
    build=lambda learner, task: learner(
        task.classifier(), strength=0.5, rule=SGD(task.rate(0.1)), n_steps=task.steps(8)
    ),
    fixed_way=True,
    inner=BOTH,
)
class IMAML(GradientLearner):
    r"""MAML with implicit gradients.

    The inner loop minimizes :math:`L_S(\phi) + \frac{\lambda}{2} \lVert \phi - \theta \rVert^2`. At its end
    :math:`\phi` the meta-gradient is :math:`(I + \nabla^2 L_S(\phi) / \lambda)^{-1} \nabla L_Q(\phi)`: it
    needs neither the steps nor their memory, and is right to the degree that the inner loop has converged.

    Args:
        model: See `MAML`.
        strength: The strength :math:`\lambda` of the tie to the initialization.
        rule: Of the inner loop; None is ``SGD(0.1)``.
        n_steps: Inner steps; the paper takes 16 for 5 and 25 for 20 classes of Omniglot.
        solver: ``"cg"``, conjugate gradients as in the paper; or ``"neumann"``, a series that converges only
            where the curvature is below the strength.
        n_solver_steps: Curvature products of the solver.
        options: See `GradientLearner`.

    Raises:
        InputError: A number is out of range, the solver unknown, or see `GradientLearner`.

    Example:
        >>> IMAML(nn.Linear(1, 1), strength=1.0).n_steps
        16

    When to use:
        Many inner steps, which no memory could hold: the meta-gradient comes from where they end.
        The inner problem must be solved well, or the gradient is off.

    References:
        Rajeswaran, Finn, Kakade, Levine. Meta-Learning with Implicit Gradients. NeurIPS 2019,
        arXiv:1909.04630, algorithms 1 and 2, equation 6. Differs: conjugate gradients without damping.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        strength: float = 2.0,
        rule: UpdateRule | None = None,
        n_steps: int = 16,
        solver: Literal["cg", "neumann"] = "cg",
        n_solver_steps: int = 5,
        **options: Unpack[InnerOptions],
    ) -> None:
        problems = []
        if not strength > 0:
            problems.append(f"`strength` must be above 0, got {strength}")
        if solver not in ("cg", "neumann"):
            problems.append(f"`solver` is {solver!r}; use 'cg' or 'neumann'")
        if n_solver_steps < 0:
            problems.append(f"`n_solver_steps` must be 0 or more, got {n_solver_steps}")
        if problems:
            raise InputError("; ".join(problems) + ".")
        super().__init__(
            model,
            rule=Proximal(rule or SGD(0.1), strength=strength),
            n_steps=n_steps,
            n_differentiated=0,
            objective=_AtTheEnd(strength, solver, n_solver_steps),
            **options,
        )


class _AtTheEnd(MetaObjective):
    adapted_only = True

    def __init__(self, strength: float, solver: str, n_solver_steps: int) -> None:
        super().__init__(exact=False)
        self.strength = strength
        self.solver = solver
        self.n_solver_steps = n_solver_steps

    def forward(
        self, learner: GradientLearner, tasks: Sequence[Task], support: Batch, query: Batch
    ) -> Tensor:
        def loss(parameters: State, batch: Batch) -> Tensor:
            return learner.loss(parameters, tasks, batch, learner.n_steps)

        with torch.no_grad():
            end = learner.trajectory(tasks, support)[-1]
            outer, value = grad_and_value(loss)(end, query)
            pull = vjp(lambda parameters: grad(loss)(parameters, support), end)[1]

            def product(vector: State) -> State:
                (curved,) = pull(vector)
                return {name: vector[name] + curved[name] / self.strength for name in vector}

            if self.solver == "cg":
                gradients = conjugate_gradient(product, outer, n_iterations=self.n_solver_steps)
            else:
                gradients = neumann(product, outer, n_terms=self.n_solver_steps)
        return with_gradient(value, learner.initial(tasks, support), gradients)

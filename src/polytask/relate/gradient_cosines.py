"""Gradient affinity: the cosines between the gradients that tasks ask for."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from polytask.balancing.engines import Engine, FullJacobian
from polytask.balancing.step.gradients import StepGradients
from polytask.balancing.step.parts import Whole
from polytask.balancing.step.processes import OneProcess
from polytask.core import InputError, Learner, Objectives, shared_parameters
from polytask.data import Source
from polytask.relate.affinity import Affinity, warn_of_little_overlap
from polytask.relate.pair_means import PairMeans
from polytask.relate.rehearsal import Rehearsal

__all__ = ["GradientAffinity", "gradient_affinity"]


def gradient_affinity(
    learner: Learner,
    source: Source,
    *,
    n_steps: int,
    optimizer: Callable[[list[nn.Parameter]], Optimizer] | None = None,
    every: int = 1,
    names: Sequence[str] | None = None,
    engine: Engine | None = None,
    seed: int = 0,
) -> Affinity:
    r"""Average the cosines between the tasks' gradients of the shared parameters over steps.

    .. math:: A_{ij} = \frac{1}{|S_{ij}|} \sum_{s \in S_{ij}}
        \frac{\langle g_i^s, g_j^s \rangle}{\lVert g_i^s \rVert \lVert g_j^s \rVert}

    where :math:`S_{ij}` are the steps with labels of both tasks and gradients that are not zero. Symmetric,
    and 1 on the diagonal. The learner is not changed: a copy is looked at, in training mode.

    A cosine at fresh weights says little; give an ``optimizer`` to average over training, or a learner that
    is trained. To watch a training run of your own, see `WatchedBalancer`.

    Args:
        learner: The learner.
        source: Where steps come from; several episodes of a step must be of different tasks.
        n_steps: How many.
        optimizer: Builds an optimizer from the copy's parameters, which then is trained on the plain sum of
            the objectives; None leaves its weights as they are.
        every: Look at every so-manieth step.
        names: The tasks, in the order wanted; those of the model, or else of the first step, where None.
        engine: How the Gramian is computed; the full Jacobian where None. An engine of
            representations, such as `polytask.balancing.engines.Features`, is cheaper, and stands in for the
            shared parameters only.
        seed: Governs dropout.

    Raises:
        InputError: A number is below 1, a task is unknown, or nothing is shared.

    Warns:
        DataWarning: Tasks have less than 30 % of their rows in common, see `Affinity.little_overlap`.

    Example:
        >>> from polytask.core import Batch, SharedModel, Task
        >>> from polytask.data import JointSource
        >>> from polytask.architectures import HardSharing
        >>> tasks = [Task(name=name, kind="regression") for name in ("up", "down")]
        >>> data = Batch(inputs=torch.ones(4, 1), targets={"up": torch.ones(4), "down": -torch.ones(4)})
        >>> heads = {task.name: nn.Identity() for task in tasks}
        >>> trunk = nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.zeros_(trunk.weight)
        >>> model = SharedModel(tasks, HardSharing(trunk), heads)
        >>> found = gradient_affinity(model, JointSource(tasks, data, batch_size=2, seed=0), n_steps=4)
        >>> found("up", "down")
        -1.0

    References:
        Tianhe Yu, Saurabh Kumar, Abhishek Gupta, Sergey Levine, Karol Hausman, Chelsea Finn, "Gradient
        Surgery for Multi-Task Learning", NeurIPS 2020, arXiv:2001.06782 (the cosine between gradients as a
        measure of conflict). The average over training is our own.
    """
    rehearsal = Rehearsal(
        learner=learner, source=source, n_steps=n_steps, optimizer=optimizer, every=every, seed=seed
    )
    means = GradientAffinity(rehearsal.names(names))
    shared = shared_parameters(rehearsal.learner)
    if not shared:
        raise InputError(
            "The learner has no trainable shared parameter, so there are no gradients to compare."
        )
    engine = engine or FullJacobian()
    engine.open(rehearsal.learner)
    with torch.enable_grad():
        for episodes in rehearsal:
            objectives = rehearsal.objectives(episodes)
            means.add_rows(episodes)
            if len(objectives):
                means.observe(objectives.names, _gramian(objectives, shared, engine))
    engine.close()
    affinity = means.affinity()
    warn_of_little_overlap(affinity)
    return affinity


class GradientAffinity(PairMeans):
    """The mean cosine between the gradients of every pair of tasks, from the Gramians of training steps.

    Args:
        names: The tasks, in the order of rows and columns.

    Example:
        >>> affinity = GradientAffinity(["a", "b"])
        >>> affinity.observe(["a", "b"], torch.tensor([[4.0, 1.0], [1.0, 1.0]]))
        >>> affinity.affinity()("a", "b")
        0.5
    """

    def observe(self, names: Sequence[str], gramian: Tensor) -> None:
        """Take note of a step; a pair with a gradient of zero has no cosine in it.

        Args:
            names: The tasks that the step has labels of.
            gramian: Inner products of their gradients, ``[task, task]`` in the same order.

        Raises:
            InputError: A task is unknown, or the Gramian has another shape.
        """
        if gramian.shape != (len(names), len(names)):
            raise InputError(
                f"`gramian` must be [task, task] for {len(names)} names, but has shape "
                f"{tuple(gramian.shape)}."
            )
        products = gramian.detach().double()
        norms = products.diagonal().clamp(min=0).sqrt()
        self.add(names, products / torch.outer(norms, norms))  # 0 / 0 is NaN: no cosine


def _gramian(objectives: Objectives, shared: list[nn.Parameter], engine: Engine) -> Tensor:
    """Return the inner products of the gradients, ``[objective, objective]``."""
    return engine.gramian(StepGradients(Whole(objectives, OneProcess()), shared))

"""Lookahead affinity: what a step for one task does to the loss of another."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from polytask.core import Episode, InputError, Learner, Objectives, jacobian, shared_parameters
from polytask.core.look_ahead import displaced
from polytask.data import Source
from polytask.relate.affinity import Affinity, warn_of_little_overlap
from polytask.relate.pair_means import PairMeans
from polytask.relate.rehearsal import Rehearsal

__all__ = ["lookahead_affinity"]


def lookahead_affinity(
    learner: Learner,
    source: Source,
    *,
    n_steps: int,
    rate: float,
    optimizer: Callable[[list[nn.Parameter]], Optimizer] | None = None,
    every: int = 1,
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> Affinity:
    r"""Average over steps by which share a step on one task's loss lowers each task's loss.

    .. math:: Z_{i \to j} = 1 - \frac{L_j(\theta_s - \eta \nabla_{\theta_s} L_i,\; \theta_j)}
        {L_j(\theta_s,\; \theta_j)}

    on the same examples, with the private parameters :math:`\theta_j` as they are. Not symmetric; above 0
    the step helps. The diagonal is what a task's own step does for it. A look takes a gradient and a forward
    pass for every task. The learner is not changed: a copy is looked at, in training mode.

    An affinity grows with the rate and with the gradient of its giver, so compare within a column or a run,
    not between rates. Losses whose least value is not 0, such as cross-entropies of uncertain classes, lower
    every affinity of their column.

    Args:
        learner: The learner.
        source: Where steps come from; several episodes of a step must be of different tasks.
        n_steps: How many.
        rate: :math:`\eta`, the learning rate of the step that is tried.
        optimizer: Builds an optimizer from the copy's parameters, which then is trained on the plain sum of
            the objectives, as in the paper; None leaves its weights as they are.
        every: Look at every so-manieth step.
        names: The tasks, in the order wanted; those of the model, or else of the first step, where None.
        seed: Governs dropout, which is the same before and after the step that is tried.

    Returns:
        ``[from task, to task]``; NaN where two tasks never had labels in one step, or a loss was always 0.

    Raises:
        InputError: A number is out of range, a task is unknown, nothing is shared, or a loss is negative.

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
        >>> source = JointSource(tasks, data, batch_size=2, seed=0)
        >>> print(lookahead_affinity(model, source, n_steps=4, rate=0.25).format())
        from \ to     up   down
        up          0.75  -1.25
        down       -1.25   0.75

    References:
        Chris Fifty, Ehsan Amid, Zhe Zhao, Tianhe Yu, Rohan Anil, Chelsea Finn, "Efficiently Identifying Task
        Groupings for Multi-Task Learning", NeurIPS 2021, arXiv:2109.04617 (the inter-task affinity).
        Deviations: the step that is tried is one of plain gradient descent whatever the optimizer, and steps
        in which a task has no label are left out of its means.
    """
    if not rate > 0:
        raise InputError(f"`rate` must be above 0, got {rate}.")
    rehearsal = Rehearsal(
        learner=learner, source=source, n_steps=n_steps, optimizer=optimizer, every=every, seed=seed
    )
    means = PairMeans(rehearsal.names(names))
    shared = shared_parameters(rehearsal.learner)
    if not shared:
        raise InputError("The learner has no trainable shared parameter, so no task can help another.")
    with torch.enable_grad():
        for episodes in rehearsal:
            objectives = rehearsal.objectives(episodes)
            means.add_rows(episodes)
            if len(objectives):
                _check_not_negative(objectives)
                means.add(objectives.names, _effects(rehearsal, episodes, objectives, shared, rate))
    affinity = means.affinity()
    warn_of_little_overlap(affinity)
    return affinity


def _effects(
    rehearsal: Rehearsal,
    episodes: Sequence[Episode],
    objectives: Objectives,
    shared: Sequence[nn.Parameter],
    rate: float,
) -> Tensor:
    """Return the affinities of one step, ``[from objective, to objective]``; NaN where a loss is 0."""
    before = objectives.values.detach().double()
    after = []
    for gradient in jacobian(objectives.values, shared):
        with displaced(shared, -rate * gradient), torch.no_grad():
            after.append(rehearsal.objectives(episodes).values.double())
    ratios = torch.stack(after) / before  # [from objective, to objective]
    return torch.where(before > 0, 1 - ratios, torch.nan)


def _check_not_negative(objectives: Objectives) -> None:
    negative = [name for name, value in objectives.by_name().items() if value < 0]
    if negative:
        raise InputError(
            f"The loss of {', '.join(negative)} is below 0, so that a share of it means nothing; use a loss "
            "that is never negative, or `gradient_affinity`."
        )

"""Train an encoder to tell each example by the means of the classes, its own mean without it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from polytask.core import Batch, Episode, InputError, Learner, Objectives, Predictor, Task
from polytask.core.batch import query_objectives
from polytask.meta.layers.class_means import membership
from polytask.meta.layers.full_precision import full_precision
from polytask.meta.metric.prototypes import Prototypes

__all__ = ["HeldOutPrototypes"]


class HeldOutPrototypes(Learner):
    r"""Trains the encoder of prototypes on batches without a support: every example is query and support.

    With unit features :math:`z_i` and the sum :math:`s_k` of those of class :math:`k`, example :math:`i` of
    class :math:`y` has the logits :math:`s \cos(z_i, s_k)`, and :math:`s \cos(z_i, s_y - z_i)` for its own
    class. So a batch of :math:`n` images is encoded once and answers :math:`n` queries. The factor :math:`s`
    is learned.

    Args:
        learner: Whose encoder is trained; it answers new tasks, and needs cosines.

    Raises:
        InputError: The learner compares by distances; or, in training, a class has one example.

    Example:
        >>> from polytask.core import Batch, Task
        >>> trained = HeldOutPrototypes(Prototypes(nn.Identity(), distance="cosine"))
        >>> task = Task(name="class", kind="multiclass", n_outputs=2)
        >>> corners = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> batch = Batch(inputs=corners, targets={"class": torch.tensor([0, 0, 1, 1])})
        >>> trained.objectives([Episode(tasks=(task,), query=batch)]).values  # log(1 + exp(-10))
        tensor([4.5...e-05], grad_fn=<StackBackward0>)

    References:
        Jake Snell, Kevin Swersky, Richard Zemel, "Prototypical networks for few-shot learning", NeurIPS 2017,
        arXiv:1703.05175. Deviations: cosines; no example is support alone; all are normalized as one batch.
    """

    def __init__(self, learner: Prototypes) -> None:
        super().__init__()
        if learner.distance != "cosine":
            raise InputError(f"`learner` needs `distance='cosine'`, but has {learner.distance!r}.")
        self.learner = learner
        self.log_scale = nn.Parameter(torch.tensor(float(learner.scale)).log())

    def adapt(self, tasks: Sequence[Task], support: Batch | None = None) -> Predictor:
        """Adapt the prototypes; see `Learner.adapt`."""
        return self.learner.adapt(tasks, support)

    def objectives(self, episodes: Sequence[Episode]) -> Objectives:
        """Return one objective per episode, of its query alone; see `Learner.objectives`."""
        values = []
        for episode in episodes:
            features = self.learner.encode(episode.query.inputs)
            with full_precision(features):
                answers = {task.name: self._logits(features, task, episode.query) for task in episode.tasks}
                values.append(
                    torch.stack(list(query_objectives(episode.tasks, answers, episode.query).values())).sum()
                )
        names = tuple(
            f"{index}: {'+'.join(task.name for task in e.tasks)}" for index, e in enumerate(episodes)
        )
        return Objectives(values=torch.stack(values), names=names)

    def _logits(self, features: Tensor, task: Task, batch: Batch) -> Tensor:
        """Return ``[example, class]``."""
        members = membership(task, batch).to(features.dtype)  # [example, class]
        if bool((members.sum(0) == 1).any()):
            raise InputError(f"A class of {task.name!r} has one example in a step; give two or more of each.")
        units = functional.normalize(features)
        sums = members.T @ units  # [class, feature]
        without = functional.normalize(members @ sums - units)
        own = (units * without).sum(1, keepdim=True)  # [example, 1]
        cosines = units @ functional.normalize(sums).T
        return self.log_scale.exp() * torch.where(members > 0, own, cosines)

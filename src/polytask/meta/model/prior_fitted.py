"""Prior-fitted networks: a transformer that reads a data set and answers with its posterior prediction."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from polytask.core import Batch, EpisodicLearner, InputError, Task
from polytask.core.batch import Inputs
from polytask.core.learner import States
from polytask.meta.layers.normalization import uses_batch_statistics
from polytask.meta.model.bar_distribution import BarDistribution
from polytask.meta.model.class_labels import labels_of
from polytask.meta.model.in_context_layer import InContextLayer
from polytask.meta.model.in_context_targets import Bars, Classes, Targets

__all__ = ["PriorFitted"]


class PriorFitted(EpisodicLearner):
    r"""A prior-fitted network (PFN): Bayesian prediction by one forward pass of a transformer.

    A prior over data sets is given as a sampler; the network :math:`q_\theta` is trained on its draws by

    .. math:: L(\theta) = \mathbb{E}_{D, x, y \sim p(D)} \left[ -\log q_\theta(y \mid x, D) \right],

    whose minimum over all functions is the posterior predictive :math:`p(y \mid x, D)`. To train one, write
    the prior as a sampler (`PriorEpisodes`, or any other source) and call `polytask.train.train`.

    A labelled example is one token, the sum of the encodings of :math:`x` and :math:`y`; a query is the
    encoding of :math:`x` alone, and attends to the support and to itself but to no other query. There are no
    positions: the order of the support does not matter. The state is, for each task, the support's keys and
    values in every layer, ``[layer, 2, support, width]``, and which rows of it have a label.

    A task may be multiclass, with up to ``n_classes`` classes (logits of further classes are cut off); or
    binary, as two classes; or a regression with one output, whose prediction is the mean of a
    `BarDistribution`, and whose objective is that distribution's negative log density (not the squared error,
    unless the task brings a loss of its own). See `distribution` for all of it.

    Args:
        encoder: Maps inputs to ``[batch, width]``; the paper's is a linear layer.
        width: Of a token.
        n_classes: The most classes that a task may have; 0 if there are no such tasks.
        borders: Of the bars for regression, ``[bar + 1]``; see `bar_borders`. None if there are no
            such tasks.
        n_layers: Of the transformer.
        n_heads: Of each layer.
        hidden: Width of the feed-forward networks; None is twice ``width``.
        dropout: In every layer.

    Raises:
        InputError: A number is out of range, or there is neither a class nor a bar.

    Example:
        >>> task = Task(name="y", kind="multiclass", n_outputs=3)
        >>> learner = PriorFitted(nn.Linear(2, 16), width=16, n_classes=10, n_layers=2)
        >>> support = Batch(inputs=torch.rand(8, 2), targets={"y": torch.arange(8) % 3})
        >>> learner.adapt([task], support)(torch.rand(5, 2))["y"].shape
        torch.Size([5, 3])

    When to use:
        Small tables, by training on made-up ones, once. What the prior does not contain it cannot
        know.

    References:
        Müller, Hollmann, Arango, Grabocka, Hutter. Transformers Can Do Bayesian Inference. ICLR 2022,
        arXiv:2112.10510. Hollmann, Müller, Eggensperger, Hutter. TabPFN. ICLR 2023, arXiv:2207.01848, whose
        sizes are the defaults. Deviations: layers normalize their input, where the papers' normalize their
        output; labels have an
        embedding for each class, where TabPFN's are a linear function of the class's number; targets of a
        regression are brought to the scale of the borders before they are encoded. The data are taken as they
        are: put tables on the scale of the prior beforehand.
    """

    inner_gradients = False

    def __init__(
        self,
        encoder: nn.Module,
        *,
        width: int = 512,
        n_classes: int = 0,
        borders: Tensor | None = None,
        n_layers: int = 12,
        n_heads: int = 4,
        hidden: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        problems = _problems(n_classes, borders, n_layers)
        if problems:
            raise InputError("PriorFitted: " + "; ".join(problems) + ".")
        super().__init__(transductive=uses_batch_statistics(encoder, None))
        self.objective_is_loss = False
        hidden = 2 * width if hidden is None else hidden
        self.width = width
        self.encoder = encoder
        self.layers = nn.ModuleList(InContextLayer(width, n_heads, hidden, dropout) for _ in range(n_layers))
        self.classes = Classes(width, hidden, n_classes) if n_classes else None
        self.bars = Bars(width, hidden, borders) if borders is not None else None

    def forward(self, tasks: Sequence[Task], support: Batch, query: Batch) -> Tensor:
        """Return the negative log probability of the query's labels: averaged, then summed over tasks."""
        outputs = self._outputs(self.learn(tasks, support), tasks, query.inputs)
        found = [
            self._answers(task).objective(task, outputs[task.name], query)
            for task in tasks
            if task.name in query.targets
        ]
        return torch.stack(found).sum()

    def learn(self, tasks: Sequence[Task], support: Batch) -> States:
        """Return the support's keys and values in every layer, and which rows have a label.

        Raises:
            InputError: A task has no target, or is of a kind, or has more classes, than the network was built
                for.
        """
        encoded = self._encoded(support.inputs)  # [support, width]
        state: States = {}
        for task in tasks:
            answers = self._answers(task)
            target, known = labels_of(task, support)
            tokens = encoded + answers.encode(target)  # [support, width]
            memories: list[Tensor] = []
            for layer in self._layers():
                memories.append(layer.cache(tokens))
                tokens = layer(tokens, memories[-1], known, apart=False)
            memory = torch.stack(memories)  # [layer, 2, support, width]
            state[task.name] = {"memory": memory, "known": known}
        return state

    def predict(self, state: States, tasks: Sequence[Task], inputs: Inputs) -> dict[str, Tensor]:
        """Answer inputs ``[batch, ...]``: logits, or the mean of the distribution, by task."""
        outputs = self._outputs(state, tasks, inputs)
        return {task.name: self._answers(task).prediction(task, outputs[task.name]) for task in tasks}

    def distribution(self, state: States, task: Task, inputs: Inputs) -> BarDistribution:
        """Return the distribution of a regression task's target for each input.

        Args:
            state: What `learn` returned, e.g. a predictor's state.
            task: The regression task.
            inputs: ``[batch, ...]``.

        Raises:
            InputError: The task is no regression.
        """
        answers = self._answers(task)
        if not isinstance(answers, Bars):
            raise InputError(f"Task {task.name!r} is {task.kind}; its prediction is its distribution.")
        return answers.distribution(self._outputs(state, [task], inputs)[task.name])

    def _outputs(self, state: States, tasks: Sequence[Task], inputs: Inputs) -> dict[str, Tensor]:
        """Return what the head says of each input, ``[batch, class or bar]`` by task."""
        encoded = self._encoded(inputs)  # [batch, width]
        found = {}
        for task in tasks:
            tokens = encoded
            memories, known = state[task.name]["memory"], state[task.name]["known"]
            for layer, cache in zip(self._layers(), memories.unbind(), strict=True):
                tokens = layer(tokens, cache, known, apart=True)
            found[task.name] = self._answers(task).head(tokens)
        return found

    def _encoded(self, inputs: Inputs) -> Tensor:
        encoded: Tensor = self.encoder(inputs)
        if encoded.ndim != 2 or encoded.shape[1] != self.width:
            raise InputError(
                f"`encoder` gives shape {tuple(encoded.shape)}, but must give [batch, {self.width}], as "
                f"`width` is {self.width}."
            )
        return encoded

    def _layers(self) -> Iterator[InContextLayer]:
        return (layer for layer in self.layers if isinstance(layer, InContextLayer))

    def _answers(self, task: Task) -> Targets:
        """Return the part of the network that answers such a task."""
        problem = None
        if task.kind == "multilabel":
            problem = "is multilabel; make a binary task of each label"
        elif task.kind == "regression":
            if self.bars is not None and task.n_outputs == 1:
                return self.bars
            problem = (
                "is a regression; build the network with `borders`"
                if self.bars is None
                else f"has {task.n_outputs} outputs; make a task of each"
            )
        else:
            n_classes = max(task.n_outputs, 2)
            if self.classes is not None and n_classes <= self.classes.n_classes:
                return self.classes
            n_built = self.classes.n_classes if self.classes is not None else 0
            problem = f"has {n_classes} classes, but the network was built for {n_built}; raise `n_classes`"
        raise InputError(f"Task {task.name!r} {problem}.")


def _problems(n_classes: int, borders: Tensor | None, n_layers: int) -> list[str]:
    problems = []
    if n_classes == 0 and borders is None:
        problems.append("give `n_classes`, or `borders` for regression, or both")
    if n_classes < 0 or n_classes == 1:
        problems.append(f"`n_classes` must be 2 or more, or 0 for none; got {n_classes}")
    if borders is not None:
        rising = borders.ndim == 1 and len(borders) > 3 and bool((borders.diff() > 0).all())
        if not rising:
            problems.append("`borders` must be 4 or more rising numbers; see `bar_borders`")
    if n_layers < 1:
        problems.append(f"`n_layers` must be at least 1, got {n_layers}")
    return problems

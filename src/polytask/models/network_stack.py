"""Several small networks of one form, run at once as one batch of matrices."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from polytask.core import InputError, Task
from polytask.core.random import own_random_state
from polytask.models.number_bins import NumberBins
from polytask.models.stack_plan import StackPlan, Stage

__all__ = [
    "NetworkStack",
    "StackedEnsemble",
    "output_slices",
    "weighted_prediction",
]

_LEAST = -(2**63)
_FEW_UNITS = 2**15


class NetworkStack(nn.Module):
    """Networks of equal form with a linear output for every target: a multi-layer perceptron each.

    Args:
        tasks: The targets.
        n_inputs: Width of the input.
        n_networks: How many networks.
        width: Units of each layer.
        depth: Hidden layers; 0 for a linear model.
        dropout: Probability of dropping a unit.

    Example:
        >>> stack = NetworkStack([Task(name="y", kind="regression")], 3, n_networks=5, width=8, depth=2)
        >>> stack(torch.zeros(4, 3)).shape
        torch.Size([5, 4, 1])
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        n_inputs: int,
        *,
        n_networks: int,
        width: int,
        depth: int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        sizes = [n_inputs, *[width] * depth, sum(task.n_outputs for task in tasks)]
        self.n_networks = n_networks
        self.dropout = dropout
        self.weights = nn.ParameterList(
            _uniform(n_networks, n_in, n_out, n_in=n_in) for n_in, n_out in itertools.pairwise(sizes)
        )
        self.biases = nn.ParameterList(
            _uniform(n_networks, 1, n_out, n_in=n_in) for n_in, n_out in itertools.pairwise(sizes)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Answer ``[row, input]``, the same for all networks, or ``[network, row, input]``.

        Returns:
            ``[network, row, output]``, the outputs of the targets side by side.
        """
        *layers, (weight, bias) = self._layers()
        return torch.baddbmm(bias, self._through(layers, inputs), weight)

    def load_part(self, weights: Mapping[str, Tensor], tasks: Sequence[Task], targets: Sequence[str]) -> None:
        """Take the weights of a stack of more targets, of the output layer those of some targets alone.

        Args:
            weights: The other stack's ``state_dict``.
            tasks: Its targets.
            targets: Those of this stack, in their order.
        """
        places, last = output_slices(tasks), str(len(self.weights) - 1)
        outputs = torch.cat([torch.arange(places[name].start, places[name].stop) for name in targets])
        self.load_state_dict(
            {
                name: values[..., outputs] if name.split(".")[1] == last else values
                for name, values in weights.items()
            }
        )

    def represent(self, inputs: Tensor) -> Tensor:
        """Return what the output layers read: ``[network, row, unit]``."""
        return self._through(self._layers()[:-1], inputs)

    def _layers(self) -> list[tuple[Tensor, Tensor]]:
        # Without a look-up by name for each, which takes long beside small products.
        layers = zip(self.weights._parameters.values(), self.biases._parameters.values(), strict=True)
        return cast("list[tuple[Tensor, Tensor]]", list(layers))

    def _through(self, layers: Sequence[tuple[Tensor, Tensor]], inputs: Tensor) -> Tensor:
        hidden = inputs.expand(self.n_networks, -1, -1) if inputs.ndim == 2 else inputs
        for weight, bias in layers:
            hidden = torch.baddbmm(bias, hidden, weight).relu()
            if self.training and self.dropout:
                hidden = _dropped(hidden, self.dropout)
        return hidden


class StackedEnsemble(nn.Module):
    """The average of a `NetworkStack`, with the weights that were best for each target.

    Numbers may be encoded piecewise linearly beside their standardized value (see
    `PiecewiseLinearEncoding`); then the networks read both.

    Args:
        tasks: The targets.
        n_features: Width of the input ``[row, feature]``.
        plan: Its form.

    Raises:
        InputError: The plan belongs to other features or targets.
    """

    def __init__(self, tasks: Sequence[Task], n_features: int, plan: StackPlan) -> None:
        super().__init__()
        if sorted(plan.targets) != sorted(task.name for task in tasks):
            raise InputError("the stages of the ensemble have other targets than the model")
        if len(plan.n_bins) != n_features:
            raise InputError(f"there are {n_features} features, but bins for {len(plan.n_bins)}")
        self.tasks = tuple(tasks)
        self.plan = plan
        self.embedding = NumberBins(plan.n_bins)
        by_name = {task.name: task for task in tasks}
        self.stacks = nn.ModuleList(
            NetworkStack(
                [by_name[name] for name in stage.targets],
                self.embedding.n_outputs,
                n_networks=plan.n_networks,
                width=plan.width,
                depth=plan.depth,
            )
            for stage in plan.stages
        )

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        """Answer ``[row, feature]`` by the average of the networks: ``[row, n_outputs]`` by target."""
        embedded = self.embedding(inputs)
        by_name = {task.name: task for task in self.tasks}
        answers = {}
        for stage, stack in zip(self.plan.stages, self.stacks):
            outputs = stack(embedded)
            places = output_slices([by_name[name] for name in stage.targets])
            answers |= {
                name: weighted_prediction(by_name[name], outputs[..., place])
                for name, place in places.items()
            }
        return answers

    def only(self, names: Collection[str]) -> "StackedEnsemble":
        """Return the part that answers some of the targets."""
        stages = tuple(
            Stage(step=stage.step, targets=tuple(name for name in stage.targets if name in names))
            for stage in self.plan.stages
        )
        kept = [index for index, stage in enumerate(stages) if stage.targets]
        plan = replace(self.plan, stages=tuple(stages[index] for index in kept))
        with own_random_state():  # weights are drawn, and then replaced
            part = StackedEnsemble(
                [task for task in self.tasks if task.name in names], len(plan.n_bins), plan
            )
        part.embedding = self.embedding
        by_name = {task.name: task for task in self.tasks}
        for index, stack in zip(kept, part.stacks):
            of_stage = [by_name[name] for name in self.plan.stages[index].targets]
            cast(NetworkStack, stack).load_part(
                self.stacks[index].state_dict(), of_stage, stages[index].targets
            )
        return part.train(self.training)


def output_slices(tasks: Sequence[Task]) -> dict[str, slice]:
    """Tell which outputs of a `NetworkStack` are a target's, by name."""
    places, start = {}, 0
    for task in tasks:
        places[task.name] = slice(start, start + task.n_outputs)
        start += task.n_outputs
    return places


def weighted_prediction(task: Task, predictions: Tensor, weights: Tensor | None = None) -> Tensor:
    """Average predictions ``[member, row, output]``: numbers, or the probabilities that are behind logits.

    Args:
        task: The target.
        predictions: What each member predicts.
        weights: Of the members ``[member]``, with sum 1; None for all alike.

    Returns:
        ``[row, output]``; logits for classes.

    Example:
        >>> task = Task(name="y", kind="binary")
        >>> weighted_prediction(task, torch.tensor([[[-1.0]], [[1.0]]]))
        tensor([[0.]])
    """
    if weights is None:
        weights = torch.full(
            (len(predictions),), 1 / len(predictions), dtype=predictions.dtype, device=predictions.device
        )
    shares = weights.to(predictions)[:, None, None]
    if task.kind == "regression":
        return (shares * predictions).sum(0)
    logarithms = shares.log()
    if task.kind == "multiclass":
        return (predictions.log_softmax(-1) + logarithms).logsumexp(0)
    return (functional.logsigmoid(predictions) + logarithms).logsumexp(0) - (
        functional.logsigmoid(-predictions) + logarithms
    ).logsumexp(0)


def _dropped(hidden: Tensor, probability: float) -> Tensor:
    """Drop units as `torch.nn.functional.dropout`; many by a byte of a random number each, which is faster.

    There the probability is rounded to a multiple of 1/256.
    """
    threshold = round(probability * 256)
    if hidden.numel() < _FEW_UNITS or not 0 < threshold < 256:
        return functional.dropout(hidden, probability)
    n_units = hidden.numel()
    words = torch.empty((n_units + 7) // 8, dtype=torch.int64, device=hidden.device).random_(_LEAST, None)
    kept = words.view(torch.uint8)[:n_units].view(hidden.shape) >= threshold
    return hidden * kept * (256 / (256 - threshold))


def _uniform(*shape: int, n_in: int) -> nn.Parameter:
    bound = n_in**-0.5  # as `nn.Linear` starts
    return nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))

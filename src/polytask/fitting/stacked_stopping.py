"""Where each target of networks that are trained at once stops.

Where a target stops is decided by the loss on held-out rows, summed over folds. The returned model keeps, for
each target, the weights of the step that all of them choose together. The prediction by which a row is judged
is that of the step that all *but its own unit* choose: a row, a group of rows, or all that is held out of its
network. So no row takes part in choosing the step of the network that judges it; and where the unit is small,
that network was chosen as those of the model are, with the other rows that it is held-out for. Chosen without
them it would be a worse one: where the loss goes up and down from epoch to epoch, a network at a step that
its own held-out rows have a say in errs less on new rows, too.

The held-out loss of a target with few labels is noisy, and its lowest value a matter of luck. So what is
compared is ``n log(loss)``, for a number the likelihood of its ``n`` labels, and to it is added the mean of
``log(loss)`` over the targets that one model learns, as if it were that of `PRIOR_LABELS` labels more. A
target with many labels decides for itself, in whatever unit it is measured.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from polytask.core import Task
from polytask.fitting.own_targets import OwnTargets
from polytask.fitting.stacked_plan import Members
from polytask.models.network_stack import output_slices, weighted_prediction

__all__ = ["PRIOR_LABELS", "Stopping"]

PRIOR_LABELS = 50.0
"""So many labels of its own count as much for a target as what all targets together say."""

_STATE = ("total", "epoch", "progress", "goal", "without", "answers", "weights")
_PROGRESS = 1e-3  # a loss that falls by less is none, and so does not keep a target open
_ROUNDING = 1e-9  # of a sum, of which next to nothing is left without a unit


class Stopping:
    """The lowest held-out loss so far of every model and target, and what belongs to it.

    Args:
        tasks: The targets.
        members: The networks.
        held_out: The rows that judge each network, padded, ``[network, held-out row]``.
        judged: Which of them count, bool of the same shape.
        n_labels: How many labels judge each target, ``[target]``; None for one in every row.
        own: The targets that each network carries, to which outputs and slots belong; None where all carry
            all, and a slot is a target.
        units: The unit of every row of the table, long ``[row]``, without which the step is chosen by which
            its rows are judged; None for all rows that are held out of one network.

    Attributes:
        total: Float64 ``[model, target]``: the lowest score of the losses of all folds together.
        epoch: Int64 ``[model, target]``: when it was.
        progress: Int64 ``[model, target]``: when the score was last lower by more than a thousandth.
        goal: Float64 ``[model, target]``: the score that the next progress has to beat.
        without: Float64 ``[unit of a network, slot]``: the lowest score of the others of its repeat.
        answers: ``[network, held-out row, output]``: the predictions at that moment.
        weights: By epoch, the weights of the networks; none where the targets have a model each.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        members: Members,
        held_out: Tensor,
        judged: Tensor,
        n_labels: Tensor | None = None,
        *,
        own: OwnTargets | None = None,
        units: Tensor | None = None,
    ) -> None:
        self.tasks, self.members, self.own = tuple(tasks), members, own
        self.held_out, self.judged = held_out, judged
        self.places = output_slices(tasks)
        self.model_of = torch.tensor(members.models)
        pairs = [[model, repeat] for model, repeat in zip(members.models, members.repeats, strict=True)]
        self.repeat_of = torch.tensor(pairs).unique(dim=0, return_inverse=True)[1]
        n_models, n_networks, n_targets = max(members.models) + 1, len(members.folds), len(tasks)
        everywhere = judged.sum().cpu().double().expand(n_targets)
        self.n_labels = everywhere if n_labels is None else n_labels.cpu().double()
        self.n_labels = self.n_labels / (max(members.repeats) + 1)
        counts = torch.zeros(n_models, n_targets, dtype=torch.long)
        self.learns = counts.index_add_(0, self.model_of, members.learns.long()) > 0
        self.total = torch.full((n_models, n_targets), math.inf, dtype=torch.float64)
        self.epoch = torch.zeros(n_models, n_targets, dtype=torch.long)
        self.progress = torch.zeros(n_models, n_targets, dtype=torch.long)
        self.goal = torch.full((n_models, n_targets), math.inf, dtype=torch.float64)
        network = torch.arange(n_networks)[:, None].expand(held_out.shape)
        if units is None:
            self.unit_of = network
        else:
            keys = network * (int(units.max()) + 1) + units[held_out.cpu()]
            self.unit_of = keys.unique(return_inverse=True)[1]  # [network, held-out row]
        n_units = int(self.unit_of.max()) + 1
        self.network_of = torch.zeros(n_units, dtype=torch.long)
        self.network_of[self.unit_of.flatten()] = network.flatten()
        self.alone = self._alone()
        if own is None:
            self.slots = torch.where(members.learns, torch.arange(n_targets), -1)
        else:
            self.slots = own.targets.cpu().expand(n_networks, -1)
        self.without = torch.full((n_units, self.slots.shape[1]), math.inf, dtype=torch.float64)
        self.output_slot = self._output_slots()
        n_all = self.output_slot.shape[1]
        self.answers = torch.full((*held_out.shape, n_all), math.nan, device=held_out.device)
        self.weights: dict[int, dict[str, Tensor]] = {}

    def look(
        self,
        epoch: int,
        sums: Tensor,
        losses: Tensor,
        outputs: Tensor,
        weights: Callable[[], Mapping[str, Tensor]],
    ) -> None:
        """Look at the held-out rows after an epoch, and keep what is best.

        Args:
            epoch: Its index.
            sums: The held-out losses, float64 ``[network, target]``.
            losses: That of each row, ``[network, held-out row, slot]``; 0 where there is no label.
            outputs: The held-out predictions ``[network, held-out row, output]``.
            weights: Gives those of the networks, which are copied if they are to be kept.
        """
        sums = torch.where(self.members.learns, sums, 0.0)
        of_models = torch.zeros_like(self.total).index_add_(0, self.model_of, sums)
        total = self._scores(of_models, self.learns, self.n_labels)
        better = total < self.total
        self.total = torch.where(better, total, self.total)
        self.epoch = torch.where(better, epoch, self.epoch)
        further = total < self.goal
        self.goal = torch.where(further, total - _PROGRESS * (self.n_labels + PRIOR_LABELS), self.goal)
        self.progress = torch.where(further, epoch, self.progress)
        if len(total) == 1 and bool(better.any()):
            self.weights[epoch] = {name: value.clone() for name, value in weights().items()}
        for kept in set(self.weights) - set(self.epoch[0].tolist()):
            del self.weights[kept]
        slots = self.slots[self.network_of]  # [unit of a network, slot]
        n_labels = self.n_labels[slots.clamp(min=0)]
        others = self._scores(self._others(losses.cpu().double()), slots >= 0, n_labels)
        improved = (others < self.without) & (slots >= 0)
        self.without = torch.where(improved, others, self.without)
        of_outputs = improved.gather(1, self.output_slot.clamp(min=0)[self.network_of])
        of_rows = of_outputs[self.unit_of].to(outputs.device)  # [network, held-out row, output]
        self.answers = torch.where(of_rows, outputs.float(), self.answers)

    def open(self, n_done: int, *, patience: int) -> Tensor:
        """Return which targets of which networks are trained on, bool ``[network, target]``.

        Args:
            n_done: How many epochs are done.
            patience: So many epochs may pass without progress.
        """
        if not n_done:
            return self.members.learns
        stale = n_done - 1 - self.progress >= patience  # [model, target]
        return self.members.learns & ~stale[self.model_of]

    def epochs(self) -> dict[str, int]:
        """Return the epoch that each target keeps."""
        owners = enumerate(self._owners())
        return {
            task.name: int(self.epoch[model, index])
            for task, (index, model) in zip(self.tasks, owners, strict=True)
        }

    def predictions(self, n_rows: int) -> dict[str, Tensor]:
        """Return the held-out predictions by target ``[row, output]``, averaged over repeats.

        Args:
            n_rows: How many rows there are; those that judge no network have NaN.
        """
        owned: dict[int, list[Task]] = {}
        for task, model in zip(self.tasks, self._owners(), strict=True):
            owned.setdefault(model, []).append(task)
        found = {}
        for model, tasks in owned.items():
            found |= self._predictions(model, tasks, n_rows)
        return {task.name: found[task.name] for task in self.tasks}

    def state_dict(self) -> dict[str, Any]:
        """Return what the next look depends on."""
        return {name: getattr(self, name) for name in _STATE}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        for name in _STATE:
            setattr(self, name, state[name])
        self.answers = self.answers.to(self.held_out.device)

    def _owners(self) -> list[int]:
        """Return the model that learns each target."""
        first = self.members.learns.int().argmax(0).tolist()
        return [self.members.models[network] for network in first]

    def _scores(self, sums: Tensor, learns: Tensor, n_labels: Tensor) -> Tensor:
        """Return what has to be low, from sums of losses and which targets they are of: ``[..., target]``."""
        logarithms = sums.clamp(min=torch.finfo(sums.dtype).tiny).log()
        mean = (logarithms * learns).sum(1, keepdim=True) / learns.sum(1, keepdim=True).clamp(min=1)
        return torch.where(learns, n_labels * logarithms + PRIOR_LABELS * mean, math.inf)

    def _others(self, losses: Tensor) -> Tensor:
        """Sum the losses of a repeat without those of a unit, ``[unit of a network, slot]``; see `without`.

        Where there are no others they are its own.
        """
        n_units, n_slots = self.without.shape
        of_units = losses.new_zeros(n_units, n_slots)
        of_units.index_add_(0, self.unit_of.flatten(), losses.flatten(0, 1))
        of_networks = losses.new_zeros(len(self.slots), len(self.tasks))
        mine = losses.sum(1) * (self.slots >= 0)
        of_networks.scatter_add_(1, self.slots.clamp(min=0), mine)
        of_repeats = losses.new_zeros(int(self.repeat_of.max()) + 1, len(self.tasks))
        of_repeats.index_add_(0, self.repeat_of, of_networks)
        total = of_repeats[self.repeat_of].gather(1, self.slots.clamp(min=0))[self.network_of]
        return torch.where(self.alone[:, None], of_units, (total - of_units).clamp(min=_ROUNDING * total))

    def _alone(self) -> Tensor:
        """Tell of which units no other rows of the repeat are judged, bool ``[unit of a network]``."""
        judged = self.judged.cpu().long()
        of_units = judged.new_zeros(len(self.network_of))
        of_units.index_add_(0, self.unit_of.flatten(), judged.flatten())
        of_repeats = judged.new_zeros(int(self.repeat_of.max()) + 1)
        of_repeats.index_add_(0, self.repeat_of, judged.sum(1))
        return of_repeats[self.repeat_of][self.network_of] == of_units

    def _output_slots(self) -> Tensor:
        """Return the slot of every output, ``[network, output]``; -1 for padding."""
        if self.own is None:
            n_outputs = torch.tensor([task.n_outputs for task in self.tasks])
            return torch.arange(len(self.tasks)).repeat_interleave(n_outputs).expand(len(self.slots), -1)
        of_output = self.own.of_output.cpu()
        slot = (self.slots[:, None] == of_output[..., None]).int().argmax(2)  # [network, output]
        return torch.where(of_output >= 0, slot, -1)

    def _place(self, network: int, task: Task) -> slice:
        """Return where a network has the outputs of one of its targets."""
        return (
            self.places[task.name] if self.own is None else self.own.places[network][self.tasks.index(task)]
        )

    def _predictions(self, model: int, tasks: Sequence[Task], n_rows: int) -> dict[str, Tensor]:
        """Put together what the networks of a model predict for its own targets."""
        by_repeat: dict[int, dict[str, Tensor]] = {}
        for network in (self.model_of == model).nonzero().squeeze(1).tolist():
            judged = self.judged[network]
            rows = self.held_out[network][judged].cpu()
            answers = by_repeat.setdefault(
                self.members.repeats[network],
                {task.name: torch.full((n_rows, task.n_outputs), math.nan) for task in tasks},
            )
            for task in tasks:
                found = self.answers[network][judged][:, self._place(network, task)]
                answers[task.name][rows] = found.cpu().float()
        return {
            task.name: weighted_prediction(task, torch.stack([one[task.name] for one in by_repeat.values()]))
            for task in tasks
        }

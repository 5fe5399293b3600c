"""A network that learns as a brain might: its connections change while it looks at the examples."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from polytask.core import Batch, EpisodicLearner, InputError, Task
from polytask.core.batch import Inputs
from polytask.core.learner import State, States
from polytask.meta.model.plastic_layer import Modulation, PlasticityRule, PlasticLayer

__all__ = ["PlasticNetwork"]


class PlasticNetwork(EpisodicLearner):
    r"""A network of plastic layers, whose fast weights are what it knows of a task.

    In an episode the support is presented row by row, in its order. An example excites the input, its label
    the neurons of the output (which are clamped to it) and, through learned feedback connections, the hidden
    ones; after each example every connection changes by its rule (`PlasticLayer`). Queries are answered by
    the connections as they then are. There is no gradient in all this: the fixed weights, the degrees of
    plasticity and the rate of the rule are what gradient descent learns, across episodes.

    The state is the traces by layer. A row without a label changes nothing.

    Args:
        sizes: Neurons of the input, of hidden layers, and of the output.
        encoder: Maps inputs to features ``[batch, sizes[0]]``, flattened here; None flattens the inputs.
        rule: See `PlasticLayer`.
        modulation: See `PlasticLayer`.
        rate: See `PlasticLayer`.
        plastic: False makes the twin without plasticity: the same network, which then cannot learn from the
            support at all.

    Raises:
        InputError: There are fewer than two sizes, or see `PlasticLayer`. When learning: an episode has more
            than one task, or the task more outputs than the network.

    Example:
        >>> task = Task(name="name", kind="multiclass", n_outputs=2)
        >>> faces = torch.eye(2)
        >>> network = PlasticNetwork([2, 2], rate=0.5)
        >>> with torch.no_grad():
        ...     network.layers[0].plasticity.fill_(20.0)
        ...     network.layers[0].weight.zero_()
        Parameter containing:
        ...
        >>> predictor = network.adapt([task], Batch(inputs=faces, targets={"name": torch.tensor([1, 0])}))
        >>> predictor(faces)["name"].argmax(1)
        tensor([1, 0])

    When to use:
        Memory within an episode by connections that change, as in the brain; a model to study
        more than a product.

    References:
        Miconi, Clune, Stanley. Differentiable plasticity. ICML 2018, arXiv:1804.02464, section 4, clamps
        labels at a plastic output layer; feedback connections to hidden layers are an addition here.
    """

    inner_gradients = False

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        encoder: nn.Module | None = None,
        rule: PlasticityRule = "hebb",
        modulation: Modulation = "none",
        rate: float = 0.1,
        plastic: bool = True,
    ) -> None:
        if len(sizes) < 2:
            raise InputError(f"`sizes` needs the neurons of input and output at least, got {list(sizes)}.")
        super().__init__()
        self.sizes = tuple(sizes)
        self.encoder = encoder or nn.Identity()
        self.layers = nn.ModuleList(
            PlasticLayer(n_in, n_out, rule=rule, modulation=modulation, rate=rate, plastic=plastic)
            for n_in, n_out in itertools.pairwise(sizes)
        )
        self.feedback = nn.ModuleList(
            nn.Linear(sizes[-1], width, bias=False) for width in (sizes[1:-1] if plastic else [])
        )

    def learn(self, tasks: Sequence[Task], support: Batch) -> States:
        """Return the traces after the support was presented, ``[n_outputs, n_inputs]`` by layer."""
        return {self._only(tasks).name: self.history(tasks, support)[-1]}

    def predict(self, state: States, tasks: Sequence[Task], inputs: Inputs) -> dict[str, Tensor]:
        """Answer inputs ``[batch, ...]`` by the connections of a state: ``[batch, n_outputs]``."""
        task = self._only(tasks)
        activity = self._features(inputs)  # [batch, feature]
        for position, layer in enumerate(self.plastic_layers):
            activity = layer(activity, _of_layer(state[task.name], position))
            if position < len(self.layers) - 1:
                activity = activity.tanh()
        return {task.name: activity[..., : task.n_outputs]}

    def history(self, tasks: Sequence[Task], support: Batch) -> list[State]:
        """Return the state before the first example and after each one."""
        task = self._only(tasks)
        if task.name not in support.targets:
            raise InputError(f"`support` has no target of task {task.name!r}.")
        signals, present = self._signals(task, support)  # [row, n_outputs], [row]
        states = [self._begin()]
        for row, label, there in zip(self._features(support.inputs), signals, present, strict=True):
            states.append(self._presented(states[-1], row, label, there))
        return states

    def _presented(self, state: State, activity: Tensor, label: Tensor, present: Tensor) -> State:
        found: State = {}
        for position, layer in enumerate(self.plastic_layers):
            known = _of_layer(state, position)
            if position == len(self.layers) - 1:
                behind = label
            else:
                behind = layer(activity, known)
                if len(self.feedback):
                    behind = behind + self.feedback[position](label)
                behind = behind.tanh()
            changed = layer.learn(known, activity, behind, present)
            found |= {f"{position}.{name}": tensor for name, tensor in changed.items()}
            activity = behind
        return found

    def _begin(self) -> State:
        return {
            f"{position}.{name}": tensor
            for position, layer in enumerate(self.plastic_layers)
            for name, tensor in layer.begin().items()
        }

    @property
    def plastic_layers(self) -> list[PlasticLayer]:
        """The layers from input to output."""
        return [layer for layer in self.layers if isinstance(layer, PlasticLayer)]

    def _features(self, inputs: Inputs) -> Tensor:
        return self.encoder(inputs).flatten(1)

    def _signals(self, task: Task, support: Batch) -> tuple[Tensor, Tensor]:
        """Return what the output neurons are clamped to, within [-1, 1] for labels, and where one is."""
        target, mask = support.targets[task.name], support.masks.get(task.name)
        dtype = self.plastic_layers[0].weight.dtype
        if task.kind == "multiclass":
            classes = torch.arange(task.n_outputs, device=target.device)
            signals = (target.unsqueeze(1) == classes).to(dtype)
        elif task.kind == "regression":
            signals = target.reshape(len(target), -1).to(dtype)
        else:
            signals = 2 * target.reshape(len(target), -1).to(dtype) - 1
        present = torch.ones(len(target), device=target.device)
        if mask is not None:
            known = mask.reshape(len(target), -1)
            signals = torch.where(known, signals, torch.zeros_like(signals))
            present = known.any(1).float()
        return functional.pad(signals, (0, self.sizes[-1] - task.n_outputs)), present

    def _only(self, tasks: Sequence[Task]) -> Task:
        if len(tasks) != 1 or tasks[0].n_outputs > self.sizes[-1]:
            named = ", ".join(f"{task.name!r} ({task.n_outputs} outputs)" for task in tasks)
            raise InputError(
                f"This network learns one task of at most {self.sizes[-1]} outputs an episode, got {named}."
            )
        return tasks[0]


def _of_layer(state: State, position: int) -> State:
    start = f"{position}."
    return {name.removeprefix(start): t for name, t in state.items() if name.startswith(start)}

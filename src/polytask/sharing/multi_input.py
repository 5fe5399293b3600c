"""Sharing between tasks on different inputs: an encoder per task, then one trunk."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from polytask.core import InputError, Inputs, PerTask, Representation, Sharing

__all__ = ["MultiInputSharing"]


class MultiInputSharing(Sharing):
    r"""Encode each task's own inputs with its own encoder, and run one trunk on every encoding.

    .. math:: h^{t} = S(E^{t}(x^{t}))

    The encoders :math:`E^{t}` are private to their tasks and may read inputs of any size and form; the trunk
    :math:`S` is shared. With a head per task this is the network with several inputs and several softmaxes.
    A module that is the encoder of two tasks, say of the same images, is shared between them.

    Which inputs a task reads: from a mapping with tasks' names among its keys, the entry of its name; any
    other input, a tensor or a mapping of tensors, as it is. So tasks on different examples come as several
    episodes in one step, each with its own inputs, and tasks on different views of the same examples as one
    episode with an entry for each task.

    Only tasks that are asked are encoded; the trunk is run once for each of them. Batch normalization in the
    trunk sees the features of one task after the other, and its running statistics mix them. Private encoders
    stand before the shared trunk, so that there is no place where a task leaves the shared part.

    Args:
        encoders: By task name, from the task's inputs to what the trunk reads.
        trunk: From an encoding to ``[batch, feature]``; all its parameters are shared.

    Raises:
        InputError: There is no encoder; or, when run, a task has no encoder or no entry in a mapping of
            entries, or an encoder or the trunk fails on what it is given.

    References:
        Lukasz Kaiser et al., "One Model To Learn Them All", 2017, arXiv:1706.05137 (a network per modality,
        then a body for all). Deviations: an encoder per task, where the paper has one for each kind of
        input; the form of encoders and trunk is free.

    Example:
        >>> encoders = {"digits": nn.Linear(3, 8), "letters": nn.Linear(5, 8)}
        >>> sharing = MultiInputSharing(encoders, nn.Sequential(nn.ReLU(), nn.Linear(8, 4)))
        >>> sharing(torch.zeros(6, 5), ["letters"]).by_task["letters"].shape
        torch.Size([6, 4])
        >>> entries = {"digits": torch.zeros(6, 3), "letters": torch.zeros(6, 5)}
        >>> list(sharing(entries, ["digits", "letters"]).by_task)
        ['digits', 'letters']
    """

    def __init__(self, encoders: Mapping[str, nn.Module], trunk: nn.Module) -> None:
        super().__init__()
        if not encoders:
            raise InputError("`encoders` is empty; give every task one, by its name.")
        self.encoders = PerTask(encoders)
        self.trunk = trunk

    def forward(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """See `Sharing.forward`."""
        unknown = [name for name in names if name not in self.encoders]
        if unknown:
            raise InputError(
                f"`encoders` has none for {', '.join(map(repr, unknown))}; it has {', '.join(self.encoders)}."
            )
        read = self._read(inputs, names)
        return Representation(by_task={name: self._represent(name, read[name]) for name in names})

    def _read(self, inputs: Inputs, names: Sequence[str]) -> dict[str, Inputs]:
        """Return the inputs of every task asked."""
        if isinstance(inputs, Tensor) or not any(key in self.encoders for key in inputs):
            return dict.fromkeys(names, inputs)
        without = [name for name in names if name not in inputs]
        if without:
            raise InputError(
                f"The inputs have entries by task, but none for {', '.join(map(repr, without))}; they have "
                f"{', '.join(inputs)}. Add the entry, or ask the task in an episode with inputs of its own."
            )
        return {name: inputs[name] for name in names}

    def _represent(self, name: str, inputs: Inputs) -> Tensor:
        with _explained(f"The encoder of task {name!r} fails on inputs of shape", inputs):
            encoded: Tensor = self.encoders[name](inputs)  # what the trunk reads
        with _explained(f"The trunk fails on what inputs of task {name!r} are encoded to, shape", encoded):
            return self.trunk(encoded)  # [batch, feature]


@contextlib.contextmanager
def _explained(failure: str, inputs: Inputs) -> Iterator[None]:
    """Say whose inputs a module inside the block could not read."""
    try:
        yield
    except torch.OutOfMemoryError:  # a RuntimeError too, but no fault of the inputs
        raise
    except (RuntimeError, TypeError, IndexError) as error:  # torch's, for a shape, a type and an index
        raise InputError(
            f"{failure} {_shape(inputs)}: {error}. Every task needs inputs that its encoder reads, in an "
            "episode or an entry of their own, and an encoder whose output the trunk reads."
        ) from error


def _shape(inputs: Inputs) -> str:
    if isinstance(inputs, Tensor):
        return str(tuple(inputs.shape))
    return "{" + ", ".join(f"{name}: {_shape(value)}" for name, value in inputs.items()) + "}"

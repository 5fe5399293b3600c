"""Sharing between tasks on different inputs: an encoder per task, then one trunk."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from polytask.core import InputError, PerTask, Representation, Sharing
from polytask.core.batch import Inputs

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

    With ``inputs`` an encoder belongs to an input, and each task reads one or several of them, joined:

    .. math:: h^{t} = S\bigl([E^{i}(x^{i})]_{i \in I^{t}}\bigr)

    The encoder of an input that only one task reads is private to it, any other one is shared. An input is
    encoded once for all tasks that read it, and the trunk run once for all that read the same. The inputs are
    a mapping by the inputs' names; where the tasks asked read a single one, its tensor alone will do.

    Only what the tasks asked read is encoded; the trunk is run once for each of them. Batch normalization in
    the trunk sees the features of one task after the other, and its running statistics mix them. Private
    encoders stand before the shared trunk, so that there is no place where a task leaves the shared part.

    Args:
        encoders: By task name, from the task's inputs to what the trunk reads; with ``inputs`` by input name,
            from an input to ``[batch, feature, ...]``.
        trunk: From an encoding, or several of them joined along their features in the order of ``inputs``, to
            ``[batch, feature]``; all its parameters are shared.
        inputs: By task name, the names of the inputs that it reads; None where every task reads its own.

    Raises:
        InputError: There is no encoder, or ``inputs`` and ``encoders`` do not fit; or, when run, a task has
            no encoder or no entry in a mapping of entries, an encoder or the trunk fails on what it is given,
            or encodings cannot be joined.

    When to use:
        Examples of several kinds of input at once, such as a photo and numbers, of which some may
        be missing.

    References:
        Lukasz Kaiser et al., "One Model To Learn Them All", 2017, arXiv:1706.05137 (a network per modality,
        then a body for all). Deviations: without ``inputs`` an encoder per task, where the paper has one for
        each kind of input; the form of encoders and trunk is free.

    Example:
        >>> encoders = {"digits": nn.Linear(3, 8), "letters": nn.Linear(5, 8)}
        >>> sharing = MultiInputSharing(encoders, nn.Sequential(nn.ReLU(), nn.Linear(8, 4)))
        >>> sharing(torch.zeros(6, 5), ["letters"]).by_task["letters"].shape
        torch.Size([6, 4])
        >>> entries = {"digits": torch.zeros(6, 3), "letters": torch.zeros(6, 5)}
        >>> list(sharing(entries, ["digits", "letters"]).by_task)
        ['digits', 'letters']

        Two tasks that both read an image and a text:

        >>> encoders = {"image": nn.Linear(3, 8), "text": nn.Linear(5, 8)}
        >>> reads = {"topic": ["image", "text"], "color": ["image", "text"]}
        >>> sharing = MultiInputSharing(encoders, nn.Linear(8 + 8, 4), inputs=reads)
        >>> batch = {"image": torch.zeros(6, 3), "text": torch.zeros(6, 5)}
        >>> sharing(batch, ["topic", "color"]).by_task["color"].shape
        torch.Size([6, 4])
    """

    def __init__(
        self,
        encoders: Mapping[str, nn.Module],
        trunk: nn.Module,
        *,
        inputs: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__()
        if not encoders:
            raise InputError(
                "`encoders` is empty; give every task one, by its name, or with `inputs` every input."
            )
        self.by_input = inputs is not None
        if inputs is None:
            self.reads = {name: (name,) for name in encoders}
            self.encoders = PerTask(encoders)
        else:
            self.reads = {task: tuple(names) for task, names in inputs.items()}
            _check(encoders, self.reads)
            # A module that several tasks hold counts as shared, see `PerTask`.
            self.encoders = PerTask(
                {
                    task: PerTask({each: encoders[each] for each in names})
                    for task, names in self.reads.items()
                }
            )
        self.trunk = trunk

    def forward(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """See `Sharing.forward`."""
        unknown = [name for name in names if name not in self.reads]
        if unknown:
            raise InputError(
                f"`{'inputs' if self.by_input else 'encoders'}` has none for "
                f"{', '.join(map(repr, unknown))}; it has {', '.join(self.reads)}."
            )
        entries = self._entries(inputs, names)
        encoded: dict[str, Tensor] = {}  # by input
        found: dict[tuple[str, ...], Tensor] = {}  # by what is read
        for name in names:
            reads = self.reads[name]
            for each in reads:
                if each not in encoded:
                    encoded[each] = self._encoded(name, each, entries[each])
            if reads not in found:
                found[reads] = self._represented(name, [encoded[each] for each in reads])
        return Representation(by_task={name: found[self.reads[name]] for name in names})

    def _entries(self, inputs: Inputs, names: Sequence[str]) -> Mapping[str, Inputs]:
        """Return every input that the tasks asked read, by its name."""
        wanted = list(dict.fromkeys(each for name in names for each in self.reads[name]))
        if self.by_input:
            return _named(inputs, wanted)
        if isinstance(inputs, Tensor) or not any(key in self.encoders for key in inputs):
            return dict.fromkeys(wanted, inputs)
        without = [name for name in wanted if name not in inputs]
        if without:
            raise InputError(
                f"The inputs have entries by task, but none for {', '.join(map(repr, without))}; they have "
                f"{', '.join(inputs)}. Add the entry, or ask the task in an episode with inputs of its own."
            )
        return inputs

    def _encoded(self, name: str, each: str, entry: Inputs) -> Tensor:
        own = self.encoders[name]
        encoder = own[each] if self.by_input and isinstance(own, PerTask) else own
        whose = f"input {each!r}" if self.by_input else f"task {name!r}"
        with _explained(f"The encoder of {whose} fails on inputs of shape", entry):
            return encoder(entry)

    def _represented(self, name: str, pieces: Sequence[Tensor]) -> Tensor:
        joined = pieces[0] if len(pieces) == 1 else _joined(name, pieces)  # what the trunk reads
        with _explained(f"The trunk fails on what inputs of task {name!r} are encoded to, shape", joined):
            return self.trunk(joined)  # [batch, feature]


def _named(inputs: Inputs, wanted: Sequence[str]) -> Mapping[str, Inputs]:
    """Return inputs by name; a tensor stands for the only one that is wanted."""
    if isinstance(inputs, Tensor):
        if len(wanted) > 1:
            raise InputError(
                f"The tasks read {', '.join(map(repr, wanted))}, but the inputs are one tensor; give a "
                "mapping by these names."
            )
        return dict.fromkeys(wanted, inputs)
    without = [name for name in wanted if name not in inputs]
    if without:
        raise InputError(
            f"The inputs lack {', '.join(map(repr, without))}, which a task reads; they have "
            f"{', '.join(inputs)}. Add the entry, or ask tasks that read the others."
        )
    return inputs


def _joined(name: str, pieces: Sequence[Tensor]) -> Tensor:
    """Join encodings along their features."""
    beside = {(piece.shape[:1], piece.shape[2:]) for piece in pieces}
    if len(beside) > 1 or any(piece.ndim < 2 for piece in pieces):
        shapes = ", ".join(str(tuple(piece.shape)) for piece in pieces)
        raise InputError(
            f"The inputs of task {name!r} are encoded to shapes {shapes}, which cannot be joined along their "
            "features. Let their encoders give [batch, feature]."
        )
    return torch.cat(list(pieces), dim=1)


def _check(encoders: Mapping[str, nn.Module], reads: Mapping[str, Sequence[str]]) -> None:
    """Say all that keeps the inputs of tasks from fitting their encoders."""
    read = {each for names in reads.values() for each in names}
    problems = []
    for what, wrong in {
        "names no input for": [task for task, names in reads.items() if not names],
        "repeats an input for": [task for task, names in reads.items() if len(set(names)) < len(names)],
        "has inputs without an encoder:": sorted(read - set(encoders)),
        "never names the inputs of the encoders": [name for name in encoders if name not in read],
    }.items():
        if wrong:
            problems.append(f"it {what} {', '.join(map(repr, wrong))}")
    if problems:
        raise InputError("`inputs` does not fit `encoders`: " + "; ".join(problems) + ".")


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

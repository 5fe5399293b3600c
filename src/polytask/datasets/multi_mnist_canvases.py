"""Multi-MNIST: two digits on one canvas, a task for each."""

import torch
from torch import Tensor

from polytask.core import Batch, InputError, Task, generator
from polytask.data.episodes.labelled_examples import LabelledExamples
from polytask.data.steps.joint_examples import JointExamples

__all__ = ["multi_mnist"]

_SIDE = 36
_SHIFT = 8  # of the right digit, down and to the right


def multi_mnist(
    digits: LabelledExamples, n_examples: int, *, seed: int = 0, rows: Tensor | None = None
) -> JointExamples:
    """Lay digits over each other: one at the upper left, another at the lower right.

    Args:
        digits: Digits of one part of MNIST, uint8 ``[example, 1, 28, 28]``; see `mnist`.
        n_examples: How many canvases.
        seed: Decides which digits meet.
        rows: Which digits may be taken, long ``[digit]``; all by default. Parts for training, validation and
            testing must not share digits.

    Returns:
        Inputs float32 ``[canvas, 1, 36, 36]`` from 0 to 1, the brighter ink where digits overlap; tasks
        ``"left"`` and ``"right"``.

    Raises:
        InputError: ``n_examples`` is below 1, there are no two digits, or they are not 28 pixels wide.

    References:
        Sara Sabour, Nicholas Frosst, Geoffrey Hinton, "Dynamic Routing Between Capsules", NIPS 2017,
        arXiv:1710.09829; in this form Ozan Sener, Vladlen Koltun, "Multi-Task Learning as Multi-Objective
        Optimization", NeurIPS 2018, arXiv:1810.04650. Deviations: canvases are not scaled down to 28 pixels,
        and the shift is always 8.
    """
    available = torch.arange(len(digits.labels)) if rows is None else rows
    if n_examples < 1 or len(available) < 2 or digits.inputs.shape[1:] != (1, 28, 28):
        raise InputError(
            f"Multi-MNIST needs two digits of shape (1, 28, 28) and `n_examples` of 1 or more; got "
            f"{len(available)} digits of shape {tuple(digits.inputs.shape[1:])} and {n_examples}."
        )
    draw = generator(seed, "multi-mnist")
    left, right = (available[torch.randint(len(available), (n_examples,), generator=draw)] for _ in range(2))
    canvas = torch.zeros(n_examples, 1, _SIDE, _SIDE)
    for chosen, start in ((left, 0), (right, _SHIFT)):
        part = canvas[..., start : start + 28, start : start + 28]
        torch.maximum(part, digits.inputs[chosen].float() / 255, out=part)
    names = tuple("0123456789")
    tasks = tuple(
        Task(name=side, kind="multiclass", n_outputs=10, labels=names) for side in ("left", "right")
    )
    data = Batch(inputs=canvas, targets={"left": digits.labels[left], "right": digits.labels[right]})
    return JointExamples(tasks=tasks, data=data)

"""A support must show every class."""

from torch import Tensor
from torch._C._functorch import peek_interpreter_stack

from polytask.core import InputError, Task

__all__ = ["check_every_class"]


def check_every_class(task: Task, members: Tensor) -> None:
    """Check that each class has a row, of those that count for it: ``[row, class]``.

    Raises:
        InputError: A class has none.
    """
    if peek_interpreter_stack() is not None:
        return  # inside a transform such as vmap, where values cannot be looked at
    missing = (~members.any(0)).nonzero().flatten().tolist()
    if missing:
        raise InputError(
            f"`support` of task {task.name!r} needs an example of every class, but "
            f"{', '.join(map(str, missing))} have none. Lower `n_way` or raise `n_shot`."
        )

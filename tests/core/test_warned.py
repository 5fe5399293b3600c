"""Warnings point where they are told to."""

import inspect
import warnings

import pytest

from polytask.core import DataWarning
from polytask.core.warned import warn_all


def tell(*messages: str, stacklevel: int) -> None:
    warn_all(messages, stacklevel=stacklevel)


@pytest.mark.parametrize(("stacklevel", "in_caller"), [(1, False), (2, True)])
def test_each_message_is_a_warning_at_the_line_that_is_asked_for(stacklevel: int, in_caller: bool) -> None:
    source, first = inspect.getsourcelines(tell)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tell("one", "two", stacklevel=stacklevel)
    assert [(str(one.message), one.category) for one in caught] == [
        ("one", DataWarning),
        ("two", DataWarning),
    ]
    inside = range(first, first + len(source))
    assert all((one.filename, one.lineno in inside) == (__file__, not in_caller) for one in caught)

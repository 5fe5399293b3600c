"""The type of the options of a comparison names what the function takes, and nothing else."""

import inspect
from typing import get_type_hints

from polytask.compare.compare_options import CompareOptions
from polytask.compare.table_comparison import compare


def test_the_type_names_what_the_function_takes_with_the_same_types() -> None:
    parameters = inspect.signature(compare).parameters
    apart = {"table", "targets", "task_column"}
    taken = {name: one.annotation for name, one in parameters.items() if name not in apart}
    assert get_type_hints(CompareOptions) == taken

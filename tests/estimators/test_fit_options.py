"""The type of the options of a fit names what the function takes, and nothing else."""

import inspect
from typing import get_type_hints

from polytask import fit
from polytask.estimators.fit_options import FitOptions


def test_the_type_names_what_the_function_takes_with_the_same_types():
    parameters = inspect.signature(fit).parameters
    apart = {"table", "targets", "task_column", "others"}
    taken = {name: one.annotation for name, one in parameters.items() if name not in apart}
    assert get_type_hints(FitOptions) == taken

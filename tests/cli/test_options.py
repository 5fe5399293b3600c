"""Every setting of a model can be given to the command that trains it, by the same name."""

import inspect
from collections.abc import Callable
from dataclasses import fields

import pytest

from polytask.cli.fit import fit
from polytask.cli.learn import learn
from polytask.models.few_shot_config import FewShotConfig
from polytask.models.table_config import TableConfig

OTHERWISE = {"episodes": "episodes_per_step", "images": "channels"}
"""Setting -> option, where an option says more clearly what is meant; that of images has several."""


@pytest.mark.parametrize(("command", "config"), [(fit, TableConfig), (learn, FewShotConfig)])
def test_every_setting_is_an_option(command: Callable[..., None], config: type) -> None:
    options = inspect.signature(command).parameters
    assert not [
        name
        for entry in fields(config)
        if (name := entry.name) not in options and OTHERWISE.get(name) not in options
    ]

"""Every setting of a model can be typed where it is trained; common options are the same everywhere."""

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
import typer

from polytask.cli import app
from polytask.cli.fit import fit
from polytask.cli.learn import learn
from polytask.models.few_shot_config import FewShotConfig
from polytask.models.table_config import TableConfig

OTHERWISE = {"episodes": "episodes_per_step", "images": "channels"}
"""Setting -> option, where an option says more clearly what is meant; that of images has several."""

COMMANDS: dict[str, Any] = vars(typer.main.get_command(app))["commands"]

COMMON = {
    "as_json": {"--json"},
    "quiet": {"-q", "--quiet"},
    "output": {"-o", "--output"},
    "seed": {"--seed"},
    "config": {"--config"},
    "dry_run": {"--dry-run"},
    "resume_folder": {"--resume-folder"},
    "accelerator": {"--accelerator"},
}
"""Setting -> how it is typed, in every command that has it."""

AT_ONCE = {"card", "info", "methods", "report", "serve"}
"""Commands that show no progress, as they are done at once or say all they do."""

WITHOUT_A_RESULT = {"serve"}


@pytest.mark.parametrize(("command", "config"), [(fit, TableConfig), (learn, FewShotConfig)])
def test_every_setting_is_an_option(command: Callable[..., None], config: type) -> None:
    options = inspect.signature(command).parameters
    assert not [
        name
        for entry in fields(config)
        if (name := entry.name) not in options and OTHERWISE.get(name) not in options
    ]


@pytest.mark.parametrize("name", COMMANDS)
def test_common_options_are_typed_the_same_everywhere(name: str) -> None:
    settings = {typed: one for one, words in COMMON.items() for typed in words}
    for parameter in COMMANDS[name].params:
        if parameter.param_type_name == "option":
            typed = {*parameter.opts, *parameter.secondary_opts}
            assert typed == COMMON.get(parameter.name, typed)
            assert {settings.get(word, parameter.name) for word in typed} == {parameter.name}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_takes_its_time_can_be_quiet_and_every_result_can_be_json(name: str) -> None:
    settings = {parameter.name for parameter in COMMANDS[name].params}
    assert ("quiet" in settings) == (name not in AT_ONCE)
    assert ("as_json" in settings) == (name not in WITHOUT_A_RESULT)

"""``polytask serve``: every limit is an option, and the guide names what there is."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from polytask.cli import app

settings = pytest.importorskip("polytask.serve.settings")
command = pytest.importorskip("polytask.serve.command")

GUIDE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
SERVE = typer.main.get_command(app).commands["serve"]  # pyright: ignore[reportAttributeAccessIssue]
OPTIONS = {option for parameter in SERVE.params for option in parameter.opts if option.startswith("--")}
CALLED = {"classes": "--max-classes", "models": "--max-models", "patience": "--wait"}
LIMITS = {
    one.name: CALLED.get(one.name, f"--{one.name.replace('_', '-')}") for one in fields(settings.Limits)
}


@pytest.fixture
def started(monkeypatch) -> dict[str, Any]:
    """What a service would be started with."""
    told: dict[str, Any] = {}
    monkeypatch.setattr(command, "run_service", lambda models, **given: told.update(given, models=models))
    return told


def test_every_limit_is_an_option_and_arrives(started: dict[str, Any]):
    words = [word for option in LIMITS.values() for word in (option, "7")]
    ended = CliRunner().invoke(app, ["serve", "a", "b=c", *words])
    assert ended.exit_code == 0, ended.output
    assert started["models"] == ["a", "b=c"]
    assert started["limits"] == dict.fromkeys(LIMITS, 7)
    settings.Limits(**{name: int(value) for name, value in started["limits"].items()})


def test_what_is_not_typed_is_left_to_the_service(started: dict[str, Any]):
    assert CliRunner().invoke(app, ["serve"]).exit_code == 0
    assert started["limits"] == {}
    assert (started["host"], started["store"], started["no_token"]) == ("127.0.0.1", None, False)


def test_the_guide_has_every_limit_and_nothing_that_is_no_option():
    assert not {option for option in LIMITS.values() if f"`{option}`" not in GUIDE}
    assert not set(re.findall(r"`(--[a-z-]+)`", GUIDE)) - OPTIONS


@pytest.mark.parametrize(
    ("option", "name"), [(option, name) for name, option in LIMITS.items() if option != "--text"]
)
def test_the_help_and_the_guide_state_the_default(option: str, name: str):
    default = getattr(settings.Limits(), name)
    stated = f"{default:,}" if isinstance(default, int) else f"{default:g}"
    (text,) = [parameter.help for parameter in SERVE.params if option in parameter.opts]
    assert f"({stated})" in text
    (row,) = [line for line in GUIDE.splitlines() if line.startswith("|") and f"`{option}`" in line]
    assert re.search(rf"(?<![\d,]){stated}(?![\d,]\d)", row), row

"""The shell completes values of options, quickly and for every command."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.completion import get_completion_script
from typer.main import get_command
from typer.testing import CliRunner

from polytask.architectures import architecture_names
from polytask.cli import app
from polytask.cli.completion import candidates, models, sources, targets
from polytask.datasets.registry import DATASETS

COMMANDS = get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]
HEAVY = ("torch", "numpy", "pandas", "sklearn", "scipy", "matplotlib", "safetensors", "lightning_fabric")


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("model-a", "model-b", "images", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "model-a" / "model.json").write_text("{}")
    (tmp_path / "model-b" / "plan.json").write_text("{}")
    (tmp_path / "table.csv").write_text("a,b\n")
    return tmp_path


def asked(words: list[str], shell: str) -> dict[str, str]:
    """Return what the shell sets when it asks for the last word."""
    words = ["polytask", *words]
    return {"_POLYTASK_COMPLETE": f"complete_{shell}"} | {
        "bash": {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": " ".join(words)},
    }[shell]


def completions(*words: str) -> list[str]:
    """Ask as bash does, in this process."""
    return CliRunner().invoke(app, env=asked([*words], "bash"), prog_name="polytask").stdout.split()


@pytest.mark.parametrize(
    ("command", "typed", "incomplete", "expected"),
    [
        ("fit", ["t.csv", "--architecture"], "mm", ["mmoe"]),
        ("fit", ["t.csv", "--balancing"], "pcg", ["pcgrad"]),
        ("fit", ["--precision"], "bf", ["bf16-mixed", "bf16-true"]),
        ("fit", ["--accelerator"], "c", ["cpu", "cuda"]),
        ("fit", ["t.csv", "--target"], "age:r", ["age:regression"]),
        ("compare", ["--candidate"], "joint:hard+pcg", ["joint:hard+pcgrad"]),
        ("compare", ["--candidate"], "joint:mm", ["joint:mmoe"]),
        ("learn", ["glyphs", "--learner"], "proto", ["prototypes", "proto-maml"]),
        ("learn", ["glyphs", "--ground"], "", ["dark", "light"]),
        ("learn", [], "g", ["glyphs"]),
        ("datasets", [], "f", ["fetch"]),
        ("datasets", ["fetch"], "omni", ["omniglot"]),
        ("predict", [], "model", ["model-a", "model-b"]),
        ("info", [], "", ["model-a", "model-b"]),
        ("adapt", [], "im", ["images"]),
    ],
)
def test_values_are_offered(here, command, typed, incomplete, expected):
    assert completions(command, *typed, incomplete) == expected


def test_all_names_of_the_catalogues_are_offered():
    assert completions("fit", "--architecture", "") == list(architecture_names())
    assert completions("datasets", "fetch", "") == list(DATASETS)
    assert {"linear", "single:tabm", "joint:hard"} <= set(candidates(""))


def test_every_option_with_names_has_them_offered():
    """An option that takes one of a catalogue's names is found by its text."""
    named = {"architecture", "balancing", "learner", "candidate", "accelerator", "precision", "source"}
    for name, command in COMMANDS.items():
        for one in command.params:
            if one.name in named or (one.name == "model" and one.param_type_name == "argument"):
                assert one._custom_shell_complete is not None, (name, one.name)


def test_folders_are_found_below_others_and_at_home(here, monkeypatch):
    (here / "deep" / "model-c").mkdir(parents=True)
    (here / "deep" / "model-c" / "model.json").write_text("{}")
    assert models("deep/mo") == ["deep/model-c"]
    assert models(f"{here}/deep/") == [f"{here}/deep/model-c"]
    monkeypatch.setenv("HOME", str(here))
    assert models("~/model-a") == ["~/model-a"]
    assert models("nowhere/x") == [] and models(".h") == [".hidden"]
    assert sources("im") == ["glyphs", "omniglot", "images"] and targets("age") == []


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_protocol_of_a_shell_is_answered_without_anything_heavy(here, shell):
    lines = (
        ["fit", "--balancing", "pcg"],
        ["predict", "model-"],
        ["learn", "glyphs", "--learner", "proto"],
        ["compare", "--candidate", "lin"],
        ["datasets", "fetch", "omni"],
    )
    code = f"""
import sys
from typer.testing import CliRunner
from polytask.cli import app
for line, env in {[(line, asked(line, shell)) for line in lines]!r}:
    assert line[-1] in CliRunner().invoke(app, env=env, prog_name="polytask").stdout, line
assert not [name for name in {HEAVY!r} if name in sys.modules]
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_shown_and_asks_this_command(shell):
    script = get_completion_script(prog_name="polytask", complete_var="_POLYTASK_COMPLETE", shell=shell)
    assert f"_POLYTASK_COMPLETE=complete_{shell}" in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_by_its_script(here):
    script = get_completion_script(prog_name="polytask", complete_var="_POLYTASK_COMPLETE", shell="bash")
    wrapper = here / "polytask"
    wrapper.write_text(f"#!{sys.executable}\nfrom polytask.cli import main\nmain()\n")
    wrapper.chmod(0o755)
    typed = "COMP_WORDS=(polytask fit t.csv --architecture mm); COMP_CWORD=4"
    shown = '_polytask_completion polytask; echo "${COMPREPLY[@]}"'
    ended = subprocess.run(
        ["bash", "-c", f"{script}\n{typed}; {shown}"],
        env={**os.environ, "PATH": f"{here}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert ended.stdout.strip() == "mmoe", ended.stderr


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
def test_zsh_takes_its_script():
    script = get_completion_script(prog_name="polytask", complete_var="_POLYTASK_COMPLETE", shell="zsh")
    ended = subprocess.run(
        ["zsh", "-fc", f"autoload -U compinit; compinit -u -D; {script}\nwhence -w _polytask_completion"],
        capture_output=True,
        text=True,
    )
    assert "_polytask_completion: function" in ended.stdout, ended.stderr

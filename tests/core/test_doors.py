"""A remedy names what exists at the door where it is read: in Python, or at the command."""

import ast
import re
from dataclasses import fields
from functools import cache
from inspect import signature
from pathlib import Path

import pytest
import typer

import polytask
from polytask.cli import app
from polytask.cli.failures import as_options
from polytask.core.doors import at_the_command, at_the_estimator, by_door
from polytask.estimators import FewShotEstimator, MultiTaskEstimator, adapt, fit, learn, update
from polytask.estimators.learn_prior import learn_prior
from polytask.estimators.task_learning import task_learning
from polytask.models import FewShotClassifier, TableModel, TaskTableModel
from polytask.models.few_shot_config import FewShotConfig
from polytask.models.table_config import TableConfig

ROOT = Path(polytask.__file__).parent
COMMANDS = typer.main.get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]

# What the command hands on to: here every name in backticks is an option, or a word of Python that is met by
# nothing but what no command can give, such as images in memory.
OF_ESTIMATORS = [ROOT / "estimators" / "labelled_table.py", *(ROOT / "estimators").glob("*_estimator.py")]
REACHED = [
    *sorted(
        path
        for room in ("estimators", "fitting", "models")
        for path in (ROOT / room).glob("*.py")
        if path not in OF_ESTIMATORS
    ),
    *(ROOT / "data" / "tables" / f"{name}.py" for name in ("column", "delimited", "features", "targets")),
    *(ROOT / "data" / "tables" / f"{name}.py" for name in ("feature_fitting", "table_file")),
    *(ROOT / "data" / "tables" / f"{name}.py" for name in ("target_labels", "target_column")),
    *(ROOT / "data" / "examples").glob("*.py"),
    *(ROOT / "data" / "images" / f"{name}.py" for name in ("image_paths", "class_folders", "picture")),
    ROOT / "datasets" / "omniglot_drawings.py",
    *(ROOT / "report" / f"{name}.py" for name in ("console", "page")),
    *(ROOT / "demo").glob("*.py"),
]
SETTINGS = {*signature(fit).parameters, *signature(learn).parameters, *signature(adapt).parameters}
SETTINGS |= {
    *signature(FewShotClassifier.predict).parameters,
    *signature(FewShotClassifier.suggest).parameters,
}
SETTINGS |= set(signature(TableModel.importance).parameters)
SETTINGS |= set(signature(TableModel.predict).parameters) | set(signature(TaskTableModel.adapt).parameters)
SETTINGS |= {*signature(TaskTableModel.predict).parameters, *signature(learn_prior).parameters}
SETTINGS |= {*signature(update).parameters, *signature(task_learning).parameters}
SETTINGS |= {field.name for config in (TableConfig, FewShotConfig) for field in fields(config)}
TAKEN = {
    *signature(MultiTaskEstimator).parameters,
    *signature(MultiTaskEstimator.fit).parameters,
    *signature(FewShotEstimator).parameters,
    *("adapt", "y"),
}
PYTHON_ONLY = {"with_encoder", "adapt", "images", "labels", "predict", "split", "part", "fit", "learn"}


@cache
def texts(path: Path) -> list[tuple[str, str]]:
    """Return the strings of a file that are no docstrings, with the door that they are for: "" for both."""
    tree = ast.parse(path.read_text())
    skipped, found = set(), []
    doors: dict[ast.AST, str] = {}
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            doors[child] = doors.get(node, "")
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(node.value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "by_door":
            doors |= {keyword: keyword.arg or "" for keyword in node.keywords}
        if isinstance(node, ast.JoinedStr):
            skipped |= {part for part in node.values if isinstance(part, ast.Constant)}
            found.append(("".join(_written(part) for part in node.values), doors.get(node, "")))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in skipped:
            found.append((node.value, doors.get(node, "")))
    return found


def _written(part: ast.expr) -> str:
    return part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "{}"


def typed(text: str) -> str:
    """Write a message as the command does, whichever of them is at work."""
    for name, command in COMMANDS.items():
        text = as_options(text, command, {other: c for other, c in COMMANDS.items() if other != name})
    return text


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_outside_the_command_nothing_names_what_is_typed_but_for_those_who_type(path):
    if (ROOT / "cli") in path.parents:
        return
    for text, door in texts(path):
        if door != "command":
            typed_there = (
                r"(?<![\w-])--(?!hash=sha256)[a-z][a-z-]+|polytask (fit|learn|adapt|predict|methods)\b"
            )
            named = re.search(typed_there, text)  # but for a hash, which pip reads in a file
            assert named is None, text


@pytest.mark.parametrize("path", REACHED, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_reaches_the_command_names_what_can_be_typed(path):
    for text, door in texts(path):
        if door not in ("python", "estimator") and re.search(r"`|\.of_classes|data frame categorical", text):
            left = set(re.findall(r"`([a-z_]+)(?:=[^`]*)?`", typed(text))) - PYTHON_ONLY
            assert not left, text
            assert not re.search(r"`polytask\.|\.of_classes|data frame categorical", typed(text)), text


@pytest.mark.parametrize("path", REACHED, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_reaches_the_command_names_what_python_has_too(path):
    for text, door in texts(path):
        if door not in ("command", "estimator"):
            assert set(re.findall(r"`([a-z_]+)(?:=[^`]*)?`", text)) <= SETTINGS | PYTHON_ONLY, text


@pytest.mark.parametrize("path", OF_ESTIMATORS, ids=lambda path: path.stem)
def test_an_estimator_names_what_it_takes(path):
    for text, _ in texts(path):
        assert set(re.findall(r"`([a-z_]+)(?:=[^`]*)?`", text)) <= TAKEN, text


def test_a_choice_of_words_is_that_of_the_door():
    assert by_door(python="p", command="c", estimator="e") == "p"
    with at_the_command():
        assert by_door(python="p", command="c", estimator="e") == "c"
        with pytest.raises(KeyError), at_the_command():
            raise KeyError
        assert by_door(python="p", command="c") == "c"
    with at_the_estimator():
        assert by_door(python="p", command="c", estimator="e") == "e"
        assert by_door(python="p", command="c") == "p"
    assert by_door(python="p", command="c") == "p"


def test_functions_of_python_are_written_as_commands():
    text = "Use `polytask.fit`, `polytask.learn` or `FewShotModel.adapt`."
    assert as_options(text, COMMANDS["fit"]) == "Use `polytask fit`, `polytask learn` or `polytask adapt`."


@pytest.mark.parametrize(
    ("value", "typed"),
    [
        ("sign up date", "--item-column 'sign up date'"),
        ("size (cm)", "--item-column 'size (cm)'"),
        ("it's", "--item-column 'it'\"'\"'s'"),
        ("text", "--item-column text"),
    ],
)
def test_a_suggested_value_is_quoted_for_the_shell(value: str, typed: str):
    assert as_options(f"Name it: `item_column={value!r}`.", COMMANDS["adapt"]) == f"Name it: {typed}."


def test_a_suggested_number_is_not_quoted():
    assert as_options("`learning_rate=0.001`", COMMANDS["fit"]) == "--learning-rate 0.001"

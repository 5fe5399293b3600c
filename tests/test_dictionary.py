"""One word, one meaning: public names, parameters and options keep to the glossary of CONTRIBUTING."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import polytask

PACKAGE = Path(polytask.__file__).parent

BANNED = {
    "alone": "baseline, or `single`",
    "answer": "prediction, output or label",
    "checkpoint": "resume folder; or recomputation",
    "criterion": "objective; or rule",
    "figure": "metric; a picture is a plot",
    "floor": "baseline; or minimum",
    "memory": "memory budget, optimizer state or replay buffer",
    "place": "index",
    "policy": "only in reinforcement learning",
    "position": "index",
    "separate": "baseline",
    "weighting": "balancing, balancer; weights",
}
"""Word (in the singular) -> what to say."""

WELL_KNOWN = {
    "--checkpoint": "an option of before, taken with a warning for one release",
    "checkpoint": "the file of a run's state",
    "load_checkpoint": "reads that file",
    "save_checkpoint": "writes that file",
    "CoVWeighting": "the method's name in its paper",
    "RevisedUncertaintyWeighting": "the method's name in its paper",
    "SoftUncertaintyWeighting": "the method's name in its paper",
    "UncertaintyWeighting": "the method's name in its paper",
    "cov_weighting": "the method's name in its paper",
    "weighting": "what TorchJD calls the object that is wrapped",
    "LRUAMemory": "MANN has a memory, in its paper and everywhere",
    "lrua_memory": "MANN has a memory, in its paper and everywhere",
}
"""Names that stay, whatever the dictionary says, and why."""

BANNED_VALUES = {("execution/", "each"): "loop, vmap, forward, chunked, compiled or auto"}
"""Rooms and values of options -> what to say; the engine `exact` keeps its name, which resumed runs hold."""


VALUE = "value of an option"


def words(name: str) -> list[str]:
    """Split a name at underscores, dashes and capitals; plurals lose their s."""
    parts = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3_\2\4", name)
    return [
        part[:-1] if part.endswith("s") and not part.endswith("ss") else part
        for part in re.split(r"[_\-./]+", parts.lower())
        if part
    ]


@cache
def public_names(file: Path) -> tuple[tuple[str, str], ...]:
    """Return what a file promises: its name, and public definitions, parameters, fields and options."""
    return tuple(promised(file))


def promised(file: Path) -> Iterator[tuple[str, str]]:
    yield file.stem, "file"
    source = file.read_text()
    tree = ast.parse(source)
    yield from definitions(tree.body, "")
    for node in ast.walk(tree) if "Literal" in source or file.parent.name == "cli" else ():
        is_literal = (
            isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Name)
            and node.value.id == "Literal"
        )
        if is_literal or (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and file.parent.name == "cli"
        ):
            for leaf in ast.walk(node):
                text = leaf.value if isinstance(leaf, ast.Constant) else None
                if isinstance(text, str) and (is_literal or re.fullmatch(r"--[a-z-]+", text)):
                    yield text, VALUE if is_literal else "option"


def definitions(body: list[ast.stmt], owner: str) -> Iterator[tuple[str, str]]:
    """Yield public functions, classes, methods and fields, and their parameters."""
    for node in body:
        if isinstance(node, ast.FunctionDef) and (node.name == "__init__" or not node.name.startswith("_")):
            yield node.name, f"{owner}{node.name}"
            arguments = node.args
            for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
                yield argument.arg, f"{owner}{node.name}({argument.arg})"
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, f"{owner}{node.name}"
            yield from definitions(node.body, f"{owner}{node.name}.")
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and owner:
            yield from [(name, owner + name) for name in [node.target.id] if not name.startswith("_")]


def banned(file: Path) -> list[str]:
    """Return what a file says in words that mean something else here."""
    path, found = file.relative_to(PACKAGE).as_posix(), []
    for name, where in public_names(file):
        for word in words(name) if name not in WELL_KNOWN else ():
            if (
                word in BANNED
                and not (word == "memory" and "memory_" in name)
                and not (word == "policy" and path.startswith("rl/"))
            ):
                found.append(f"{path}, {where}: not `{word}` but {BANNED[word]}")
        for (room, value), better in BANNED_VALUES.items():
            if name == value and path.startswith(room) and where == VALUE:
                found.append(f"{path}, {where}: not {value!r} but {better}")
    return found


def test_public_names_parameters_and_options_use_one_word_for_one_thing() -> None:
    found = [text for file in sorted(PACKAGE.rglob("*.py")) for text in banned(file)]
    assert not found, "\n".join(found)


def test_every_name_that_stays_is_still_there() -> None:
    promised = {name for file in PACKAGE.rglob("*.py") for name, _ in public_names(file)}
    assert not WELL_KNOWN.keys() - promised


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("MAMLPolicy", ["maml", "policy"]),
        ("check_answers", ["check", "answer"]),
        ("--resume-folder", ["resume", "folder"]),
        ("LRUAMemory", ["lrua", "memory"]),
    ],
)
def test_a_name_is_read_word_by_word(name: str, parts: list[str]) -> None:
    assert words(name) == parts

"""Every sentence with which the service refuses something is known in Chinese, with the same parts."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.serve.page.browser import page_files

SERVICE = page_files().parent
LIBRARY = SERVICE.parent
OF_LIBRARY = json.loads((page_files() / "errors.zh.json").read_text(encoding="utf-8"))
SENTENCES = json.loads((page_files() / "refusals.zh.json").read_text(encoding="utf-8")) | OF_LIBRARY
_SLOT = re.compile(r"\{\d+\}")
_END = re.compile(r"(?<=[.!?)'\"]) (?=[A-Z`])")
"""Where one sentence ends and another begins, as the service parts them."""

_END_AT_SLOT = re.compile(r"(?<=[.!?)'\"]) (?=[A-Z`{])|(?<=\}) (?=Or )")
"""The same where what is filled in may be a sentence."""

HEARD = (
    *(f"data/tables/{name}" for name in ("targets", "column", "header")),
    *(f"data/examples/{name}" for name in ("labels", "sounds", "texts", "vectors")),
    *(f"fitting/{name}" for name in ("table_columns", "table_preparation", "task_table_fit")),
    "core/settings",
)
"""Modules that read what people send from the page: whatever they say is known in Chinese."""

NO_SENTENCES = {
    "there is no setting `{0}`",  # of a function in Python
}


def form(node: ast.AST) -> str | None:
    """Return a text of the code with numbered places for what is filled in; None where it is computed."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return None
    parts, filled = [], 0
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        else:
            parts.append(f"{{{filled}}}")
            filled += 1
    return "".join(parts)


def counted_anew(sentence: str) -> str:
    """Number the places of a sentence from 0."""
    slots: dict[str, str] = {}
    return _SLOT.sub(lambda match: slots.setdefault(match[0], f"{{{len(slots)}}}"), sentence)


def trees(folder: Path) -> Iterator[tuple[Path, ast.Module]]:
    for file in sorted(folder.rglob("*.py")):
        yield file, ast.parse(file.read_text(encoding="utf-8"))


def texts(tree: ast.Module) -> Iterator[str]:
    """Give all texts of a module but for its docstrings; a part of a text is none of its own."""
    left_out: set[int] = set()
    for node in ast.walk(tree):  # what is in another one comes after it
        if isinstance(node, ast.JoinedStr):
            left_out.update(map(id, node.values))
        elif isinstance(node, ast.Expr):
            left_out.add(id(node.value))
        found = None if id(node) in left_out else form(node)
        if found is not None:
            yield found


def is_sentence(text: str) -> bool:
    return re.fullmatch(r"[A-Z{`'].*[a-z]{2} .*[.?]", text, re.DOTALL) is not None


def said_by_the_service() -> set[str]:
    """Every text in the code of the service that is a sentence or several, whatever is made of it."""
    found: set[str] = set()
    for file, tree in trees(SERVICE):
        if file.name in ("command.py", "docs_page.py", "examples.py", "forms.py", "app.py", "page_routes.py"):
            continue  # what is typed and documented; the framework's own words
        for text in texts(tree):
            found |= {counted_anew(one) for one in _END.split(text) if is_sentence(text) and is_sentence(one)}
    return found


def refused_in_words() -> set[str]:
    """What is wrong and how to mend it, of every refusal in the code, but for what is computed."""
    found: set[str] = set()
    for _, tree in trees(SERVICE):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refused":
                given = [*node.args[1:2], *(one.value for one in node.keywords if one.arg == "remedy")]
                found |= {one for one in map(form, given) if one and re.search("[a-z]", _SLOT.sub("", one))}
    return found


def test_every_refusal_is_known_in_chinese() -> None:
    said = refused_in_words()
    assert len(said) > 100
    assert said - set(SENTENCES) == set()


def test_so_is_every_other_sentence_that_the_service_sends() -> None:
    assert said_by_the_service() - set(SENTENCES) - NOT_SENT == set()


NOT_SENT = {
    "Changes of models, by what was done.",  # of counters
    "Models that are served.",
    "Requests by method, route and status.",
    "Requests that are open.",
    "Requests that were refused, by status.",
    "Rows and examples that were predicted.",
    "Seconds until the answer began.",
    "Fitting the penguins, which takes up to a minute.",  # at the terminal
    "`{0}` must be {1} {2}, got {3}.",  # of limits that are typed
    "The environment variable {0} is not set.",
    "Start the service anew.",
    "The environment variable {0} is empty.",
    "Set it to a long random text.",
    "{0} is damaged ({1}).",  # for the log
    "Remove its folder.",
    "Predict with saved models, and make new ones of a few labelled examples.",
}


def said_by_the_library() -> set[str]:
    """The sentences of all texts of the library, as the service parts them; without the last full stop."""
    found: set[str] = set()
    for file, tree in trees(LIBRARY):
        if not file.is_relative_to(SERVICE):
            for text in texts(tree):
                for end in (_END, _END_AT_SLOT):
                    found |= {counted_anew(one).removesuffix(".") for one in end.split(text)}
    return found


def test_sentences_of_the_library_are_as_it_says_them() -> None:
    assert len(OF_LIBRARY) > 200
    assert {one.removesuffix(".") for one in OF_LIBRARY} - said_by_the_library() - COMPOSED == set()


COMPOSED = {
    "Target {0}",
    "Column {0}",
    "The table has no column {0}, which tells the task of a row; {1}",
    "Write numbers with a decimal point and leave unknown ones empty",
    "Write numbers like those in training, in {0} and leave unknown ones empty",
    "Write times as 2024-03-31 or 2024-03-31 12:30 and leave unknown ones empty",
}
"""What the library puts together of parts; a test of the page has each as it is said."""


@pytest.mark.parametrize("module", HEARD)
def test_every_error_of_what_people_send_is_known_in_chinese(module: str) -> None:
    known = {one.removesuffix(".") for one in SENTENCES}
    tree = ast.parse((LIBRARY / f"{module}.py").read_text(encoding="utf-8"))
    said: set[str] = set()
    for node in ast.walk(tree):
        raised = isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
        collected = isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "append"
        call = getattr(node, "exc", None) if raised else node if collected else None
        text = form(call.args[0]) if isinstance(call, ast.Call) and call.args else None
        if text is not None and re.search("[a-z]{2} [a-z]", _SLOT.sub("", text)):
            said |= {counted_anew(one).removesuffix(".") for one in _END_AT_SLOT.split(text)}
    assert said
    assert {one for one in said if re.search("[a-z]", _SLOT.sub("", one))} - known - NO_SENTENCES == set()


@pytest.mark.parametrize("english", SENTENCES)
def test_a_sentence_is_chinese_and_has_the_same_parts(english: str) -> None:
    assert re.search(r"[\u4e00-\u9fff]", SENTENCES[english])
    assert set(_SLOT.findall(SENTENCES[english])) <= set(_SLOT.findall(english))

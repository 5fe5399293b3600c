"""Every sentence with which the service refuses something is known in Chinese, with the same parts."""

import ast
import json
import re

import pytest
from tests.serve.page.browser import page_files

SERVICE = page_files().parent
SENTENCES = json.loads((page_files() / "refusals.zh.json").read_text(encoding="utf-8"))
_SLOT = re.compile(r"\{\d+\}")


def form(node: ast.expr) -> str | None:
    """Return a sentence of the code with numbered places for what is filled in; None where it is computed."""
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


def said_by_the_service() -> set[str]:
    """What is wrong and how to mend it, of every refusal in the code, but for what is computed."""
    found: set[str] = set()
    for file in SERVICE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refused":
                given = [*node.args[1:2], *(one.value for one in node.keywords if one.arg == "remedy")]
                found |= {one for one in map(form, given) if one and re.search("[a-z]", _SLOT.sub("", one))}
    return found


def test_every_refusal_is_known_in_chinese() -> None:
    said = said_by_the_service()
    assert len(said) > 100
    assert said - set(SENTENCES) == set()


def said_by_the_library() -> set[str]:
    """The sentences of all errors that the library raises, as the service parts them."""
    found: set[str] = set()
    for file in SERVICE.parent.rglob("*.py"):
        if file.is_relative_to(SERVICE):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                for sentence in re.split(r"(?<=[.!?)'\"]) (?=[A-Z`])", form(node.exc.args[0]) or ""):
                    slots = {slot: f"{{{index}}}" for index, slot in enumerate(_SLOT.findall(sentence))}
                    found.add(_SLOT.sub(lambda match, slots=slots: slots[match[0]], sentence))
    return found


def test_sentences_of_the_library_which_stand_last_are_as_it_says_them() -> None:
    sentences = list(SENTENCES)
    last = sentences[sentences.index("{0} is the last example of class {1}.") :]
    assert len(last) > 20
    assert set(last) - said_by_the_library() == set()


@pytest.mark.parametrize("english", SENTENCES)
def test_a_sentence_is_chinese_and_has_the_same_parts(english: str) -> None:
    assert re.search(r"[\u4e00-\u9fff]", SENTENCES[english])
    assert set(_SLOT.findall(SENTENCES[english])) <= set(_SLOT.findall(english))

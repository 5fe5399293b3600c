"""The page speaks English and Chinese, all of it, and shows what others wrote as text, never as markup."""

import json
import re
from collections.abc import Mapping

import pytest
from tests.serve.page.browser import page_files

PAGE = page_files()
SCRIPTS = {file.name: file.read_text(encoding="utf-8") for file in sorted(PAGE.glob("*.js"))}
_WORD = re.compile(r"\{(\w+)\}")
_CALLED = re.compile(
    r"""\b(?:t|counted|known)\(\s*(?:[^"`()]*\?\s*)?["`]([^"`]*)["`](?:\s*:\s*["`]([^"`]*)["`])?"""
)
_PASSED = re.compile(r'(?:step|after)\("([^"]+)"|teachKey *[:=] *"([^"]+)"')
_COUNTED = re.compile(r"""\bcounted\("([^"]+)\"""")


def words(language: str) -> Mapping[str, str]:
    return json.loads((PAGE / f"words.{language}.json").read_text(encoding="utf-8"))


def called() -> set[str]:
    """Keys in the scripts; what is computed in one is written ``*``."""
    found: set[str] = set()
    for name, text in SCRIPTS.items():
        if name == "words.js":  # which defines these functions
            continue
        for pattern in (_CALLED, _PASSED):
            found |= {re.sub(r"\$\{.*", "*", key) for keys in pattern.findall(text) for key in keys if key}
        for key in _COUNTED.findall(text):
            found = (found - {key}) | {f"{key}.one", f"{key}.many"}
    return found


def test_both_languages_have_the_same_texts() -> None:
    assert list(words("en")) == list(words("zh"))


@pytest.mark.parametrize("key", words("en"))
def test_a_text_is_filled_in_with_the_same_words_in_both_languages(key: str) -> None:
    english, chinese = words("en")[key], words("zh")[key]
    assert english.strip() and chinese.strip()
    assert set(_WORD.findall(english)) == set(_WORD.findall(chinese))


def test_chinese_texts_are_chinese() -> None:
    same = {key for key, text in words("zh").items() if not re.search(r"[\u4e00-\u9fff]", text)}
    assert same == {"language.other", "metric.f1", "table.penguins.name"}


def test_every_text_in_use_is_there_and_every_text_there_is_in_use() -> None:
    texts, used = set(words("en")), called()
    exact = {key for key in used if "*" not in key}
    open_ones = tuple(key.partition("*")[0] for key in used - exact)
    assert exact - texts == set()
    assert "" not in open_ones
    assert all(any(key.startswith(start) for key in texts) for start in open_ones)
    assert {key for key in texts - exact if not key.startswith(open_ones)} == set()


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_writes_markup_or_looks_beyond_the_service(name: str) -> None:
    text = SCRIPTS[name]
    markup = (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "DOMParser",
        "eval(",
        "Function(",
    )
    assert [word for word in markup if word in text] == []
    assert [one for one in re.findall(r"https?://[^\s\"'`]+", text) if "www.w3.org/2000/svg" not in one] == []


def test_the_page_has_no_script_and_no_style_of_its_own_inside() -> None:
    text = (PAGE / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert re.findall(r"<style|\bstyle=|\bon\w+=|https?://", text) == []


@pytest.mark.parametrize("file", sorted(PAGE.iterdir()), ids=lambda file: file.name)
def test_files_of_the_page_are_short(file: object) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) < 350  # type: ignore[attr-defined]


def test_every_script_is_reached_from_the_page() -> None:
    reached, waiting = set(), ["main.js"]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += re.findall(r'from "\./([\w.]+)"', SCRIPTS[name])
    assert reached == set(SCRIPTS)

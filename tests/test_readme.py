"""The README and its Chinese twin: the same code, the same links and the same figures."""

import re
import shlex
from pathlib import Path
from typing import Any

from typer.main import get_command

from polytask.cli import app

ROOT = Path(__file__).parent.parent
ENGLISH, CHINESE = ((ROOT / name).read_text() for name in ("README.md", "README.zh-CN.md"))
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")


def blocks(text: str) -> list[str]:
    return re.findall(r"^```.*?^```|^ {4}(?:make|polytask) [^\n]*$", text, re.MULTILINE | re.DOTALL)


def links(text: str) -> list[str]:
    return re.findall(r"\]\(([^)]+)\)", text)


def table(text: str) -> list[list[str]]:
    """Return the cells of every row that has any."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_both_have_the_same_code():
    english, chinese = blocks(ENGLISH), blocks(CHINESE)
    assert len(english) >= 4 and english == chinese


def test_fit_adapt_and_predict_are_shown_as_commands_whose_options_there_are():
    known: Any = get_command(app)
    shown = [
        shlex.split(line, comments=True) for line in re.findall(r"^ {4}polytask .*$", ENGLISH, re.MULTILINE)
    ]
    assert [words[1] for words in shown] == ["fit", "adapt", "predict"]
    for words in shown:
        options = {option for one in known.commands[words[1]].params for option in one.opts}
        assert {word for word in words if word.startswith("-")} <= options


def test_every_link_leads_to_a_file():
    relative = [link for text in (ENGLISH, CHINESE) for link in links(text) if "://" not in link]
    assert relative and [link for link in relative if not (ROOT / link.split("#")[0]).exists()] == []


def test_the_chinese_one_leads_wherever_the_english_one_does():
    own_pages = {"docs/road/index.md": "docs/zh/road/index.md", "README.zh-CN.md": "README.md"}
    wanted = {own_pages.get(link, link) for link in links(ENGLISH)}
    assert wanted - set(links(CHINESE)) == set()


def test_both_tables_say_the_same():
    english, chinese = table(ENGLISH), table(CHINESE)
    assert len(english) == len(chinese) > 5
    words = {"yes": "有", "**yes**": "**有**", "no": "无", "–": "–", "?": "?"}
    for ours, theirs in zip(english[2:], chinese[2:], strict=True):
        for cell, other in zip(ours[1:], theirs[1:], strict=True):
            assert words.get(cell, other) == other
            assert NUMBER.findall(cell) == NUMBER.findall(other)


def test_no_figure_of_the_chinese_one_is_its_own():
    assert set(NUMBER.findall(CHINESE)) <= set(NUMBER.findall(ENGLISH))

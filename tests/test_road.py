"""The road: every cell of every page runs, its claims hold, and both languages have the same cells."""

import re
from pathlib import Path

import matplotlib as mpl
import pytest
import torch

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(path.stem for path in (DOCS / "road").glob("[0-9]*.md"))
QUICK = {"01-neuron", "02-activation", "03-forward-backward"}
"""Pages that run with every test; `make docs` runs all."""
CELL = re.compile(
    r"^```\{code-cell\}[^\n]*\n(?:---\n.*?^---\n|(?::[^\n]*\n)*)(.*?)^```", re.MULTILINE | re.DOTALL
)
FRONT = re.compile(r"\A---\n.*?^---\n", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def text(name: str, folder: str = "road") -> str:
    return (DOCS / folder / f"{name}.md").read_text()


def cells(page: str) -> list[str]:
    """Return the code of a page, cell by cell."""
    return [match[1] for match in CELL.finditer(page)]


def headings(page: str) -> list[int]:
    """Return the levels of a page's headings."""
    prose = FENCED.sub("", FRONT.sub("", page))
    return [len(match[1]) for match in re.finditer(r"^(#+) ", prose, re.MULTILINE)]


@pytest.fixture
def run(monkeypatch):
    """Run the cells of a page; returns its names, and how many pictures it showed."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    def page(name: str) -> tuple[dict, int]:
        pictures = 0

        def show() -> None:
            nonlocal pictures
            for number in plt.get_fignums():
                plt.figure(number).canvas.draw()
                pictures += 1
            plt.close("all")

        monkeypatch.setattr(plt, "show", show)
        found: dict = {}
        n_threads = torch.get_num_threads()
        with mpl.rc_context(), torch.random.fork_rng():
            for index, cell in enumerate(cells(text(name))):
                code = "\n".join("" if line.startswith("%") else line for line in cell.split("\n"))
                exec(compile(code, f"{name}.md, cell {index}", "exec"), found)
        torch.set_num_threads(n_threads)
        return found, pictures

    return page


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in PAGES]
)
def test_a_page_runs_shows_one_picture_and_what_it_claims_holds(name, run):
    found, pictures = run(name)
    assert pictures == 1
    assert found["claims"] and all(found["claims"].values())


@pytest.mark.parametrize("name", PAGES)
def test_a_page_ends_with_an_exercise_and_where_to_read_on(name):
    page = text(name)
    assert [line for line in page.splitlines() if line.startswith("## ")][-2:] == [
        "## Exercise",
        "## Read on",
    ]
    solution = page[page.index("## Exercise") :]
    assert "Show a solution" in solution and "tags: [hide-cell]" in solution


def test_the_index_lists_every_page():
    assert re.findall(r"^(\d\d-[a-z-]+)$", text("index"), re.MULTILINE) == PAGES


@pytest.mark.parametrize("name", sorted(path.stem for path in (DOCS / "zh" / "road").glob("[0-9]*.md")))
def test_the_chinese_page_has_the_same_cells_and_parts(name):
    english, chinese = text(name), text(name, "zh/road")
    assert cells(chinese) == cells(english)
    assert headings(chinese) == headings(english)

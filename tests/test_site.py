"""What the site is made from; `make docs` builds it, and looks for every name in what it built."""

import importlib
import sys
import zlib
from pathlib import Path

import pytest

pytest.importorskip("sphinx")

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module", autouse=True)
def extensions():
    sys.path.insert(0, str(DOCS))
    yield
    sys.path.remove(str(DOCS))


def part(name: str):
    return importlib.import_module(f"_ext.{name}")


def inventory(site: Path, lines: list[str]) -> None:
    """Write what Sphinx writes beside a site of one page."""
    head = b"# Sphinx inventory version 2\n# Project: polytask\n# Version: 0\n# zlib\n"
    (site / "objects.inv").write_bytes(head + zlib.compress("".join(f"{line}\n" for line in lines).encode()))
    (site / "page.html").touch()


def whole_site() -> list[str]:
    lines = [f"{public.full} py:class 1 page.html#x -" for public in part("public").public_names()]
    lines += [f"{room} py:module 0 page.html#x -" for room in part("public").rooms()]
    return lines + [f"{label} std:label -1 page.html#x -" for label in part("coverage").registered()]


def test_nothing_is_missing_of_a_site_with_every_name_and_entry(tmp_path):
    inventory(tmp_path, whole_site())
    assert part("coverage").missing(tmp_path) == []


@pytest.mark.parametrize(
    ("without", "told"),
    [
        ("polytask.fit py", "public name polytask.fit"),
        ("polytask.core.Task py", "public name polytask.core.Task"),
        ("polytask.rl py", "room polytask.rl"),
        ("balancer-pcgrad std", "entry balancer-pcgrad"),
        ("learner-maml std", "entry learner-maml"),
    ],
)
def test_what_a_site_lacks_is_told(tmp_path, without, told):
    inventory(tmp_path, [line for line in whole_site() if not line.startswith(without)])
    assert part("coverage").missing(tmp_path) == [told]


def test_a_page_that_was_not_written_is_told(tmp_path):
    inventory(tmp_path, [*whole_site(), "extra std:label -1 elsewhere.html#x -"])
    assert part("coverage").missing(tmp_path) == ["page elsewhere.html"]


def test_every_public_name_is_described_once():
    names = part("public").public_names()
    described = part("public").canonical_names()
    assert {public.canonical for public in names} == set(described)
    assert described["polytask.Task"].value is part("public")._value("polytask.core", "Task")


def test_every_method_has_a_page_of_its_own_and_every_name_in_results_is_known():
    groups = part("method_groups")
    methods = [*groups.balancers(), *groups.architectures(), *groups.learners()]
    documents = [method.document for method in methods]
    assert len(set(documents)) == len(documents) > 100
    known = {name.lower() for method in methods for name in (*method.entries, method.owner.__name__)}
    meant = {name.lower() for name in part("rows").CALLED.values()}
    assert meant - known <= {"rl2"}


def test_rows_of_a_method_are_those_of_the_committed_results():
    rows = part("rows").benchmark_rows()
    assert any("tox21" in row.benchmark and row.figure.startswith("0.8112 ± 0.0367") for row in rows["equal"])
    assert any("5-way 1-shot" in row.benchmark and row.figure == "98.14 ± 0.29 %" for row in rows["maml"])


def test_a_formula_is_drawn_without_script_and_its_index_stands_beside_an_accent():
    drawn = part("mathml").mathml(r"\tilde g_t", inline=True, where=None)
    assert drawn.startswith("<math") and "munderover" not in drawn and "msub" in drawn


def test_links_to_files_of_the_repository_stay_in_the_site():
    rewritten = part("repository").rewritten
    assert rewritten("[here](../CONTRIBUTING.md)") == "[here](contributing.md)"
    assert rewritten("in [benchmarks/](../benchmarks/)") == "in `benchmarks/`"
    assert rewritten("[targets](targets.md)") == "[targets](targets.md)"

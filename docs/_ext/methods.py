"""Writes the part *Methods*: a page for each method, with what catalogue, docstring and benchmarks say."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from _ext.building_blocks import block_pages
from _ext.facts import balancer_facts, learner_facts, sharing_facts
from _ext.method_groups import FAMILIES, Method, architectures, balancers, learners
from _ext.pages import listing, title, write_pages
from _ext.public import first_sentence
from _ext.rows import Row, benchmark_rows

__all__ = ["setup"]

NEEDS = {
    "nothing": "which look at nothing of a step",
    "losses": "from losses alone",
    "gramian": "from inner products of gradients",
    "cross": "from inner products of the gradients of two halves of a batch",
    "jacobian": "from gradients, coordinate by coordinate",
    "validation": "from validation examples",
}
"""What a balancer looks at -> the heading of its group."""


def rows_of(names: Sequence[str]) -> list[Row]:
    """Return the rows of benchmarks about a method of these names."""
    found = benchmark_rows()
    return [row for name in dict.fromkeys(name.lower() for name in names) for row in found.get(name, ())]


def rows_table(rows: Sequence[Row]) -> str:
    """Return rows of benchmarks as a table; a sentence where there are none."""
    if not rows:
        return "No committed benchmark has a row for it; its tests compare it with a reference.\n"
    cells = [(row.benchmark, row.figure, f"``{row.file.rpartition('/')[2]}``") for row in rows]
    return listing(("what", "figure", "results"), cells, widths=(55, 25, 20))


def method_page(method: Method, facts: Sequence[tuple[str, str]]) -> str:
    """Return the page of a method."""
    name = method.owner.__name__
    kind = method.group.removesuffix("s")
    labels = "".join(f".. _{kind}-{entry}:\n" for entry in method.entries)
    parts = [
        ":orphan:\n",
        labels,
        title(name, "="),
        f".. list-table::\n   :class: facts\n   :widths: 25 75\n\n{_pairs(facts)}",
        f".. autoclass:: {method.canonical}\n",
        title("In our benchmarks", "-"),
        rows_table(rows_of([*method.entries, name])),
        f"All {method.group}: :doc:`/methods/{method.group}`.\n",
    ]
    return "\n".join(parts)


def _pairs(facts: Sequence[tuple[str, str]]) -> str:
    return "".join(f"   * - {key}\n     - {value}\n" for key, value in facts)


def overview(
    heading: str, about: str, groups: Sequence[tuple[str, Sequence[Method]]], head: str, column: Any
) -> str:
    """Return the page that lists the methods of a kind."""
    parts = [title(heading, "="), about + "\n"]
    for name, methods in groups:
        if not methods:
            continue
        parts.append(title(name, "-"))
        rows = [
            (
                f":doc:`{method.owner.__name__} </{method.document}>`",
                ", ".join(f"``{entry}``" for entry in method.entries) or "—",
                first_sentence(method.owner),
                column(method),
            )
            for method in methods
        ]
        parts.append(listing(("method", "name", "in a sentence", head), rows, widths=(18, 17, 45, 20)))
    return "\n".join(parts)


def reference(method: Method) -> str:
    """Return the paper, shortly: as the catalogue has it, or the first line of the docstring's references."""
    if method.entries:
        return next(iter(method.entries.values())).reference
    _, _, text = (method.owner.__doc__ or "").partition("References:")
    return " ".join(text.split("\n\n")[0].split()) or "—"


def generate(app: Sphinx) -> None:
    """Write all pages of the part *Methods*."""
    pages = {"index.rst": INDEX}
    groups = [
        (f"Balancers {NEEDS[needs]}", [m for m in balancers() if balancer_needs(m) == needs])
        for needs in NEEDS
    ]
    pages["balancers.rst"] = overview("Balancers", BALANCERS_ABOUT, groups, "reference", reference)
    pages["architectures.rst"] = overview(
        "Architectures",
        ARCHITECTURES_ABOUT,
        [
            ("For tables, by name", [m for m in architectures() if m.entries]),
            ("Built by hand, for any network", [m for m in architectures() if not m.entries]),
        ],
        "reference",
        reference,
    )
    families = [
        (about[0].upper() + about[1:], [m for m in learners() if m.family == family])
        for family, about in FAMILIES.items()
    ]
    pages["learners.rst"] = overview("Few-shot learners", LEARNERS_ABOUT, families, "reference", reference)
    for methods, facts in (
        (balancers(), balancer_facts),
        (architectures(), sharing_facts),
        (learners(), learner_facts),
    ):
        for method in methods:
            pages[method.document.removeprefix("methods/") + ".rst"] = method_page(method, facts(method))
    pages |= block_pages(lambda names: rows_table(rows_of(names)))
    write_pages(Path(app.srcdir) / "methods", pages)


def balancer_needs(method: Method) -> str:
    """Return what a balancer looks at."""
    entries = list(method.entries.values())
    return entries[0].needs if entries else method.owner.needs  # type: ignore[attr-defined]


INDEX = f"""{title("Methods", "=")}
Each method has an entry: its formula, where it comes from and what differs from there, what it costs, when to
use it, and its rows in our benchmarks. The entries are made from catalogues, docstrings and committed
results when the site is built. `polytask methods` lists the names in a terminal.

.. toctree::
   :maxdepth: 1

   balancers
   architectures
   learners
   engines
   executions
   heads
   encoders
   candidates
   relations
   reinforcement-learning
   datasets
"""
BALANCERS_ABOUT = """\
A balancer turns the objectives of a step into one update of what tasks share: by weights, or by a
direction. Any of them serves multi-task learning and meta-learning. By name: ``polytask.fit(...,
balancing="upgrad")``, ``polytask fit --balancing upgrad``; by hand:
`polytask.balancing.BalancedBackward`.

What a method looks at decides what it costs: losses cost nothing; inner products of gradients cost
1.1 to 12 times a plain step with 40 tasks, depending on the :doc:`engine <engines>`; whole gradients
cost a backward pass for each task. Start with equal weights, and expect little from the others
where tasks do not conflict: with trials counted alike, they are hard to beat (:doc:`/figures`)."""
ARCHITECTURES_ABOUT = """\
An architecture says what tasks share: layers, experts, parts of weights, or nothing but a pull. By
name: ``polytask.fit(..., architecture="mmoe")``, ``polytask fit --architecture mmoe``; by hand in a
`polytask.SharedModel`."""
LEARNERS_ABOUT = """\
A learner turns a few labelled examples of a new task into a predictor, and learns from known tasks
how to. By name: ``polytask.learn(..., learner="prototypes")``, ``polytask learn --learner
prototypes``; by hand with `polytask.train.train`. Transductive ones let a query's answer depend on
the other queries, and are labelled."""


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for them."""
    app.connect("builder-inited", generate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

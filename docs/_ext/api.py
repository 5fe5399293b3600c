"""Writes a page for each room: its names, and everything about those not told elsewhere."""

import ast
import importlib
import inspect
import sys
from itertools import pairwise
from pathlib import Path
from textwrap import indent
from typing import Any

from sphinx.application import Sphinx

from _ext.method_groups import method_documents
from _ext.pages import listing, title, write_pages
from _ext.public import Public, first_sentence, public_names, rooms

__all__ = ["setup"]

GENERATED = ("set_fit_request", "set_predict_request", "set_score_request")
"""Methods that scikit-learn makes, with docstrings that link into its own site."""


def room_page(room: str) -> str:
    """Return the page of a room."""
    module = importlib.import_module(room)
    names = [public for public in public_names() if public.room == room]
    parts = [title(room, "="), f".. automodule:: {room}\n   :no-members:\n"]
    rows = [(f"`~{public.canonical}`", short(public)) for public in names]
    if rows:
        parts.append(listing(("name", "what it is"), rows, widths=(30, 70)))
    elsewhere = method_documents()
    told = [
        public for public in names if public.full == public.canonical and public.canonical not in elsewhere
    ]
    if told:
        parts.append(title("In full", "-"))
    parts += [described(public) for public in sorted(told, key=lambda public: public.name.lower())]
    if not inspect.getdoc(module):
        raise ValueError(f"The room {room} has no docstring.")
    return "\n".join(parts)


def described(public: Public) -> str:
    """Return the directive that describes a name in full."""
    if public.kind == "data":
        text = indent(constant_doc(public), "   ")
        return f".. py:data:: {public.name}\n\n{text}\n"
    lines = [f".. auto{public.kind}:: {public.full}"]
    if public.kind in ("class", "exception"):
        lines += ["   :members:", f"   :exclude-members: {', '.join(GENERATED)}"]
    return "\n".join(lines) + "\n"


def short(public: Public) -> str:
    """Return a sentence on a name."""
    return (
        (constant_doc(public).partition("\n\n")[0].replace("\n", " "))
        if public.kind == "data"
        else first_sentence(public.value)
    )


def constant_doc(public: Public) -> str:
    """Return the string below a constant's assignment, in whichever module that stands."""
    for name, module in sorted(sys.modules.items()):
        if not name.startswith("polytask.") or vars(module).get(public.name) is not public.value:
            continue
        body = ast.parse(inspect.getsource(module)).body
        for statement, following in pairwise(body):
            targets = (
                statement.targets
                if isinstance(statement, ast.Assign)
                else [getattr(statement, "target", None)]
            )
            names = {target.id for target in targets if isinstance(target, ast.Name)}
            if (
                public.name in names
                and isinstance(following, ast.Expr)
                and isinstance(following.value, ast.Constant)
            ):
                return inspect.cleandoc(str(following.value.value))
    raise ValueError(f"{public.full} has no string below it that says what it is.")


def overview() -> str:
    """Return the first page, with all rooms."""
    rows = [(f":doc:`{room}`", first_sentence(importlib.import_module(room))) for room in rooms()]
    return "\n".join(
        [
            title("API", "="),
            "Every public name, by the room that promises it. The doors, `polytask.fit`, `polytask.learn`, "
            "`polytask.adapt` and their like, are in :doc:`polytask`; methods are described in "
            ":doc:`/methods/index`.\n",
            listing(("room", "holds"), rows, widths=(35, 65)),
            ".. toctree::\n   :hidden:\n",
            *(f"   {room}" for room in rooms()),
        ]
    )


def generate(app: Sphinx) -> None:
    """Write all pages of the part *API*."""
    pages = {f"{room}.rst": room_page(room) for room in rooms()}
    write_pages(Path(app.srcdir) / "api", {"index.rst": overview(), **pages})


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for them."""
    app.connect("builder-inited", generate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

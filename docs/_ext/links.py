"""Names between single backticks in docstrings become links where they are public, and code where not."""

import re
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.roles import XRefRole

from _ext.public import canonical_names, public_names

__all__ = ["setup"]

ROLE = "polytask-name"
PLACEHOLDERS = re.compile(r"\(\*args: \S*Any, \*\*kwargs: \S*Any\)( -> None)?")


class NameRole(XRefRole):
    """Notes in which room and class a name is said."""

    def process_link(
        self, env: BuildEnvironment, refnode: nodes.Element, has_explicit_title: bool, title: str, target: str
    ) -> tuple[str, str]:
        """See `XRefRole`."""
        refnode["py:module"] = env.ref_context.get("py:module")
        refnode["py:class"] = env.ref_context.get("py:class")
        refnode["refwarn"] = False
        if title.startswith("~"):
            title = title.rpartition(".")[2]
        return title, target.lstrip("~!")


def described(target: str, module: str | None, owner: str | None) -> str | None:
    """Return the name that the site describes a thing by, as a docstring of this room and class says it.

    Args:
        target: What is said: ``PCGrad``, ``Balancer.forward``, ``polytask.core.learner.run_loop``.
        module: The room of the docstring.
        owner: The class of the docstring.
    """
    known = _known()
    target = target.removesuffix("()")
    full = [f"{module}.{owner}.{target}", f"{module}.{target}", f"polytask.{target}", target]
    for name in full:
        head, _, member = name.rpartition(".")
        if name in known:
            return known[name]
        if head in known and member in vars_of(known[head]):
            return f"{known[head]}.{member}"
    first, _, member = target.partition(".")
    last = target.rpartition(".")[2]
    if target.startswith("polytask.") and last in known:
        return known[last]
    if first in known:
        return (
            f"{known[first]}.{member}"
            if member and member in vars_of(known[first])
            else None
            if member
            else known[first]
        )
    return None


def vars_of(canonical: str) -> set[str]:
    """Return the members of a described class that have a docstring, and so a place of their own."""
    value = canonical_names()[canonical].value
    if not isinstance(value, type):
        return set()
    return {
        name for name, member in vars(value).items() if getattr(member, "__doc__", None) and name[0] != "_"
    }


def _known() -> dict[str, str]:
    """Return the described name by every public name, and by its last part if only one has it."""
    if not _KNOWN:
        by_last: dict[str, set[str]] = {}
        for public in public_names():
            _KNOWN[public.full] = public.canonical
            by_last.setdefault(public.name, set()).add(public.canonical)
        _KNOWN.update({last: next(iter(names)) for last, names in by_last.items() if len(names) == 1})
    return _KNOWN


_KNOWN: dict[str, str] = {}


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.Element) -> Any:
    """Link a name of a docstring, or a type of a signature; leave as code what is not public."""
    if node.get("refdomain") not in ("", "py", None) and node.get("reftype") != ROLE:
        return None
    target = node["reftarget"]
    name = described(target, node.get("py:module"), node.get("py:class"))
    if name is not None:
        domain = env.domains["py"]
        entry = domain.objects.get(name)
        if entry is not None:
            from sphinx.util.nodes import make_refnode

            return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, name)
    quiet = node.get("reftype") == ROLE or (node.get("refdomain") == "py" and not node.get("refexplicit"))
    return contnode if quiet else None


def note_second_names(_: Sphinx, env: BuildEnvironment) -> list[str]:
    """Tell Sphinx the further public names of what is described, so that its inventory has them all."""
    domain = env.domains["py"]
    for public in public_names():
        entry = domain.objects.get(public.canonical)
        if entry is not None and public.full not in domain.objects:
            domain.objects[public.full] = entry._replace(aliased=True)
    return []


def without_placeholders(*event: Any) -> tuple[str, str | None] | None:
    """Leave out the arguments that torch gives a module without any of its own."""
    signature, returned = event[-2:]
    return ("()", returned) if PLACEHOLDERS.fullmatch(signature or "") else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the role and the handlers."""
    app.add_role(ROLE, NameRole(innernodeclass=nodes.literal, warn_dangling=False))
    app.connect("missing-reference", resolve)
    app.connect("env-updated", note_second_names)
    app.connect("autodoc-process-signature", without_placeholders)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

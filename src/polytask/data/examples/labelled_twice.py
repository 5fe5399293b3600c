"""Texts that have several labels, one of which is wrong."""

from collections.abc import Mapping

from polytask.core.names import counted
from polytask.data.examples.examples import Examples

__all__ = ["labelled_twice"]


def labelled_twice(examples: Examples, known: Mapping[str, str] | None = None) -> str:
    """Name texts that have two labels; empty where there are none, and for examples of other kinds.

    Args:
        examples: With labels.
        known: The label that some of the texts have already.
    """
    if examples.kind != "text":
        return ""
    labels: dict[str, list[str]] = {}
    for text, label in zip(examples.items, examples.labels or (), strict=True):
        held = labels.setdefault(text.strip(), [])
        for one in ((known or {}).get(text), label):
            if one is not None and one not in held:
                held.append(one)
    twice = {text: held for text, held in labels.items() if len(held) > 1}
    if not twice:
        return ""
    text, held = next(iter(twice.items()))
    return (
        f"{counted(len(twice), 'text')} with more than one label, such as {text[:60]!r}: "
        f"{', '.join(held[:5])}. Correct the wrong ones."
    )

"""``polytask classes``: which classes a classifier of few examples has, and their changes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polytask.cli.completion import models
from polytask.cli.failures import SpokenCommand
from polytask.cli.options import Json, Quiet, app
from polytask.cli.quick_start import quick_imports
from polytask.cli.terminal import show, working
from polytask.core import InputError
from polytask.core.names import counted, printable, short_name

if TYPE_CHECKING:
    from rich.console import RenderableType

    from polytask.models import FewShotClassifier

__all__ = ["classes"]

_WORDS = {"rename": 2, "remove": 1, "correct": 2, "forget": 1}
"""How many words follow each change."""
_PLACEHOLDERS = {"rename": "OLD NEW", "remove": "CLASS", "correct": "EXAMPLE CLASS", "forget": "EXAMPLE"}
_MOST_NAMED = 5


class _OrderedChanges(SpokenCommand):
    """A command whose changes are done in the order in which they were typed."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words that were typed; those of a change become one, with its number before them."""
        options = {option for parameter in self.params for option in (parameter.opts or ())}
        return super().parse_args(ctx, list(_joined(args, options)))


def _joined(args: Sequence[str], options: set[str]) -> Iterator[str]:
    """Yield the arguments; a change that lacks a word stays as it is."""
    index = 0
    while index < len(args):
        option, equals, first = args[index].partition("=")
        name = option.removeprefix("--")
        if not option.startswith("--") or name not in _WORDS:
            yield args[index]
            index += 1
            continue
        begun = [first] if equals else []
        words = [*begun, *args[index + 1 : index + 1 + _WORDS[name] - len(begun)]]
        if len(words) < _WORDS[name] or not options.isdisjoint(words):
            yield args[index]
            index += 1
            continue
        yield f"{option}={json.dumps([index, *words])}"
        index += 1 + _WORDS[name] - len(begun)


def _change(help: str, name: str) -> Any:
    return typer.Option(f"--{name}", metavar=_PLACEHOLDERS[name], help=f"{help} May be given several times.")


@app.command(cls=_OrderedChanges)
def classes(
    model: Annotated[
        Path,
        typer.Argument(help="A directory that adapt made of labelled examples.", autocompletion=models),
    ],
    rename: Annotated[list[str] | None, _change("Give a class another name.", "rename")] = None,
    remove: Annotated[list[str] | None, _change("Forget a class and its examples.", "remove")] = None,
    correct: Annotated[
        list[str] | None, _change("Put an example into another class, which may be new.", "correct")
    ] = None,
    forget: Annotated[list[str] | None, _change("Forget an example.", "forget")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Where the changed model is written; the model itself changes it in place."
        ),
    ] = None,
    refit: Annotated[
        bool,
        typer.Option(
            "--refit/--no-refit",
            help="Choose the head anew, and how sure answers are, when more than names changed.",
        ),
    ] = True,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List the classes of a classifier and their examples, or change them, in the order that is typed.

    [bold]Examples[/bold]

      polytask classes my-photos-model

      polytask classes my-photos-model --rename cats cat --remove other -o my-photos-2

      polytask classes my-photos-model --correct dogs/9.jpg cat --forget cats/3.jpg -o my-photos-model
    """
    with quick_imports():
        from polytask.models import FewShotClassifier, load
        from polytask.models.bundle_folder import check_destination

    changes = _typed(rename=rename, remove=remove, correct=correct, forget=forget)
    if changes and output is None:
        named = ", ".join(f"`{name}`" for name in dict.fromkeys(name for name, _ in changes))
        raise InputError(f"With {named} an `output` is needed. Name the model itself to change it in place.")
    if output is not None and not changes:
        raise InputError("Nothing is to be changed. Name a change, or leave out `output`.")
    loaded = load(model)
    if not isinstance(loaded, FewShotClassifier):
        raise InputError(
            f"{model} is no classifier of labelled examples. Give a directory that polytask adapt made of "
            "examples alone."
        )
    if output is None:
        _list(loaded, model, as_json=as_json)
        return
    check_destination(output, kind=loaded.kind)
    with working("classes: learning", quiet=quiet, as_json=as_json):
        for name, words in changes:
            loaded = _changed(loaded, name, words)
        if refit and any(name != "rename" for name, _ in changes):
            loaded = loaded.refit()
    loaded.save(output)
    _list(loaded, output, as_json=as_json, more=f"Written to {output}.")


def _typed(**given: list[str] | None) -> list[tuple[str, list[str]]]:
    """Return the changes in the order in which they were typed."""
    numbered = []
    for name, texts in given.items():
        for text in texts or ():
            try:
                number, *words = json.loads(text)
            except (ValueError, TypeError) as error:
                raise InputError(f"`{name}` takes {_PLACEHOLDERS[name]}. Type what is missing.") from error
            numbered.append((number, name, words))
    return [(name, words) for _, name, words in sorted(numbered)]


def _changed(model: "FewShotClassifier", name: str, words: Sequence[str]) -> "FewShotClassifier":
    if name == "rename":
        return model.rename(*words)
    if name == "remove":
        return model.remove(*words)
    return model.correct(*words) if name == "correct" else model.remove_example(*words)


def _list(model: "FewShotClassifier", place: Path, *, as_json: bool, more: str = "") -> None:
    held, texts = model.examples.names, model.examples.texts
    summary = {
        "model": str(place),
        "kind": model.space.kind,
        "examples": len(model.examples),
        "classes": {name: list(names) for name, names in held.items()},
        "texts": dict(texts),
    }
    total = f"{counted(len(held), 'class', 'classes')}, {counted(len(model.examples), model.space.kind)}."
    show(summary, as_json=as_json, lines=[_table(held, texts), total, *([more] if more else [])])


def _table(held: Mapping[str, Sequence[str]], texts: Mapping[str, str]) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("class", style="bold", overflow="fold")
    table.add_column("examples", justify="right")
    table.add_column("called", overflow="fold")
    for name, names in held.items():
        table.add_row(Text(printable(name)), str(len(names)), Text(_some(names, texts)))
    return table


def _some(names: Sequence[str], texts: Mapping[str, str]) -> str:
    """Name the first examples, each text with its beginning on a line of its own."""
    more = len(names) - _MOST_NAMED
    if any(name in texts for name in names):
        lines = [f"{short_name(name, 40)}: {texts.get(name, '')}" for name in names[:_MOST_NAMED]]
        return "\n".join([*lines, *([f"and {more} more"] if more > 0 else [])])
    shown = ", ".join(short_name(name, 40) for name in names[:_MOST_NAMED])
    return shown + (f" and {more} more" if more > 0 else "")

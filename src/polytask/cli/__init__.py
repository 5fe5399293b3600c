"""The ``polytask`` command: what each of its commands takes, and the one function that it calls."""

from polytask.cli.adapt import adapt
from polytask.cli.card import card
from polytask.cli.classes import classes
from polytask.cli.compare import compare
from polytask.cli.datasets import datasets
from polytask.cli.evaluate import evaluate
from polytask.cli.explore import demo, methods
from polytask.cli.export import export
from polytask.cli.extend import extend
from polytask.cli.fit import fit
from polytask.cli.importance import importance
from polytask.cli.info import info
from polytask.cli.label import label
from polytask.cli.learn import learn
from polytask.cli.models import models
from polytask.cli.options import app
from polytask.cli.predict import predict
from polytask.cli.quick_start import quick_end
from polytask.cli.relate import relate
from polytask.cli.report import report
from polytask.cli.serve import serve
from polytask.cli.terminal import prepare_streams
from polytask.cli.update import update

__all__ = ["app", "main"]

_ORDER = [
    command.__name__
    for command in (
        fit,
        relate,
        compare,
        evaluate,
        importance,
        predict,
        extend,
        export,
        learn,
        adapt,
        update,
        classes,
        label,
        report,
        card,
        serve,
        info,
        methods,
        datasets,
        models,
        demo,
    )
]  # in the help
app.registered_commands.sort(key=lambda command: _ORDER.index(getattr(command.callback, "__name__", "")))


def main() -> None:
    """Run the command; bad input ends with one message and exit code 2, other failures with 1."""
    prepare_streams()
    try:
        app()
    finally:
        quick_end()

"""The ``polytask`` command."""

import json
import sys
import warnings
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from polytask.core import DataWarning, InputError, MissingPackageError, PolytaskError
from polytask.version import __version__

__all__ = ["app", "main"]

app = typer.Typer(
    name="polytask",
    help="Learn many tasks together; learn the next one fast.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_out, _err = Console(), Console(stderr=True)


class Sharing(StrEnum):
    """Ways of sharing."""

    hard = "hard"
    tabm = "tabm"
    soft = "soft"
    trace_norm = "trace-norm"
    sparse_low_rank = "sparse-low-rank"
    cross_stitch = "cross-stitch"
    mmoe = "mmoe"
    cgc = "cgc"
    ple = "ple"
    dselect_k = "dselect-k"
    mtan = "mtan"
    film = "film"


Json = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON on standard output, and nothing else.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress bars.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same result.")]
Accelerator = Annotated[str, typer.Option(help="cpu, cuda, mps or auto.")]


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if version:
        _out.print(f"polytask {__version__}")
        raise typer.Exit


@app.command()
def fit(
    table: Annotated[Path, typer.Argument(help="A CSV or Parquet file.")],
    target: Annotated[
        list[str],
        typer.Option(
            help="A column to predict, as NAME or NAME:KIND (regression, binary, multiclass). Repeat it."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The model directory to write.")],
    group: Annotated[
        str | None, typer.Option(help="Rows sharing a value of this column are never split.")
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Train on earlier rows of this column, test on later ones.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help="A column not to be used. Repeat it.")] = None,
    sharing: Annotated[
        Sharing, typer.Option(help="How the targets share: hard is one network; tabm an ensemble in one.")
    ] = Sharing.hard,
    balancing: Annotated[
        str,
        typer.Option(help="How the targets' losses become one update: a name that `polytask methods` lists."),
    ] = "equal",
    seeds: Annotated[int, typer.Option(help="How many splits and initializations to average.")] = 3,
    baselines: Annotated[bool, typer.Option(help="Compare with a separate model for each target.")] = True,
    epochs: Annotated[int, typer.Option(help="Passes over the training rows at most.")] = 200,
    width: Annotated[int, typer.Option(help="Units of each layer.")] = 64,
    depth: Annotated[int, typer.Option(help="Layers of the trunk.")] = 2,
    learning_rate: Annotated[float, typer.Option(help="Of AdamW.")] = 3e-3,
    checkpoint: Annotated[
        Path | None, typer.Option(help="A folder; call again with it to continue a killed run.")
    ] = None,
    accelerator: Accelerator = "cpu",
    seed: Seed = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train one model of several columns of a table, and compare it with separate models.

    [bold]Examples[/bold]

      polytask fit penguins.csv --target species --target sex --target body_mass_g:regression -o penguins

      polytask fit visits.parquet --target cost --target readmitted --group patient --sharing soft -o visits
    """
    from polytask.estimators import check_destination
    from polytask.estimators import fit as fit_model
    from polytask.report import fit_table

    check_destination(output)
    model = fit_model(
        table,
        target,
        group=group,
        time_column=time,
        drop=drop or (),
        seeds=seeds,
        baselines=baselines,
        seed=seed,
        checkpoint=checkpoint,
        accelerator=accelerator,
        progress=not (quiet or as_json),
        sharing=sharing.value,
        balancing=balancing,
        epochs=epochs,
        width=width,
        depth=depth,
        learning_rate=learning_rate,
    )
    model.save(output)
    results = model.results
    if results is None:  # a fresh fit always has them
        return
    for message in results.messages:
        _err.print(f"note: {message}", style="yellow", markup=False)
    _show(
        {"model": str(output), **results.to_json()},
        as_json=as_json,
        lines=[fit_table(results), f"Model written to {output} ({results.seconds:.0f} s of training)."],
    )


@app.command()
def methods(as_json: Json = False) -> None:
    """List the ways of balancing and the few-shot learners: what each does, and where it comes from.

    [bold]Example[/bold]

      polytask methods
    """
    from rich.table import Table

    from polytask.balancing import balancer_entries
    from polytask.meta import learner_entries

    balancing = {
        name: {"needs": entry.needs, "source": entry.source} for name, entry in balancer_entries().items()
    }
    learners = {
        name: {
            "family": entry.family,
            "transductive": entry.transductive,
            "any number of classes": not entry.fixed_way,
            "source": entry.source,
        }
        for name, entry in learner_entries().items()
    }
    first = Table("polytask fit --balancing", "looks at", "source", box=None, pad_edge=False)
    for name, entry in balancing.items():
        first.add_row(name, entry["needs"], entry["source"])
    second = Table(
        "polytask learn --learner", "what is learned", "classes", "source", box=None, pad_edge=False
    )
    for name, entry in learner_entries().items():
        kind = f"{entry.family}, transductive" if entry.transductive else entry.family
        second.add_row(name, kind, "as trained" if entry.fixed_way else "any number", entry.source)
    _show({"balancing": balancing, "learning": learners}, as_json=as_json, lines=[first, "", second])


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="A directory made by fit or adapt.")],
    data: Annotated[Path, typer.Argument(help="A CSV or Parquet table; for an adapted model, images.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .csv or .parquet file to write.")],
    as_json: Json = False,
) -> None:
    """Predict rows of a table, or images, and write the answers.

    [bold]Examples[/bold]

      polytask predict penguins new.csv -o answers.csv

      polytask predict my-letters scans/ -o answers.csv
    """
    from polytask.estimators import FewShotModel, load, write_table

    loaded = load(model)
    if isinstance(loaded, FewShotModel):
        raise InputError(
            f"{model} knows no classes yet. Adapt it first: polytask adapt {model} SUPPORT -o DIR"
        )
    answers = loaded.predict(data)
    write_table(answers, output)
    summary = {"rows": len(answers), "columns": list(answers.columns), "output": str(output)}
    _show(summary, as_json=as_json, lines=[f"{len(answers)} rows written to {output}."])


@app.command()
def learn(
    source: Annotated[
        str, typer.Argument(help="glyphs, omniglot, or a folder with one folder of images per class.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The model directory to write.")],
    way: Annotated[int, typer.Option(help="Classes of a new task.")] = 5,
    shot: Annotated[int, typer.Option(help="Labelled examples of each class.")] = 1,
    learner: Annotated[str, typer.Option(help="The method; polytask methods lists all.")] = "prototypes",
    steps: Annotated[
        int | None, typer.Option(help="Training steps; the learner's own default if left out.")
    ] = None,
    episodes: Annotated[int, typer.Option(help="Held-out episodes for the evaluation.")] = 600,
    checkpoint: Annotated[
        Path | None, typer.Option(help="A folder; call again with it to continue a killed run.")
    ] = None,
    accelerator: Accelerator = "cpu",
    seed: Seed = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Learn from many known classes how to tell new ones apart from few examples.

    [bold]Examples[/bold]

      polytask learn glyphs --way 5 --shot 1 --learner prototypes -o letters

      polytask learn my-images/ --way 3 --shot 5 --learner maml -o quick
    """
    from polytask.estimators import check_destination
    from polytask.estimators import learn as learn_model
    from polytask.report import few_shot_table

    check_destination(output)
    settings: dict[str, Any] = {} if steps is None else {"steps": steps}
    model = learn_model(
        source,
        way=way,
        shot=shot,
        learner=learner,
        n_episodes=episodes,
        checkpoint=checkpoint,
        accelerator=accelerator,
        seed=seed,
        progress=not (quiet or as_json),
        **settings,
    )
    model.save(output)
    results = model.results
    if results is None:  # a fresh learner always has them
        return
    _show(
        {"model": str(output), **results.to_json()},
        as_json=as_json,
        lines=[
            few_shot_table([results]),
            f"Model written to {output} ({results.seconds:.0f} s of training).",
        ],
    )


@app.command()
def adapt(
    model: Annotated[Path, typer.Argument(help="A directory made by learn.")],
    support: Annotated[Path, typer.Argument(help="A folder with one folder of images per new class.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The adapted model directory to write.")],
    as_json: Json = False,
) -> None:
    """Adapt a learned model to new classes from a few labelled images.

    [bold]Example[/bold]

      polytask adapt letters my-support/ -o my-letters
    """
    from polytask.estimators import FewShotModel, check_destination

    check_destination(output)
    base = FewShotModel.load(model)
    adapted = base.adapt(support)
    adapted.save(output)
    summary = {"model": str(output), "classes": list(adapted.classes)}
    _show(summary, as_json=as_json, lines=[f"Adapted to {', '.join(adapted.classes)}; written to {output}."])


@app.command()
def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder for the report.")] = Path("demo"),
    seeds: Annotated[int, typer.Option(help="Seeds of the table comparison.")] = 5,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run both halves on built-in data: penguins and glyphs, with a report to read.

    [bold]Example[/bold]

      polytask demo -o demo
    """
    from polytask.demo import run_demo
    from polytask.report import few_shot_table, fit_table

    outcome = run_demo(output, seeds=seeds, progress=not (quiet or as_json))
    lines = [
        fit_table(outcome.table),
        few_shot_table(outcome.few_shot),
        f"Report written to {outcome.report} ({outcome.seconds:.0f} s).",
    ]
    _show(outcome.to_json(), as_json=as_json, lines=lines)


def main() -> None:
    """Run the command; bad input ends with one message and exit code 2, other failures with 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", DataWarning)
        warnings.showwarning = _show_warning
        try:
            app()
        except (InputError, MissingPackageError) as error:
            _fail(error, code=2)
        except PolytaskError as error:
            _fail(error, code=1)


def _fail(error: PolytaskError, *, code: int) -> None:
    _err.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    if issubclass(category, DataWarning):
        _err.print(f"note: {message}", style="yellow", markup=False, highlight=False, soft_wrap=True)


def _show(summary: dict[str, Any], *, as_json: bool, lines: list[Any]) -> None:
    if as_json:
        sys.stdout.write(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
        return
    for line in lines:
        _out.print(line, highlight=False)

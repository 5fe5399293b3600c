"""The report that a command writes beside what it makes: promised before the work, and no reason to fail."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from polytask.cli.terminal import say
from polytask.core.errors import InputError, MissingPackageError, first_line
from polytask.core.files import rehearse_write, user_path
from polytask.models.bundle_pages import CARD, REPORT, write_beside

if TYPE_CHECKING:
    from polytask.report.page import Page

__all__ = [
    "ReportFile",
    "ReportWanted",
    "check_page",
    "check_reports",
    "reports_possible",
    "write_pages",
    "write_report_file",
]

ReportWanted: TypeAlias = Annotated[
    bool, typer.Option("--report/--no-report", help="Write report.html beside it.")
]
ReportFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--report", help="Also write a report into this HTML file.", show_default=False),
]


def reports_possible(*, wanted: bool, drawn: bool = True) -> bool:
    """Tell whether a report can be written, drawn by Matplotlib or not; say where it is wanted and cannot."""
    if not wanted:
        return False
    from polytask.report.page import rehearse_report

    try:
        rehearse_report(drawn=drawn)
    except MissingPackageError as error:
        say(f"note: there will be no report.html. {error}", style="yellow")
        return False
    return True


def check_reports(path: Path | None, *, model: Path | None = None) -> None:
    """Try whether a report that is asked for by name can be written, before the work.

    Args:
        path: The file; None for none.
        model: The directory of the model that it tells of, which holds a page of its own.

    Raises:
        InputError: The file has another ending, lies in the model, or cannot be written.
        MissingPackageError: What writes reports is not installed.
    """
    if path is None:
        return
    from polytask.report.page import rehearse_report

    check_page(path, "A report", (".html", ".htm"), model=model, option="--report")
    rehearse_report()
    rehearse_write(user_path(path))


def check_page(
    path: Path, what: str, endings: Sequence[str], *, model: Path | None, option: str = "--output"
) -> None:
    """Refuse to write a page over a file of a model, or over what is no page.

    Args:
        path: The file.
        what: What is written, as a sentence begins with it.
        endings: How its name may end.
        model: The directory of the model; nothing is written into it by name.
        option: What named the file.

    Raises:
        InputError: The name ends otherwise, or the file lies in the model.
    """
    if path.suffix.lower() not in endings:
        raise InputError(
            f"{what} is a {endings[0]} file, but {option} is {str(path)!r}. Choose a name that ends in "
            f"{endings[0]}."
        )
    if model is not None and user_path(path).resolve().parent == user_path(model).resolve():
        raise InputError(
            f"{option} is {str(path)!r}, in the model itself. Choose a file elsewhere; the model has its own "
            "page already, or gets it where the option is left out of `polytask report` or `polytask card`."
        )


def write_report_file(page: "Callable[[], Page]", path: Path | None) -> list[str]:
    """Write a report that is asked for by name; return the line that tells it."""
    if path is None:
        return []
    from polytask.report.page import write_page

    write_page(page(), path)
    return [f"Report written to {path}."]


def write_pages(directory: Path, *, report: bool) -> list[str]:
    """Write card and report beside a model that is saved; return the lines that tell it.

    The model is there already: what goes wrong here is told, and the command ends well.
    """
    from polytask.models.model_card import model_card
    from polytask.models.model_record import ModelRecord

    lines = []
    try:
        record = ModelRecord.read(directory)
        write_beside(directory, CARD, model_card(record, name=directory.name))
        if report:
            from polytask.report.model_report import has_report, model_page

            if has_report(record):
                write_beside(directory, REPORT, model_page(record).render())
                lines.append(f"Report: {directory / REPORT}")
    except Exception as error:  # noqa: BLE001 - whatever it is, the model is there
        say(f"note: the model is written, but its pages are not: {first_line(error)}", style="yellow")
    return lines

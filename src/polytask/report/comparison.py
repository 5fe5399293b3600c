"""A comparison for the terminal."""

from collections.abc import Iterable

from rich import box
from rich.table import Table
from rich.text import Text

from polytask.compare.chosen_settings import settings_text
from polytask.compare.results import CandidateResult, Comparison, Contrast
from polytask.core.names import counted, short_name
from polytask.report.how_judged import BY_AVERAGES
from polytask.report.metric_text import gain_text, interval_text, metric_text

__all__ = ["adjusted_note", "candidate_table", "comparison_table", "has_networks", "settings_table"]

_NETWORKS = ("single", "joint", "groups")
_COLOURS = {"helped": "green", "better": "green", "hurt": "red", "worse": "red"}


def comparison_table(found: Comparison) -> Table:
    """Lay out a comparison: for each target, every candidate with its metric, gain, verdict and cost."""
    title = f"Held-out rows, {counted(found.n_folds, 'fold')}"
    title += f" x {counted(found.n_repeats, 'repeat')}" if found.n_repeats > 1 else ""
    table = candidate_table(f"{title}, 95 % intervals", _caption(found))
    for task in found.tasks:
        table.add_row(Text(f"{short_name(task.name)}, {metric_text(found.metric(task.name))}", style="bold"))
        references = {one.baseline for one in found.contrasts if one.target == task.name and not one.joint}
        for one in found.candidates:
            table.add_row(*_cells(found, task.name, one, is_reference=one.name in references))
        table.add_section()
    return table


def candidate_table(title: str, caption: str | None) -> Table:
    """Lay out a table without rows, for candidates below each target."""
    table = Table(
        title=title,
        title_justify="left",
        caption=caption,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("target, candidate", overflow="fold")
    for heading in ("value", "gain %", "verdict", "s"):
        table.add_column(heading, justify="left" if heading == "verdict" else "right", no_wrap=True)
    return table


def settings_table(found: Comparison) -> Table | None:
    """Lay out which settings the candidates chose in the folds; None where none had a choice."""
    if all(n == 1 for one in found.candidates for n in one.trials.values()):
        return None
    table = Table(
        title="Settings chosen in the training parts",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("target, candidate", overflow="fold")
    table.add_column("tried", justify="right", no_wrap=True)
    table.add_column("chosen", overflow="fold")
    for task in found.tasks:
        table.add_row(Text(short_name(task.name), style="bold"))
        for one in found.candidates:
            if chosen := one.settings.get(task.name):
                tried = one.trials.get(task.name, 1)
                usual = "its usual ones, as it has nothing to choose from"
                text = usual if tried == 1 else settings_text(chosen)
                table.add_row(Text(f" {short_name(one.name)}"), Text(str(tried)), Text(text))
        table.add_section()
    return table


def _caption(found: Comparison) -> str | None:
    """Say what the gains are over."""
    texts = {True: "of joint networks over single ones", False: "of other methods over the networks with a *"}
    asked = [texts[joint] for joint in (True, False) if any(one.joint == joint for one in found.contrasts)]
    gains = f"gain %: {'; '.join(asked)}." if asked else ""
    averages = BY_AVERAGES if has_networks(found) else ""
    return " ".join(filter(None, (gains, adjusted_note(found.contrasts), averages))) or None


def adjusted_note(contrasts: Iterable[Contrast]) -> str:
    """Say why a gain may be unclear although its interval leaves out 0; nothing where none is."""
    unclear = (one.gain for one in contrasts if one.verdict == "no clear difference")
    if any(gain is not None and (gain.low > 0 or gain.high < 0) for gain in unclear):
        return "Verdicts are adjusted for the number of questions (Holm), intervals are not."
    return ""


def has_networks(found: Comparison) -> bool:
    """Tell whether networks that a fit trains, too, are among the candidates."""
    named = any(one.name.partition(":")[0] in _NETWORKS for one in found.candidates)
    return named or any(one.joint for one in found.contrasts)


def _cells(found: Comparison, target: str, one: CandidateResult, *, is_reference: bool) -> list[Text]:
    contrast, metric = found.contrast(target, one.name), found.metric(target)
    value = interval_text(one.metrics.get(target, {}).get(metric), metric)
    verdict = "" if contrast is None else contrast.verdict
    if is_reference:
        verdict = f"{verdict} *".strip()
    return [
        Text(f" {short_name(one.name)}"),
        Text("failed" if one.error else value),
        Text("" if contrast is None else gain_text(contrast.gain)),
        Text(verdict, style=_COLOURS.get(verdict.removesuffix(" *"), "")),
        Text(f"{one.seconds:.1f}"),
    ]

"""Which head, how strong, and how sure: chosen by examples that are left out, never by those to predict."""

import sys
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import NamedTuple, TypeVar

import numpy as np

from polytask.core import InputError
from polytask.core.names import near_names
from polytask.meta.heads.class_means import class_means
from polytask.meta.heads.held_out_scores import FitHead, held_out_scores, turns_of, within_rows
from polytask.meta.heads.linear_head import LinearHead
from polytask.meta.heads.logistic import logistic
from polytask.meta.heads.ridge import ridge
from polytask.meta.heads.sharpness import best_sharpness, log_losses
from polytask.meta.heads.support_vectors import support_vectors

__all__ = ["HEADS", "ChosenHead", "check_head", "choose_head", "first_unbeaten", "fit_head"]

_Key = TypeVar("_Key", bound=Hashable)

_FIRST = (("logistic", 3.0), ("class-means", 0.3))
"""What "auto" tries on few rows: the portfolio of logged runs, by `benchmarks/quality/portfolio.py`.

On kinds of data that were left out of the log it was as often right as all heads with three strengths
each, at a log loss of 0.27 where these have 0.26, in an eighth of the time.
"""
_FEW, _FEW_ROWS = 20_000, 500  # rows times classes, and rows, up to which it is that
_ERRORS = 2  # standard errors by which another head must be better
_MANY, _MANY_ROWS = 1_000_000, 3_000  # beyond which there is nothing but class means


class _Entry(NamedTuple):
    fit: FitHead
    strengths: tuple[float, ...]
    """The first is taken where nothing can be left out."""
    sharpness: float
    about: str


HEADS: Mapping[str, _Entry] = {
    "logistic": _Entry(logistic, (10.0, 3.0, 30.0), 4.0, "logistic regression"),
    "class-means": _Entry(class_means, (1.0, 0.9, 0.6), 20.0, "nearest class mean (prototypes)"),
    "ridge": _Entry(ridge, (1.0, 0.1, 10.0), 10.0, "ridge regression of classes"),
    "svm": _Entry(support_vectors, (1.0, 0.1, 10.0), 4.0, "linear support vector machine"),
}
"""Heads by name; where held-out examples leave it open, an earlier one is taken."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChosenHead:
    """A head with what decided for it.

    Args:
        head: Fitted to all rows.
        name: One of `HEADS`.
        strength: As it takes it.
        sharpness: By which scores become logits.
        held_out: The scores of rows that were left out, ``[row, class]``; NaN where a class has one row.
        losses: The mean held-out log loss of every head and strength that was tried.
    """

    head: LinearHead
    name: str
    strength: float
    sharpness: float
    held_out: np.ndarray
    losses: Mapping[tuple[str, float], float]

    @property
    def judged(self) -> np.ndarray:
        """Which rows were left out once, bool ``[row]``."""
        return ~np.isnan(self.held_out[:, 0])

    def accuracy(self, labels: np.ndarray) -> float | None:
        """Return the share of left-out rows told right, by labels ``[row]``; None where there are none."""
        if not self.judged.any():
            return None
        return float((self.held_out[self.judged].argmax(1) == labels[self.judged]).mean())


def fit_head(
    features: np.ndarray, labels: np.ndarray, n_classes: int, *, name: str, strength: float
) -> LinearHead:
    """Fit one head.

    Args:
        features: ``[row, feature]``, of length about 1 each.
        labels: The class of each row, from 0.
        n_classes: Classes.
        name: One of `HEADS`.
        strength: As it takes it.
    """
    if name == "class-means" and strength == 1:  # needs no coordinates, however many rows there are
        return class_means(features.astype(float), labels, n_classes, 1.0)
    inside, axes = within_rows(features.astype(float))
    fitted = HEADS[name].fit(inside, labels, n_classes, strength)
    return LinearHead(weight=fitted.weight @ axes, bias=fitted.bias)


def choose_head(
    features: np.ndarray,
    labels: np.ndarray,
    n_classes: int,
    *,
    name: str = "auto",
    strength: float | None = None,
) -> ChosenHead:
    """Fit the head that examples which are left out in turn are least surprised by.

    A head that stands earlier in `HEADS`, or a strength that does so there, is kept unless another one's log
    loss is lower by more than two standard errors. With ``"auto"``, on up to 500 rows two are tried, which
    together did best on logged tasks of other kinds; more strengths of class means, and logistic regression,
    on up to 3,000 rows and a million rows times classes; beyond, plain class means alone.

    Args:
        features: ``[row, feature]``, of length about 1 each.
        labels: The class of each row, from 0; every class has one.
        n_classes: Classes.
        name: One of `HEADS`, or ``"auto"``.
        strength: Of a head that is named; None for what is best.

    Raises:
        InputError: There is no such head, or a strength comes without one or is not one that it takes.
    """
    check_head(name, strength)
    turns = turns_of(labels, n_classes)
    tried = _tried(len(labels), n_classes, name, strength, judged=bool((turns >= 0).any()))
    only_means = tried == [("class-means", 1.0)]
    inside = features.astype(float) if only_means else within_rows(features.astype(float))[0]
    judged = turns >= 0
    scores = {
        (head, value): held_out_scores(HEADS[head].fit, inside, labels, n_classes, value, turns)
        for head, value in tried
    }
    sharpness = {
        key: best_sharpness(found[judged], labels[judged], usual=HEADS[key[0]].sharpness)
        for key, found in scores.items()
    }
    losses = {key: log_losses(found[judged], labels[judged], sharpness[key]) for key, found in scores.items()}
    head, value = first_unbeaten(losses)
    return ChosenHead(
        head=fit_head(features, labels, n_classes, name=head, strength=value),
        name=head,
        strength=value,
        sharpness=sharpness[head, value],
        held_out=scores[head, value],
        losses={key: float(loss.mean()) for key, loss in losses.items() if len(loss)},
    )


def check_head(name: str, strength: float | None) -> None:
    """Refuse a head that there is not, and a strength with which it would be solved to nothing.

    Raises:
        InputError: There is no such head, or a strength comes without one or is not one that it takes.
    """
    if name not in (*HEADS, "auto"):
        meant = near_names(name, HEADS)
        hint = f"; did you mean {meant[0]!r}?" if meant else "."
        raise InputError(f"There is no head {name!r}{hint} There are auto, {', '.join(HEADS)}.")
    if strength is not None and name == "auto":
        raise InputError("`strength` belongs to one head. Name it by `head`, or leave `strength` out.")
    most, rule = (1, " and at most 1") if name == "class-means" else (sys.float_info.max, "")
    if strength is not None and not (isinstance(strength, Real) and 0 < strength <= most):
        raise InputError(
            f"`strength` of {name} is a number above 0{rule}, got {strength!r}. Choose another one."
        )


def _tried(
    rows: int, n_classes: int, name: str, strength: float | None, *, judged: bool
) -> list[tuple[str, float]]:
    """Return heads and strengths to try."""
    if strength is not None:
        return [(name, strength)]
    if name == "auto" and not judged:
        return [("class-means", 1.0)]
    size = rows * n_classes
    if name == "auto" and (size > _FEW or rows > _FEW_ROWS):
        means = [("class-means", value) for value in HEADS["class-means"].strengths]
        return (
            means[:1]
            if size > _MANY or rows > _MANY_ROWS
            else [("logistic", HEADS["logistic"].strengths[0]), *means]
        )
    tried = list(_FIRST) if name == "auto" else [(name, value) for value in HEADS[name].strengths]
    return tried if judged else tried[:1]


def first_unbeaten(losses: Mapping[_Key, np.ndarray]) -> _Key:
    """Return the first whose losses, row by row, none beats by more than two standard errors."""
    keys = list(losses)
    if len(losses[keys[0]]) < 2:
        return keys[0]
    lowest = min(keys, key=lambda key: losses[key].mean())
    for key in keys:
        apart = losses[key] - losses[lowest]
        if apart.mean() <= _ERRORS * apart.std(ddof=1) / len(apart) ** 0.5:
            return key
    return lowest

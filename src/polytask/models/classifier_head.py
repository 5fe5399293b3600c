"""The head of a classifier of few examples: chosen once, and changed with its classes."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from polytask.meta.heads import ChosenHead, fit_head
from polytask.meta.heads.softmax import softmax
from polytask.models.known_examples import KnownExamples
from polytask.models.known_tasks import KnownTasks
from polytask.models.typicality import confidence, kept_references

__all__ = ["ClassifierHead", "HeadSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSettings:
    """The head of a classifier, and how it was asked for.

    Args:
        asked: The head that was asked for, or ``"auto"``.
        asked_strength: The strength that was asked for; None for what is best.
        name: The head.
        strength: Its strength.
        sharpness: By which scores become logits.
    """

    asked: str
    asked_strength: float | None
    name: str
    strength: float
    sharpness: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassifierHead:
    """A linear head, and what it said of examples that were left out.

    Args:
        settings: Which it is.
        weight: ``[class, feature]``.
        bias: ``[class]``.
        references: How well known examples fit that were left out, sorted, ``[example]``; see `typicality`.
        losses: One minus the probability of their class, ``[example]``.
    """

    settings: HeadSettings
    weight: Tensor
    bias: Tensor
    references: Tensor
    losses: Tensor

    @classmethod
    def of(
        cls,
        chosen: ChosenHead,
        labels: np.ndarray,
        *,
        asked: str,
        asked_strength: float | None,
        known: KnownTasks | None,
    ) -> Self:
        """Keep the head that was chosen.

        Args:
            chosen: The head.
            labels: The class of each row that it was chosen for.
            asked: The head that was asked for.
            asked_strength: Its strength.
            known: What is known of other tasks, for a support that says nothing itself.
        """
        references, losses = _left_out(chosen, labels)
        sharpness = chosen.sharpness
        if known is not None and not len(references):
            sharpness, references = known.sharpness, known.references
        return cls(
            settings=HeadSettings(
                asked=asked,
                asked_strength=asked_strength,
                name=chosen.name,
                strength=chosen.strength,
                sharpness=sharpness,
            ),
            weight=torch.from_numpy(chosen.head.weight).float(),
            bias=torch.from_numpy(chosen.head.bias).float(),
            references=references,
            losses=losses,
        )

    def scores(self, features: Tensor) -> np.ndarray:
        """Score features ``[example, feature]``: float32 ``[example, class]``."""
        # In 64 bits and rounded, so that a class's score does not depend on which others there are.
        exact = features.double().numpy() @ self.weight.double().numpy().T + self.bias.double().numpy()
        return exact.astype(np.float32)

    def changed(self, before: KnownExamples, after: KnownExamples) -> "ClassifierHead":
        """Return the head for other examples: of the classes that are not shared with before, or of all.

        Args:
            before: The examples that it was fitted to.
            after: Those that it shall be fitted to.
        """
        if (self.settings.name, self.settings.strength) == ("class-means", 1.0):
            return self._with_other_means(before, after)
        rows, labels = after.rows()
        head = fit_head(
            rows, labels, len(after.classes), name=self.settings.name, strength=self.settings.strength
        )
        weight, bias = torch.from_numpy(head.weight).float(), torch.from_numpy(head.bias).float()
        return replace(self, weight=weight, bias=bias)

    def _with_other_means(self, before: KnownExamples, after: KnownExamples) -> "ClassifierHead":
        was_at = {name: index for index, name in enumerate(before.classes)}
        weight = self.weight.new_empty(len(after.classes), self.weight.shape[1])
        bias = self.bias.new_empty(len(after.classes))
        same: list[tuple[int, int]] = []  # where a class is now, and where it was
        for index, (name, rows) in enumerate(after.features.items()):
            if rows is before.features.get(name):
                same.append((index, was_at[name]))
            else:
                mean = rows.double().mean(0)
                weight[index], bias[index] = mean.float(), -0.5 * mean.square().sum().float()
        now, then = map(list, zip(*same, strict=True)) if same else ([], [])
        weight[now], bias[now] = self.weight[then], self.bias[then]
        return replace(self, weight=weight, bias=bias)


def _left_out(chosen: ChosenHead, labels: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return how well left-out examples fit, sorted, and one minus the probability of their class."""
    judged = chosen.judged
    scores = chosen.held_out[judged]
    if not len(scores):
        return torch.zeros(0, dtype=torch.float64), torch.zeros(0, dtype=torch.float64)
    right = softmax(chosen.sharpness * scores)[np.arange(len(scores)), labels[judged]]
    return kept_references(confidence(scores, chosen.sharpness)), kept_references(1 - right)

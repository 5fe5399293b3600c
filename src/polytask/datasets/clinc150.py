"""CLINC150: short requests to an assistant, 150 intents of ten domains, and requests out of its scope."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from polytask.core import Batch, DataError, InputError, Task
from polytask.core.strict_json import parse_json
from polytask.data.episodes.labelled_examples import LabelledExamples
from polytask.data.steps.joint_examples import JointExamples
from polytask.datasets.location import data_folder

__all__ = ["Clinc", "clinc"]

_Variant = Literal["full", "small", "oos_plus"]
_KEYS = {"train": "train", "val": "validation", "test": "test"}
_OUTSIDE = "oos"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clinc:
    """Requests with their intents.

    Args:
        queries: The texts.
        intents: What is wanted, long ``[query]``; -1 where it is nothing that the assistant serves.
        parts: ``"train"``, ``"validation"`` or ``"test"``, query by query.
        intent_names: By index.
        intent_domains: The domain of every intent.
    """

    queries: tuple[str, ...]
    intents: Tensor
    parts: tuple[str, ...]
    intent_names: tuple[str, ...]
    intent_domains: tuple[str, ...]

    @property
    def in_scope(self) -> Tensor:
        """Which queries have an intent, bool ``[query]``."""
        return self.intents >= 0

    def by_intent(self, inputs: Tensor) -> LabelledExamples:
        """Pose every intent as a class, and its domain as its group; what is out of scope is left out.

        Args:
            inputs: The queries as numbers, ``[query, ...]``, such as `polytask.encoders.text.token_ids` or
                the sentence embeddings of a language model.

        Raises:
            DataError: There is not one input a query.
        """
        self._check(inputs)
        return LabelledExamples(
            inputs=inputs[self.in_scope],
            labels=self.intents[self.in_scope],
            class_names=self.intent_names,
            class_groups=self.intent_domains,
        )

    def examples(self, inputs: Tensor) -> JointExamples:
        """Pose the tasks ``"intent"``, ``"domain"`` and ``"in scope"``.

        What is out of scope has a label of the last alone.

        Args:
            inputs: The queries as numbers, ``[query, ...]``.

        Raises:
            DataError: There is not one input a query.
        """
        self._check(inputs)
        domains = tuple(dict.fromkeys(self.intent_domains))
        domain_of = torch.tensor([domains.index(domain) for domain in self.intent_domains])  # [intent]
        inside, intents = self.in_scope, self.intents.clamp(min=0)
        tasks = (
            Task(
                name="intent",
                kind="multiclass",
                n_outputs=len(self.intent_names),
                labels=self.intent_names,
            ),
            Task(name="domain", kind="multiclass", n_outputs=len(domains), labels=domains),
            Task(name="in scope", kind="binary"),
        )
        data = Batch(
            inputs=inputs,
            targets={
                "intent": intents,
                "domain": torch.where(inside, domain_of[intents], 0),
                "in scope": inside.float(),
            },
            masks={"intent": inside, "domain": inside.clone()},
        )
        return JointExamples(tasks=tasks, data=data)

    def rows(self, part: str) -> Tensor:
        """Return the indices of the official part ``"train"``, ``"validation"`` or ``"test"``.

        Raises:
            DataError: There is no such part.
        """
        if part not in _KEYS.values():
            raise DataError(f"`part` is {part!r}; use {', '.join(_KEYS.values())}.")
        return torch.tensor([found == part for found in self.parts]).nonzero().squeeze(1)

    def _check(self, inputs: Tensor) -> None:
        if len(inputs) != len(self.queries):
            raise DataError(
                f"There are {len(inputs)} inputs, but {len(self.queries)} queries; give one each."
            )


def clinc(root: str | Path | None = None, *, variant: _Variant = "full") -> Clinc:
    """Load 22,500 requests of 150 intents, and 1,200 out of scope.

    The folder ``root / "clinc150"`` holds the official folder ``data`` with ``data_full.json`` (or
    ``data_small.json``, ``data_oos_plus.json``) and ``domains.json``.

    Args:
        root: See `data_folder`.
        variant: ``"full"`` has 100 training, 20 validation and 30 test requests of an intent; ``"small"`` has
            50 training requests; ``"oos_plus"`` has 250 training requests out of scope in place of 100.

    Returns:
        The requests in the order of the official file, those out of scope of a part after the others;
        intents in the order of ``domains.json``.

    Raises:
        DataError: The variant is unknown, or a file is missing, damaged or laid out in another way.

    References:
        Larson et al., "An Evaluation Dataset for Intent Classification and Out-of-Scope Prediction", EMNLP
        2019. The file has five requests twice, four of them with two intents; they are kept.
    """
    if variant not in get_args(_Variant):
        raise DataError(f"`variant` is {variant!r}; use one of {', '.join(get_args(_Variant))}.")
    folder = data_folder("clinc150", root) / "data"
    domains = _domains(folder / "domains.json")
    indices = {intent: index for index, intent in enumerate(domains)} | {_OUTSIDE: -1}
    path = folder / f"data_{variant}.json"
    queries: list[str] = []
    intents: list[int] = []
    parts: list[str] = []
    content = _read(path)
    for key, part in _KEYS.items():
        for query, intent in _pairs(content, key, path) + _pairs(content, f"oos_{key}", path):
            if intent not in indices:
                raise DataError(
                    f"{path} has the intent {intent!r}, which domains.json lacks. Get both official files."
                )
            queries.append(query)
            intents.append(indices[intent])
            parts.append(part)
    if not queries:
        raise DataError(f"{path} has no query. Get the official file again.")
    return Clinc(
        queries=tuple(queries),
        intents=torch.tensor(intents),
        parts=tuple(parts),
        intent_names=tuple(domains),
        intent_domains=tuple(domains.values()),
    )


def _domains(path: Path) -> dict[str, str]:
    """Return the domain of every intent."""
    content = _read(path)
    found = {}
    for domain, intents in content.items():
        if not isinstance(intents, list) or not all(isinstance(intent, str) for intent in intents):
            raise DataError(f"{path}: the domain {domain!r} has no list of intents. Get the official file.")
        found |= dict.fromkeys(intents, domain)
    return found


def _pairs(content: dict[str, Any], key: str, path: Path) -> list[tuple[str, str]]:
    """Return the queries of a part with their intents."""
    match content.get(key):
        case [*pairs] if all(isinstance(p, list) and [*map(type, p)] == [str, str] for p in pairs):
            return [(query, intent) for query, intent in pairs]
    raise DataError(f"{path}: {key!r} is no list of [query, intent]. Get the official file again.")


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise DataError(f"The file {path} is missing; put the official folder `data` there.")
    try:
        content = parse_json(path.read_bytes())
    except InputError as error:
        raise DataError(f"{path} cannot be read: {error}. Get the official file again.") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} holds no object with names. Get the official file again.")
    return content

"""What learning from labelled examples would do: they are read and checked, and nothing is encoded."""

from collections import Counter
from typing import Any

from polytask.core.settings import SettingsCheck
from polytask.data.examples.examples import Examples, check_two_classes
from polytask.data.examples.reading import read_examples
from polytask.estimators.adapt_examples import encoders_to_try
from polytask.estimators.learn_examples import check_known_classes
from polytask.estimators.learn_few_shot import check_example_settings
from polytask.meta.heads import HEADS
from polytask.meta.heads.head_choice import check_head
from polytask.models.few_shot_classifier import FewShotClassifier
from polytask.models.learned_features import LearnedFeatures

__all__ = ["plan_adapting", "plan_adding", "plan_learning", "plan_new_classes"]


def plan_adapting(
    support: Any, *, encoder: Any = None, head: str = "auto", strength: float | None = None, **reading: Any
) -> dict[str, Any]:
    """Read and check everything that `polytask.adapt` is given, and tell what it would do.

    Args:
        support: As for `polytask.adapt`.
        encoder: As for `polytask.adapt`.
        head: As for `polytask.adapt`.
        strength: As for `polytask.adapt`.
        **reading: Its other arguments.

    Returns:
        As plain JSON: the kind, how many examples each class has, the encoders and heads that are tried.

    Raises:
        InputError: What `polytask.adapt` would refuse.
    """
    check_head(head, strength)
    examples = read_examples(support, labelled=True, **reading)
    check_two_classes(examples)
    return _told(examples, [one.name for one in encoders_to_try(examples, encoder)], head)


def plan_new_classes(
    base: LearnedFeatures, support: Any, *, head: str = "auto", strength: float | None = None
) -> dict[str, Any]:
    """Tell what `LearnedFeatures.adapt` would do; see `plan_adapting`."""
    check_head(head, strength)
    examples = base.read_labelled(support)
    return _told(examples, [view.name for view in base.space.views], head)


def plan_adding(model: FewShotClassifier, support: Any) -> dict[str, Any]:
    """Tell what `FewShotClassifier.add` would do; see `plan_adapting`."""
    examples = model.read_labelled(support)
    told = _told(examples, [view.name for view in model.space.views], model.settings.asked)
    return {**told, "new_classes": [name for name in told["classes"] if name not in model.classes]}


def plan_learning(source: Any, *, encoder: Any = None, **settings: Any) -> dict[str, Any]:
    """Tell what `polytask.learn` would do with known classes for a frozen encoder; see `plan_adapting`."""
    check_example_settings(settings)
    check = SettingsCheck()
    check.whole("seed", settings.pop("seed", 0), least=0)
    check.done()
    reading = {name: value for name, value in settings.items() if name != "progress"}
    examples = read_examples(source, labelled=True, **reading)
    told = _told(examples, [one.name for one in encoders_to_try(examples, encoder)], None)
    check_known_classes(list(told["classes"].values()))
    return told


def _told(examples: Examples, encoders: list[str], head: str | None) -> dict[str, Any]:
    heads = list(HEADS) if head == "auto" else [head]
    return {
        "kind": examples.kind,
        "examples": len(examples),
        "classes": dict(sorted(Counter(examples.labels).items())),
        "encoders": encoders,
        **({} if head is None else {"heads": heads}),
        "messages": list(examples.messages),
    }

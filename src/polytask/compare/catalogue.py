"""Candidates as people give them: names, import paths, estimators, pairs of them."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from polytask.core import InputError
from polytask.core.doors import by_door
from polytask.core.names import name_problem

if TYPE_CHECKING:  # names need no scikit-learn
    from polytask.compare.candidate import Candidate

__all__ = [
    "DEFAULT_CANDIDATES",
    "TASK_CANDIDATES",
    "candidate_names",
    "candidate_of_recipe",
    "candidates_of",
]

DEFAULT_CANDIDATES = ("constant", "linear", "random-forest", "boosted-trees", "single", "joint:hard")
"""What is compared if nothing else is said."""

TASK_CANDIDATES = (
    "constant",
    "boosted-trees",
    "boosted-trees:task",
    "random-forest:task",
    "own",
    "pooled",
    "mixed",
)
"""What is compared on a table with a task column if nothing else is said."""

_NAMES = ("constant", "linear", "random-forest", "extra-trees", "boosted-trees", "single", "joint", "groups")
_TASK_NAMES = ("own", "pooled", "mixed", "boosted-trees:task", "random-forest:task")


def candidate_names() -> tuple[str, ...]:
    """Return the names of candidates; some may go on: ``joint:mmoe``, ``single:mmoe``, ``groups:a,b;c``.

    Example:
        >>> candidate_names()[:3]
        ('constant', 'linear', 'random-forest')
    """
    return _NAMES


def candidates_of(given: Any = None, settings: Mapping[str, Any] | None = None) -> "tuple[Candidate, ...]":
    """Return candidates as they were asked for.

    Args:
        given: None for the usual ones; one, a sequence, or a mapping by name, of

            - a name: ``"constant"``, ``"linear"``, ``"random-forest"``, ``"extra-trees"``,
              ``"boosted-trees"``, ``"single"``, ``"joint:hard"``, ``"joint:mmoe+pcgrad"`` ...,
              ``"groups:auto"`` for networks for each group that `polytask.relate` finds in the training part
              of each fold, ``"groups:a,b;c"`` for given groups; with a task column also ``"own"``,
              ``"pooled"``, ``"mixed"``, ``"boosted-trees:task"`` and ``"random-forest:task"``;
            - the import path of an estimator, ``"lightgbm.LGBMRegressor"``, or two with a comma between; of
              one that ends in Regressor or Classifier the other is found;
            - a scikit-learn estimator, or a regressor and a classifier in a tuple;
            - a `Candidate`.

        settings: Of `TableConfig`, for the networks that are given by name, such as ``{"epochs": 50}``.

    Raises:
        InputError: One cannot be understood, or two have one name.
    """
    if given is None:
        given = DEFAULT_CANDIDATES
    settings = _checked_settings(settings)
    if isinstance(given, Mapping):
        found = [_candidate(value, settings, name=str(name)) for name, value in given.items()]
    elif isinstance(given, str) or not isinstance(given, Sequence):
        found = [_candidate(given, settings)]
    else:
        found = [_candidate(value, settings) for value in given]
    names = [candidate.name for candidate in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        remedy = by_door(
            python="give them in a dictionary by names of yours", command="name each candidate once"
        )
        raise InputError(f"Two candidates are called {twice[0]!r}; {remedy}.")
    if not found:
        raise InputError("`candidates` is empty; name one at least, or leave it out.")
    _check_taken(settings, found)
    return tuple(found)


def _check_taken(settings: Mapping[str, Any], found: "Sequence[Candidate]") -> None:
    """Refuse settings of networks that no candidate takes.

    Raises:
        InputError: All of them.
    """
    if not settings:
        return
    from polytask.architectures.catalogue import architecture_entries, architecture_entry
    from polytask.compare.networks import Networks

    networks = [one for one in found if isinstance(one, Networks)]
    taken = {name for one in networks for name in architecture_entry(one.config.architecture).uses}
    special = {name for entry in architecture_entries().values() for name in entry.uses}
    pointless = [name for name in settings if not networks or (name in special and name not in taken)]
    if pointless:
        door = by_door(python="`settings`", command="--setting")
        change, them = ("changes", "it") if len(pointless) == 1 else ("change", "them")
        raise InputError(
            f"{door}: {', '.join(pointless)} {change} nothing, as no candidate is a network that uses "
            f"{them}. Leave {them} out, or add one, as 'joint:hard'."
        )


def _checked_settings(given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Refuse what is no setting of a network, or part of a candidate's name."""
    if not given:
        return {}
    from dataclasses import fields

    from polytask.core.settings import SettingsCheck
    from polytask.models.table_config import TableConfig

    check = SettingsCheck()
    known = [entry.name for entry in fields(TableConfig) if entry.name not in ("architecture", "balancing")]
    check.names(given, known)
    try:
        check.finish(lambda: TableConfig(**{name: given[name] for name in given if name in known}))
    except InputError as error:  # they are no options here, as those of `fit` are
        raise InputError(
            f"{by_door(python='`settings`', command='--setting')}: {plain_names(error)}"
        ) from error
    return dict(given)


def plain_names(error: InputError) -> str:
    """Return a message whose settings are no options of this command: their names without backticks."""
    return re.sub(r"`([a-z_]+)`", r"\1", str(error))


def _candidate(given: Any, settings: Mapping[str, Any], name: str | None = None) -> "Candidate":
    from sklearn.base import BaseEstimator, is_classifier

    from polytask.compare.candidate import Candidate
    from polytask.compare.estimators import Estimators

    if isinstance(given, Candidate):
        if name is not None:
            given.name = name
        return given
    if isinstance(given, str):
        found = _by_name(given, settings)
        if name is not None:
            found.name = name
            found.words = name if "." in given else found.words
        return found
    pair = given if isinstance(given, tuple) else (given,)
    if len(pair) in (1, 2) and all(isinstance(one, BaseEstimator) for one in pair):
        regressors = [one for one in pair if not is_classifier(one)]
        classifiers = [one for one in pair if is_classifier(one)]
        if len(regressors) < 2 and len(classifiers) < 2:
            return Estimators(*(ones[0] if ones else None for ones in (regressors, classifiers)), name=name)
    raise InputError(
        "A candidate is a name, an import path, a scikit-learn estimator, a pair of a regressor and a "
        f"classifier, or a `Candidate`; got {given!r}."
    )


def _by_name(text: str, settings: Mapping[str, Any] | None = None) -> "Candidate":
    from polytask.compare.mixed_model import MixedModel
    from polytask.compare.networks import JointNetworks, SingleNetworks
    from polytask.compare.own_tasks import OwnTasks
    from polytask.compare.standard import STANDARD
    from polytask.compare.task_category import TASK_CATEGORIES, TaskCategory
    from polytask.fitting.target_groups import AUTO, read_groups

    kind, colon, rest = text.partition(":")
    chosen = dict(settings or {})
    if text in STANDARD:
        return STANDARD[text]()
    if text in TASK_CATEGORIES:
        return TaskCategory(kind)
    if text == "own":
        return OwnTasks()
    try:
        if text == "mixed":
            return MixedModel(chosen)
        if text == "pooled":
            return _pooled(chosen)
        if kind == "single" and (rest or not colon):
            return SingleNetworks(chosen | ({"architecture": rest} if rest else {}))
        if kind == "joint" and (rest or not colon):
            architecture, _, balancing = (rest or "hard").partition("+")
            chosen |= {"architecture": architecture} | ({"balancing": balancing} if balancing else {})
            return JointNetworks(chosen)
        if kind == "groups" and (rest or not colon):
            return JointNetworks(chosen, groups=AUTO if rest in ("", AUTO) else read_groups(rest))
    except InputError as error:  # its settings are parts of the name here, and no options
        raise InputError(f"The candidate {text!r} is none: {plain_names(error)}") from error
    if "." in text:
        return _imported(text)
    raise InputError(
        name_problem(f"the candidate {text!r} is unknown", text, [*_NAMES, *_TASK_NAMES])
        + ", or an import path."
    )


def _pooled(settings: Mapping[str, Any]) -> "Candidate":
    from polytask.compare.networks import JointNetworks

    found = JointNetworks(settings, name="pooled")
    found.words = "networks of all tasks that are not told the task"
    return found


def _imported(text: str) -> "Candidate":
    """Make estimators of one import path, or of two."""
    from sklearn.base import is_classifier

    from polytask.compare.estimators import Estimators, estimator_at

    paths = [path.strip() for path in text.split(",")]
    found = [estimator_at(path) for path in paths]
    if len(found) == 1:
        other = _other_path(paths[0])
        if other is not None:
            with suppress(InputError):  # targets of the other kind are left out, which the results say
                found.append(estimator_at(other))
    regressors = [one for one in found if not is_classifier(one)]
    classifiers = [one for one in found if is_classifier(one)]
    if len(regressors) > 1 or len(classifiers) > 1:
        raise InputError(f"The candidate {text!r} needs one regressor and one classifier.")
    regressor, classifier = (ones[0] if ones else None for ones in (regressors, classifiers))
    return Estimators(regressor, classifier, name=text)


def _other_path(path: str) -> str | None:
    for ours, theirs in (("Regressor", "Classifier"), ("Classifier", "Regressor")):
        if path.endswith(ours):
            return path.removesuffix(ours) + theirs
    return None


def candidate_of_recipe(recipe: Mapping[str, Any], *, name: str, words: str) -> "Candidate":
    """Make a candidate of its `Candidate.recipe`.

    Raises:
        InputError: It is something else.
    """
    found = _of_recipe(recipe)
    found.name, found.words = name, words
    return found


def _of_recipe(recipe: Mapping[str, Any]) -> "Candidate":
    from polytask.compare.estimators import Estimators, estimator_at
    from polytask.compare.mixed_model import MixedModel
    from polytask.compare.networks import JointNetworks, SingleNetworks

    kind = recipe.get("kind")
    if kind == "mixed":
        return MixedModel(recipe.get("settings"))
    if kind == "named" and isinstance(recipe.get("name"), str):
        return _by_name(recipe["name"])
    if kind == "single":
        return SingleNetworks(recipe.get("settings"))
    if kind == "joint":
        return JointNetworks(recipe.get("settings"), groups=recipe.get("groups"))
    if kind == "estimators":
        parts = [recipe.get("regressor"), recipe.get("classifier")]
        return Estimators(
            *(None if part is None else estimator_at(part["path"], part["settings"]) for part in parts)
        )
    raise InputError(f"A candidate of kind {kind!r} is unknown; it may be of another version of polytask.")

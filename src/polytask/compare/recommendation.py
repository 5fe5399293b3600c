"""A comparison in words: what to train together, what to keep apart, and where another method is better."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from polytask.compare.results import Contrast
from polytask.core import Interval
from polytask.core.doors import by_door
from polytask.core.names import all_of, short_name
from polytask.fitting.target_groups import groups_text
from polytask.models.table_results import gain_words

__all__ = ["Advice", "recommendation"]

_LONGEST = 80  # letters of groups in a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What the words rest on.

    Args:
        targets: Their names.
        words: By candidate, what sentences call it.
        joint: The joint candidate that is recommended; None without one.
        contrasts: All that were asked.
        hopeless: Targets for which nothing is clearly better than a constant.
        networks: By target, what other methods were held against.
        mean: The gain of joint training, averaged over all targets, where it is clearly not 0.
        groups: In which the joint candidate trains the targets, ``"auto"`` if it finds them itself; None if
            it trains all together.
    """

    targets: Sequence[str]
    words: Mapping[str, str]
    joint: str | None
    contrasts: Sequence[Contrast]
    hopeless: Sequence[str]
    networks: Mapping[str, str]
    mean: Interval | None = None
    groups: Sequence[Sequence[str]] | str | None = None


def recommendation(advice: Advice) -> str:
    """Say what to do.

    Example:
        >>> gain = Interval(mean=-3.1, half_width=0.8, n=20)
        >>> hurt = Contrast(
        ...     target="C", candidate="joint:hard", baseline="single", joint=True, gain=gain, p_value=0.001
        ... )
        >>> said = recommendation(
        ...     Advice(
        ...         targets=["C", "D"], words={"joint:hard": "hard sharing"}, joint="joint:hard",
        ...         contrasts=[hurt], hopeless=["D"], networks={"C": "single"},
        ...     )
        ... )
        >>> said.split(". ")[0]
        'Keep C apart: joint training costs it 3.1 % ± 0.8'
    """
    better = {target: one for target in advice.targets if (one := _better(advice, target)) is not None}
    rest = [target for target in advice.targets if target not in better and target not in advice.hopeless]
    sentences = _joint_sentences(advice, rest) if advice.joint is not None else _plain_sentences(advice, rest)
    for target, contrast in better.items():
        text = (
            f"{advice.words[contrast.candidate]} is better for {_name(target)}, by "
            f"{gain_words(contrast.gain)}, than {advice.words[contrast.baseline]}."
        )
        sentences.append(text[:1].upper() + text[1:])
    if advice.hopeless:
        sentences.append(f"Nothing predicts {_names(advice.hopeless)} clearly better than a constant.")
    return " ".join(sentences)


def _better(advice: Advice, target: str) -> Contrast | None:
    """Return the method that is clearly better than networks, the best of them."""
    found = [one for one in advice.contrasts if one.target == target and one.verdict == "better" and one.gain]
    return max(found, key=lambda one: one.gain.mean if one.gain else 0.0, default=None)


def _joint_sentences(advice: Advice, targets: Sequence[str]) -> list[str]:
    if len(advice.targets) == 1:
        return [
            f"{_name(target)} is the only target: there is nothing to train it with." for target in targets
        ]
    by_target = {one.target: one for one in advice.contrasts if one.joint and one.candidate == advice.joint}
    gains = {target: by_target[target].gain for target in targets if target in by_target}
    groups: dict[str, list[str]] = {}
    for target in targets:
        verdict = by_target[target].verdict if target in by_target else "unknown"
        groups.setdefault(verdict, []).append(target)
    helped, hurt, unclear = (groups.get(verdict, []) for verdict in ("helped", "hurt", "no clear difference"))
    words = advice.words[advice.joint or ""]
    sentences = []
    if helped:
        together = [target for target in targets if target in helped or target in unclear]
        others = len(advice.targets) > 1 and len(together) == 1
        whom = (
            f"{_names(together)} together with the other targets, by"
            if others
            else f"{_names(together)} together with"
        )
        gained = all_of([f"{_name(t)} by {gain_words(gains[t])}" for t in helped])
        text = f"Train {whom} {words}: it helps {gained}"
        sentences.append(text + (f", with no clear difference for {_names(unclear)}." if unclear else "."))
    elif unclear:
        sentences.append(_unclear(unclear, words, None if hurt else advice.mean, rest_apart=bool(hurt)))
    if hurt:
        costs = [f"{'it' if len(hurt) == 1 else _name(t)} {gain_words(gains[t])}" for t in hurt]
        sentences.append(f"Keep {_names(hurt)} apart: joint training costs {all_of(costs)}.")
    together = [target for target in targets if target in helped or target in unclear]
    if helped and 1 < len(together) < len(advice.targets) and advice.groups is None:
        sentences.append(
            f"These are gains of training all {len(advice.targets)} targets together; compare the smaller "
            f"group {_as_candidate(advice, together)}before relying on them."
        )
    if advice.groups is not None and (helped or (unclear and advice.mean and advice.mean.mean > 0)):
        sentences.append(f"The model in these groups: {_fit_call(advice.groups)}.")
    if unknown := groups.get("unknown"):
        why = "" if by_target else ": no networks of a target alone were compared. Add the candidate single"
        sentences.append(f"Whether joint training helps {_names(unknown)} is not known{why}.")
    return sentences


def _as_candidate(advice: Advice, together: Sequence[str]) -> str:
    """Name the candidate that trains some targets together and each other one alone, if a short name does."""
    others = [[target] for target in advice.targets if target not in together]
    text = groups_text([together, *others])
    typed = advice.joint == "joint:hard" and len(text) <= _LONGEST and text == short_name(text)
    return f"(candidate groups:{text}) " if typed else ""


def _fit_call(groups: Sequence[Sequence[str]] | str) -> str:
    """Write how a model of networks in groups is trained."""
    found = groups if isinstance(groups, str) else [list(group) for group in groups]
    typed = groups if isinstance(groups, str) else groups_text(groups)
    return by_door(
        python=f"`polytask.fit(table, targets, groups={found!r})`",
        command=f"polytask fit with --groups {shlex.quote(typed)}",
    )


def _unclear(targets: Sequence[str], words: str, mean: Interval | None, *, rest_apart: bool) -> str:
    """Say what to do with targets of which none is helped or hurt clearly, but perhaps all are together."""
    names = _names(targets)
    if mean is not None and len(targets) > 1:
        does, how = ("gains", f"together with {words}") if mean.mean > 0 else ("costs", "apart")
        return (
            f"Train {names} {how}: joint training {does} {gain_words(mean)} on average over all targets, "
            "though for none of them the difference is clear."
        )
    if len(targets) > 1:
        how = "them together for one model, or apart"
    else:
        how = "it apart, too" if rest_apart else "it with others, or by itself"
    return f"Joint training ({words}) makes no clear difference for {names}: train {how}."


def _plain_sentences(advice: Advice, targets: Sequence[str]) -> list[str]:
    by_method: dict[str, list[str]] = {}
    for target in targets:
        by_method.setdefault(advice.networks[target], []).append(target)
    return [
        f"For {_names(names)}, nothing is clearly better than {advice.words[method]}."
        for method, names in by_method.items()
    ]


def _name(target: str) -> str:
    return short_name(target)


def _names(targets: Sequence[str]) -> str:
    return all_of([_name(target) for target in targets])

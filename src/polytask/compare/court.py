"""Predictions of all candidates for the same rows, and who is better: every question paired row by row.

Rows are left out block by block (see `polytask.evaluate.jackknife`), which tells how a gain would vary with
other rows; it is widened for what other training rows would change, see `resampled`.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from polytask.compare.networks import JointNetworks
from polytask.compare.plan import Plan
from polytask.compare.results import CandidateResult, Contrast
from polytask.core import Interval
from polytask.core.random import derive_seed
from polytask.evaluate.jackknife import p_values_of, row_blocks
from polytask.fitting.table_verdict import HeldOutRows, averaged_gain, judged_rows

__all__ = ["Court", "resampled"]


class Court:
    """Predictions of all candidates for the same rows.

    Args:
        plan: The comparison.
        outputs: By candidate, the predictions of each repeat.
    """

    def __init__(self, plan: Plan, outputs: Mapping[str, list[dict[str, Tensor]]]) -> None:
        self.plan, self.outputs = plan, outputs
        rows = plan.rows
        self.prepared = rows.prepared(plan.repeats)
        blocks = row_blocks(
            len(rows), groups=rows.groups, order=rows.times, seed=derive_seed(plan.seed, "blocks")
        )
        self.judges = {
            target.task.name: HeldOutRows(target, self.prepared, blocks) for target in rows.targets
        }
        self.joint = [name for name in outputs if isinstance(plan.candidates[name], JointNetworks)]
        self._gains: dict[tuple[str, str, str], Interval | None] = {}

    @property
    def n_judged(self) -> int:
        """How many rows were judged."""
        return judged_rows(self.prepared.rows, [part for parts in self.outputs.values() for part in parts])

    def averaged(self, intervals: Sequence[Interval]) -> Interval:
        """Average intervals over repeats; see `resampled`."""
        folds = self.plan.repeats[0]
        ratio = sum(len(fold.held_out) / len(fold.train) for fold in folds) / len(folds)
        return resampled(intervals, n_folds=len(folds), test_over_train=ratio)

    def metrics(self, name: str) -> dict[str, dict[str, Interval]]:
        """Return every metric of a candidate by target."""
        found = {}
        for target, judge in self.judges.items():
            parts = [judge.metrics(part)[0] for part in self.outputs[name]]
            metrics = {
                metric: self.averaged([part[metric] for part in parts])
                for metric in parts[0]
                if all(metric in part for part in parts)
            }
            if metrics:
                found[target] = metrics
        return found

    def gain(self, target: str, name: str, baseline: str) -> Interval | None:
        """Return the gain of a candidate over another on a target."""
        key = (target, name, baseline)
        if key not in self._gains:
            pairs = zip(self.outputs[name], self.outputs[baseline], strict=True)
            gains = [self.judges[target].gain(ours, theirs) for ours, theirs in pairs]
            known = [gain for gain in gains if gain is not None]
            self._gains[key] = self.averaged(known) if known and len(known) == len(gains) else None
        return self._gains[key]

    def single_of(self, name: str) -> str | None:
        """Return the networks without other targets that a joint candidate is held against."""
        candidate = self.plan.candidates[name]
        names = [candidate.single, "single"] if isinstance(candidate, JointNetworks) else []
        return next((name for name in names if name in self.outputs), None)

    def delta_m(self, name: str) -> Interval | None:
        """Return the gain of a joint candidate over single networks, averaged over targets."""
        single = self.single_of(name)
        if single is None:
            return None
        judges = list(self.judges.values())
        pairs = zip(self.outputs[name], self.outputs[single], strict=True)
        repeats = [averaged_gain(judges, ours, theirs) for ours, theirs in pairs]
        known = [interval for interval in repeats if interval is not None]
        return self.averaged(known) if known and len(known) == len(repeats) else None

    def best_joint(self) -> str | None:
        """Return the joint candidate with the largest mean gain; the first where gains are not known."""

        def mean(name: str) -> float:
            single = self.single_of(name)
            gains = [] if single is None else [self.gain(target, name, single) for target in self.judges]
            known = [gain.mean for gain in gains if gain is not None]
            return sum(known) / len(known) if known else -math.inf

        return max(self.joint, key=mean) if self.joint else None

    def networks(self, target: str, joint: str | None) -> str:
        """Return what other methods are held against: the networks that do better on a target."""
        single = None if joint is None else self.single_of(joint)
        if joint is not None:
            gain = None if single is None else self.gain(target, joint, single)
            return single if single is not None and gain is not None and gain.mean < 0 else joint
        usual = [name for name in self.outputs if name == "single"] or [
            n for n in self.outputs if n != "constant"
        ]
        return (usual or list(self.outputs))[0]

    def contrasts(self) -> tuple[str | None, list[Contrast]]:
        """Return the best joint candidate, and all contrasts with their adjusted p-values."""
        best = self.best_joint()
        asked: list[_Question] = []
        singles = {single for name in self.joint if (single := self.single_of(name)) is not None}
        for target in self.judges:
            networks = self.networks(target, best)
            for name in self.outputs:
                single = self.single_of(name)
                if single is not None:
                    asked.append((target, name, single, True))
                elif name not in (networks, "constant") and name not in singles:
                    asked.append((target, name, networks, False))
        gains = {key: self.gain(*key[:3]) for key in asked}
        asked_alike = [
            {key: gain for key, gain in gains.items() if key[3] is joint} for joint in (True, False)
        ]
        p_values = {key: p for alike in asked_alike for key, p in p_values_of(alike).items()}
        return best, [
            Contrast(
                target=target,
                candidate=name,
                baseline=baseline,
                joint=joint,
                gain=gain,
                p_value=p_values[target, name, baseline, joint],
            )
            for (target, name, baseline, joint), gain in gains.items()
        ]

    def not_better_than_constant(self, results: Sequence[CandidateResult]) -> tuple[str, ...]:
        """Return the targets for which no candidate is clearly better than a constant."""
        found = []
        for target, judge in self.judges.items():
            tried = [
                self.outputs[one.name][0]
                for one in results
                if target in one.metrics and one.name != "constant"
            ]
            if tried and not any(judge.ahead(outputs) for outputs in tried):
                found.append(target)
        return tuple(found)


_Question = tuple[str, str, str, bool]  # target, candidate, baseline, joint


def resampled(intervals: Sequence[Interval], *, n_folds: int, test_over_train: float) -> Interval:
    r"""Average intervals over repeats, and widen them for what other training rows would change.

    A jackknife over rows takes the models as they are. Folds share most of their training rows, so that their
    models err alike; the half width :math:`h` of :math:`K` folds with test over training rows :math:`\rho`
    becomes wider, and the standard deviation :math:`s` over :math:`R` repeats comes on top:

    .. math:: h'^2 = h^2 (1 + K \rho) + t^2 s^2 / R

    Args:
        intervals: Of each repeat.
        n_folds: :math:`K`.
        test_over_train: :math:`\rho`.

    References:
        Claude Nadeau, Yoshua Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003: the
        variance of a mean over splits is that of independent ones times :math:`1 + K \rho`.

    Example:
        >>> one = Interval(mean=2.0, half_width=1.0, n=20)
        >>> resampled([one, one], n_folds=5, test_over_train=0.25).format()
        '2.00 ± 1.50'
    """
    from scipy.special import stdtrit

    first, n = intervals[0], len(intervals)
    means = np.array([interval.mean for interval in intervals])
    spread = 0.0
    if n > 1:
        quantile = float(stdtrit(max(first.n - 1, 1), (1 + first.confidence) / 2))
        spread = quantile * float(means.std(ddof=1)) / math.sqrt(n)
    rows = sum(interval.half_width for interval in intervals) / n
    return Interval(
        mean=float(means.mean()),
        half_width=math.hypot(rows * math.sqrt(1 + n_folds * test_over_train), spread),
        n=min(interval.n for interval in intervals),
        confidence=first.confidence,
    )

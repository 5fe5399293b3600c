"""The probability that full joint training helps, from a short comparison."""

import math
from dataclasses import replace

import pytest
from scipy import stats

from polytask.core import Interval
from polytask.evaluate.jackknife import p_value
from polytask.relate.pilot_probability import (
    FEATURES,
    PilotProbability,
    pilot_features,
    t_statistic,
)


def _gain(mean: float, half_width: float = 1.0, n: int = 20) -> Interval:
    return Interval(mean=mean, half_width=half_width, n=n)


def _learned(lead: float = 0.05, **coefficients: float) -> PilotProbability:
    return PilotProbability(
        coefficients=dict.fromkeys(FEATURES, 0.0) | coefficients,
        intercept=0.0,
        base_rate=0.6,
        n_tables=3,
        n_tasks=9,
        brier={"pilot": 0.2, "base_rate": 0.25},
        brier_lead=(lead, 0.01),
    )


@pytest.mark.parametrize("gain", [_gain(0.3), _gain(-2.0, 1.5, 7), _gain(5.0)])
def test_the_t_statistic_has_the_p_value_of_the_interval(gain: Interval) -> None:
    t = t_statistic(gain)
    assert math.copysign(1, t) == math.copysign(1, gain.mean)
    assert 2 * stats.t.sf(abs(t), gain.n - 1) == pytest.approx(p_value(gain))


def test_where_nothing_varies_nothing_is_known() -> None:
    assert t_statistic(_gain(3.0, 0.0)) == 0.0
    assert math.isnan(t_statistic(_gain(3.0, math.nan, 1)))


def test_a_task_whose_gain_is_unknown_gets_the_base_rate() -> None:
    found = _learned(t=1.0).probabilities({"a": None, "b": _gain(1.0)}, {"a": 50, "b": 50})
    assert found["a"] == 0.6 and found["b"] > 0.6


def test_the_probability_is_the_logistic_function_of_the_features() -> None:
    labels = {"a": 1000, "b": 10}
    gains = {"a": _gain(0.5), "b": _gain(-0.2)}
    found = _learned(t=0.7, log_labels=-0.4, log_tasks=0.3).probabilities(gains, labels)
    score = 0.7 * t_statistic(gains["a"]) - 0.4 * math.log10(1000 / 100) + 0.3 * math.log2(2 / 2)
    assert found["a"] == pytest.approx(1 / (1 + math.exp(-score)))


def test_a_gain_beyond_all_doubt_counts_no_more_than_four_errors() -> None:
    features = pilot_features({"a": _gain(1e6), "b": _gain(-1e6)}, {"a": 100, "b": 100})
    assert features["a"][0] == 4.0 and features["b"][0] == -4.0


def test_where_it_does_not_inform_all_get_the_base_rate() -> None:
    found = _learned(0.0, t=5.0).probabilities({"a": _gain(3.0), "b": _gain(-3.0)}, {"a": 50, "b": 50})
    assert found == {"a": 0.6, "b": 0.6}


def test_it_informs_where_its_lead_is_beyond_two_errors() -> None:
    assert _learned(0.021).informs
    assert not _learned(0.02).informs and not _learned(-0.05).informs


def test_what_is_stored_is_whole_and_between_certainties() -> None:
    stored = PilotProbability.stored()
    assert set(stored.coefficients) == set(FEATURES)
    assert 0 < stored.base_rate < 1 and stored.n_tasks >= stored.n_tables > 0
    gains = {"a": _gain(1.0, 0.5), "b": _gain(-1.0, 0.5)}
    found = stored.probabilities(gains, {"a": 200, "b": 200})
    assert 0 < found["b"] <= found["a"] < 1


def test_more_labels_change_nothing_where_they_have_no_weight() -> None:
    learned = replace(_learned(t=1.0))
    few, many = ({"a": n, "b": n} for n in (10, 10_000))
    gains = {"a": _gain(1.0), "b": _gain(0.2)}
    assert learned.probabilities(gains, few) == learned.probabilities(gains, many)

"""What relating tasks found, as sentences, tables and JSON."""

import json
import math

import pytest
import torch

from polytask.core import InputError, Interval
from polytask.relate import Relations, TaskRelation
from polytask.relate.affinity import Affinity
from polytask.relate.pilot_probability import FEATURES, PilotProbability


def _task(name: str, probability: float, group: int = 0, gain: float | None = 1.0) -> TaskRelation:
    return TaskRelation(
        task=name,
        kind="regression",
        metric="rmse",
        labels=40,
        gain=None if gain is None else Interval(mean=gain, half_width=0.5, n=20),
        p_value=None if gain is None else 0.01,
        probability=probability,
        group=group,
    )


def _found(*tasks: TaskRelation, lead: float = 0.1, mean: float | None = None) -> Relations:
    names = tuple(one.task for one in tasks)
    n_groups = max(one.group for one in tasks) + 1
    return Relations(
        tasks=tasks,
        affinity=Affinity(
            names=names,
            matrix=torch.full((len(names), len(names)), math.nan).fill_diagonal_(0.0),
            n_seen=torch.ones(len(names), len(names)),
        ),
        affinity_kind="transfer",
        groups=tuple(tuple(one.task for one in tasks if one.group == group) for group in range(n_groups)),
        mean=None if mean is None else Interval(mean=mean, half_width=0.25, n=20),
        probability=PilotProbability(
            coefficients=dict.fromkeys(FEATURES, 0.0),
            intercept=0.0,
            base_rate=0.62,
            n_tables=5,
            n_tasks=30,
            brier={"pilot": 0.2, "base_rate": 0.24},
            brier_lead=(lead, 0.01),
        ),
        rows={"table": 50, "labelled": 45, "used": 40},
        n_folds=3,
        seconds=1.25,
    )


def test_the_sentences_tell_whom_it_helps_and_hurts_and_what_is_open() -> None:
    found = _found(_task("a", 0.82), _task("b", 0.2, 1), _task("c", 0.5), mean=-1.5)
    assert str(found) == (
        "Joint training will probably help a (probability 0.82), and hurt b (probability 0.20). Whether it "
        "helps c (probability 0.50) is open. On average over the tasks it clearly lost 1.5 % ± 0.2 in "
        "the short comparison. By their affinities, train together: a and c; and alone: b."
    )


@pytest.mark.parametrize(
    ("probability", "outlook"), [(0.65, "helps"), (0.64, "open"), (0.36, "open"), (0.35, "hurts")]
)
def test_what_is_to_be_expected_begins_at_two_thirds(probability: float, outlook: str) -> None:
    assert _task("a", probability).outlook == outlook


def test_of_many_tasks_the_sentences_say_how_many() -> None:
    found = _found(*[_task(f"t{i}", 0.9, i % 2) for i in range(15)])
    assert str(found) == (
        "Joint training will probably help 15 of 15 tasks. By their affinities, they make 2 groups, of 8, 7 "
        "tasks."
    )


def test_where_short_comparisons_foretell_nothing_it_is_said_and_only_the_measured_is_told() -> None:
    said = str(_found(_task("a", 0.62), _task("b", 0.62, gain=-2.0), lead=0.0))
    assert said.startswith(
        "In a short comparison joint training clearly helped a by 1.0 % ± 0.5, and hurt b by 2.0 %"
    )
    assert "no better than the base rate (62 % of tasks gained)" in said and "probably" not in said
    assert "base rate" not in str(_found(_task("a", 0.9), _task("b", 0.9)))


def test_where_nothing_is_clear_it_is_said() -> None:
    said = str(_found(_task("a", 0.5, gain=None), _task("b", 0.5, gain=None), lead=0.0))
    assert said.startswith("In a short comparison joint training made no clear difference for any one task.")


@pytest.mark.parametrize(("mean", "said"), [(0.3, "it clearly gained 0.3 %"), (0.2, "it gained 0.2 %")])
def test_a_mean_gain_is_clear_where_its_interval_leaves_out_0(mean: float, said: str) -> None:
    assert said in str(_found(_task("a", 0.5), _task("b", 0.5), mean=mean))


@pytest.mark.parametrize(
    ("groups", "said"),
    [((0, 0), "all of them belong in one network."), ((0, 1), "each is best alone.")],
)
def test_one_group_and_no_group_have_sentences_of_their_own(groups: tuple[int, int], said: str) -> None:
    assert said in str(_found(_task("a", 0.5, groups[0]), _task("b", 0.5, groups[1])))


def test_the_verdict_is_that_of_the_short_comparison() -> None:
    assert _task("a", 0.5).verdict == "helped" and _task("a", 0.5, gain=-1.0).verdict == "hurt"
    assert _task("a", 0.5, gain=None).verdict == "unknown"


def test_the_frame_has_a_row_for_each_task_and_unknown_figures_are_nan() -> None:
    frame = _found(_task("a", 0.8), _task("b", 0.4, 1, gain=None)).to_frame()
    assert frame.index.tolist() == ["a", "b"] and frame.loc["b", "group"] == 2
    assert math.isnan(frame.loc["b", "gain_percent"]) and frame.loc["a", "gain_half_width"] == 0.5


def test_the_json_is_strict_and_has_the_matrix() -> None:
    found = _found(_task("a", 0.8), _task("b", 0.4, 1, gain=None)).to_json()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["affinity"]["matrix"] == [[0.0, None], [None, 0.0]]
    assert found["groups"] == [["a"], ["b"]] and found["tasks"][1]["gain_percent"] is None


def test_a_task_is_found_by_its_name() -> None:
    found = _found(_task("a", 0.8), _task("b", 0.4))
    assert found["b"].probability == 0.4
    with pytest.raises(InputError, match="There is no task 'x'; there are a, b"):
        found["x"]


def test_it_shows_itself_in_words() -> None:
    assert repr(_found(_task("a", 0.8), _task("b", 0.4))) == (
        "Relations(2 tasks: joint training probably helps 1, hurts 0, open for 1; 1 group; 1.2 s)"
    )

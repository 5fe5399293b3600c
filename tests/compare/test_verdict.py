"""Verdicts and words, on predictions whose errors are known by construction."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.compare.small import rows

from polytask.compare.catalogue import candidates_of
from polytask.compare.cells import CellRecord, write_cell
from polytask.compare.court import resampled
from polytask.compare.plan import write_plan
from polytask.compare.verdict import judge_cells
from polytask.core import InputError, Interval, TrainingError
from polytask.evaluate.jackknife import jackknife_interval, p_value, row_blocks

RECORD = CellRecord(
    status="done", seconds=1.0, peak_bytes=2**20, host="h", process=1, began=0.0, finished=1.0
)
USUAL = ("constant", "linear", "random-forest", "single", "joint:hard")


def judged(folder, errors, *, n_rows=300, repeats=1, candidates=USUAL, skip=lambda cell: False, seed=0):
    """Judge candidates whose errors have given sizes: ``errors[target][candidate]``, else 0.4.

    The errors of all candidates in a row are alike but for their size, as they are of one table.
    """
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": draw.normal(size=n_rows)})
    for target in errors:
        frame[target] = draw.normal(size=n_rows)
    found, dealt = rows(frame, list(errors), folds=5, repeats=repeats)
    plan = write_plan(folder, found, dealt, candidates_of(candidates), trials=1, seed=0, data={})
    noise = {(target, repeat): draw.normal(size=n_rows) for target in errors for repeat in range(repeats)}
    for cell in plan.cells:
        if skip(cell):
            continue
        held_out = plan.fold(cell).held_out
        outputs = {}
        for target, sizes in errors.items():
            size = sizes.get(cell.candidate, 0.4)
            own = draw.normal(size=len(held_out))
            values = found.labels(target)[held_out] + size * (
                noise[target, cell.repeat][held_out] + 0.1 * own
            )
            outputs[target] = values.astype(np.float32)[:, None]
        write_cell(plan.folder / "cells", cell, RECORD, outputs)
    return judge_cells(plan)


def test_words_say_what_to_train_together_what_apart_and_where_another_method_is_better(tmp_path):
    found = judged(
        tmp_path,
        {"A": {"joint:hard": 0.32}, "B": {}, "C": {"joint:hard": 0.52}, "D": {"random-forest": 0.24}},
    )
    verdicts = {target: found.contrast(target, "joint:hard").verdict for target in "ABCD"}
    assert verdicts == dict(zip("ABCD", ["helped", "no clear difference", "hurt", "no clear difference"]))
    assert found.contrast("D", "random-forest").verdict == "better"
    text = str(found)
    assert text.startswith("Train A and B together with hard sharing: it helps A by 19.4 % ± 1.4")
    assert "no clear difference for B." in text
    assert "Keep C apart: joint training costs it 3" in text
    assert "A random forest is better for D, by " in text
    assert "the smaller group" in text
    assert found.best("A") == "joint:hard" and found.best("C") != "joint:hard"
    assert found.best("D") == "random-forest"


def test_where_nothing_differs_the_words_say_so(tmp_path):
    found = judged(tmp_path, {"A": {}, "B": {}}, seed=1)
    assert str(found) == (
        "Joint training (hard sharing) makes no clear difference for A and B: train them together for one "
        "model, or apart."
    )
    assert {one.verdict for one in found.contrasts} == {"no clear difference"}


def test_other_methods_are_held_against_the_better_networks(tmp_path):
    found = judged(tmp_path, {"A": {"joint:hard": 0.32}, "B": {"joint:hard": 0.52}})
    assert found.contrast("A", "linear").baseline == "joint:hard"
    assert found.contrast("B", "linear").baseline == "single"
    assert found.contrast("A", "joint:hard").baseline == "single"
    assert found.contrast("A", "single") is None and found.contrast("A", "constant") is None


def test_gains_are_what_was_built_in(tmp_path):
    found = judged(tmp_path, {"A": {"joint:hard": 0.32}, "B": {"joint:hard": 0.48}})
    gains = {target: found.contrast(target, "joint:hard").gain for target in "AB"}
    assert abs(gains["A"].mean - 20) < 3 and abs(gains["B"].mean + 20) < 3
    mean = found.delta_m["joint:hard"]
    assert mean.mean == pytest.approx((gains["A"].mean + gains["B"].mean) / 2)
    assert mean.low < 0 < mean.high


def test_p_values_are_adjusted_for_all_targets(tmp_path):
    found = judged(tmp_path, {"A": {"joint:hard": 0.372}, "B": {}}, n_rows=200)
    one = found.contrast("A", "joint:hard")
    few = judged(
        tmp_path / "few", {"A": {"joint:hard": 0.372}}, n_rows=200, candidates=("single", "joint:hard")
    )
    assert len(found.contrasts) == 6 and len(few.contrasts) == 1
    assert one.p_value > few.contrasts[0].p_value


def test_the_best_of_several_joint_candidates_is_named(tmp_path):
    found = judged(
        tmp_path,
        {"A": {"joint:hard": 0.38, "joint:mmoe+pcgrad": 0.28}, "B": {"joint:mmoe+pcgrad": 0.28}},
        candidates=("single", "joint:hard", "joint:mmoe+pcgrad"),
    )
    assert str(found).startswith(
        "Train A and B together with architecture mmoe and balancing pcgrad: it helps A"
    )


def test_without_joint_networks_methods_are_compared_with_each_other(tmp_path):
    found = judged(
        tmp_path, {"A": {"random-forest": 0.28}, "B": {}}, candidates=("constant", "linear", "random-forest")
    )
    assert str(found).startswith(
        "For B, nothing is clearly better than a linear model. A random forest is better for A"
    )


def test_a_target_that_nothing_predicts_is_named(tmp_path):
    errors = {"A": dict.fromkeys(USUAL, 1.5), "B": {}}
    found = judged(tmp_path, errors)
    assert found.not_better_than_constant == ("A",)
    assert "Nothing predicts A clearly better than a constant." in str(found)


def test_folds_that_lack_a_candidate_are_not_judged(tmp_path):
    late = lambda cell: cell.fold == 4 and cell.candidate == "joint:hard"  # noqa: E731
    found = judged(tmp_path, {"A": {}, "B": {}}, skip=late, candidates=("single", "joint:hard"))
    assert (found.n_left, found.rows["judged"]) == (1, 240)
    assert "4 of 5 folds are judged" in found.messages[0]


def test_without_a_whole_fold_there_is_nothing_to_judge(tmp_path):
    with pytest.raises(TrainingError, match="20 of 25 cells are done, but no fold"):
        judged(tmp_path, {"A": {}, "B": {}}, skip=lambda cell: cell.candidate == "joint:hard")


def test_the_spread_over_repeats_widens_an_interval(tmp_path):
    one, other = Interval(mean=1.0, half_width=1.0, n=20), Interval(mean=3.0, half_width=1.0, n=20)
    both = resampled([one, other], n_folds=5, test_over_train=0.25)
    assert both.mean == 2.0
    assert both.half_width == pytest.approx(np.hypot(1.5, 2.093 * np.sqrt(2) / np.sqrt(2)), rel=1e-3)
    found = judged(tmp_path, {"A": {"joint:hard": 0.32}}, repeats=2, candidates=("single", "joint:hard"))
    assert found.contrast("A", "joint:hard").verdict == "helped"


def test_a_result_is_plain_json_and_a_frame(tmp_path):
    found = judged(tmp_path, {"A": {"joint:hard": 0.32}, "B": {}})
    stored = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert stored["targets"][0] == {"name": "A", "kind": "regression", "metric": "rmse", "best": "joint:hard"}
    frame = found.to_frame()
    assert len(frame) == 10 and frame["seconds"].eq(1.0).all() and frame["peak_mib"].eq(1.0).all()
    row = frame[(frame["target"] == "A") & (frame["candidate"] == "joint:hard")].iloc[0]
    assert (row["baseline"], row["verdict"]) == ("single", "helped")
    with pytest.raises(InputError, match="no target 'E'; there are A, B"):
        found.best("E")


def test_a_failed_candidate_is_left_out_and_named(tmp_path):
    def broken(cell):
        return cell.candidate == "linear"

    found, dealt = rows(pd.DataFrame({"x": np.arange(40.0) % 7, "A": np.arange(40.0)}), ["A"], folds=2)
    plan = write_plan(
        tmp_path, found, dealt, candidates_of(["linear", "random-forest"]), trials=1, seed=0, data={}
    )
    for cell in plan.cells:
        held_out = plan.fold(cell).held_out
        outputs = {} if broken(cell) else {"A": found.labels("A")[held_out].astype(np.float32)[:, None]}
        record = replace(RECORD, status="failed", error="KeyError: 'x'") if broken(cell) else RECORD
        write_cell(tmp_path / "cells", cell, record, outputs)
    result = judge_cells(plan)
    assert result.candidates[0].error == "KeyError: 'x'" and not result.candidates[0].metrics
    assert result.messages[0] == "Candidate 'linear' failed and is left out: KeyError: 'x'"
    assert result.best("A") == "random-forest"


def test_many_small_gains_are_clear_together(tmp_path):
    errors = {name: {"joint:hard": 0.38} for name in "ABCDEF"}
    found = judged(tmp_path, errors, n_rows=40, candidates=("single", "joint:hard"), seed=2)
    assert {one.verdict for one in found.contrasts} == {"no clear difference"}
    assert str(found).startswith(
        "Train A, B, C, D, E and F together with hard sharing: joint training gains 5.0 % ± 3.0 on average"
    )


def test_the_two_questions_are_adjusted_apart(tmp_path):
    found = judged(tmp_path, {"A": {"joint:hard": 0.39}}, n_rows=120)
    asked = {one.candidate: one for one in found.contrasts}
    assert asked["joint:hard"].p_value == pytest.approx(p_value(asked["joint:hard"].gain))
    raw = [p_value(asked[name].gain) for name in ("linear", "random-forest")]
    assert min(asked[name].p_value for name in ("linear", "random-forest")) == pytest.approx(2 * min(raw))


def test_methods_that_are_equally_good_are_seldom_told_apart():
    """Ridge on either half of the features, which tell as much; models of all folds err alike."""

    def ridge(x, y, others):
        weights = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ (y - y.mean()))
        return others @ weights + y.mean()

    n_rows, n_features, plain, wide = 60, 20, 0, 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        halves, weights = draw.normal(size=(2, n_rows, n_features)), draw.normal(size=n_features)
        y = halves.sum(0) @ weights + n_features**0.5 * draw.normal(size=n_rows)
        fold, errors = draw.permutation(n_rows) % 5, np.empty((2, n_rows))
        for held_out in (fold == index for index in range(5)):
            for half, error in zip(halves, errors):
                error[held_out] = ridge(half[~held_out], y[~held_out], half[held_out]) - y[held_out]
        first, second = errors**2
        gain = jackknife_interval(
            lambda rows, a=first, b=second: 100 * (1 - (a[rows].mean() / b[rows].mean()) ** 0.5),
            row_blocks(n_rows, seed=seed),
        )
        plain += p_value(gain) < 0.05
        wide += p_value(resampled([gain], n_folds=5, test_over_train=0.25)) < 0.05
    assert plain > 20 and wide <= 12  # of 200; 10 is 5 %

"""What a comparison says in words."""

import dataclasses
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.compare.small import plan

from polytask.compare import runner
from polytask.compare.recommendation import Advice, recommendation
from polytask.compare.results import Contrast
from polytask.core import Interval
from polytask.core.doors import at_the_command


def _advice(targets: list[str], mean: float | None = None) -> Advice:
    gain = Interval(mean=0.5, half_width=2.0, n=20)
    return Advice(
        targets=targets,
        words={"joint:hard": "hard sharing"},
        joint="joint:hard",
        contrasts=[
            Contrast(
                target=target, candidate="joint:hard", baseline="single", joint=True, gain=gain, p_value=0.5
            )
            for target in targets
        ],
        hopeless=[],
        networks=dict.fromkeys(targets, "joint:hard"),
        mean=None if mean is None else Interval(mean=mean, half_width=0.2, n=20),
    )


def test_without_networks_of_single_targets_it_is_told_what_to_add() -> None:
    words = recommendation(dataclasses.replace(_advice(["y", "z"]), contrasts=[]))
    assert words == (
        "Whether joint training helps y and z is not known: no networks of a target alone were compared. Add "
        "the candidate single."
    )


def test_one_target_has_nothing_to_be_trained_with() -> None:
    assert recommendation(_advice(["y"])) == "y is the only target: there is nothing to train it with."


@pytest.mark.parametrize(
    ("mean", "said"),
    [
        (1.5, "Train a and b together with hard sharing: joint training gains 1.5 % ± 0.2 on average"),
        (-1.5, "Train a and b apart: joint training costs 1.5 % ± 0.2 on average"),
        (None, "Joint training (hard sharing) makes no clear difference for a and b: train them together"),
    ],
)
def test_gains_that_are_clear_together_alone_are_told_by_their_sign(mean: float | None, said: str) -> None:
    assert recommendation(_advice(["a", "b"], mean)).startswith(said)


def test_where_one_target_is_left_a_mean_over_all_says_nothing_of_it() -> None:
    advice = dataclasses.replace(_advice(["a", "b"], 1.5), hopeless=["b"])
    assert recommendation(advice).startswith("Joint training (hard sharing) makes no clear difference for a:")


@pytest.mark.parametrize(
    ("groups", "python", "typed"),
    [
        ([["a", "c"], ["b"]], "`polytask.fit(table, targets, groups=[['a', 'c'], ['b']])`", "'a,c;b'"),
        ("auto", "`polytask.fit(table, targets, groups='auto')`", "auto"),
    ],
)
def test_networks_in_groups_that_pay_are_advised_with_the_call_that_trains_them(
    groups: Any, python: str, typed: str
) -> None:
    advice = dataclasses.replace(_advice(["a", "b", "c"], 1.5), groups=groups)
    assert recommendation(advice).endswith(f"The model in these groups: {python}.")
    with at_the_command():
        assert recommendation(advice).endswith(f"polytask fit with --groups {typed}.")
    assert "The model" not in recommendation(dataclasses.replace(advice, mean=None))
    assert "The model" not in recommendation(dataclasses.replace(advice, groups=None))


def test_gains_of_networks_in_groups_are_not_called_those_of_training_all_together() -> None:
    clear = [
        dataclasses.replace(one, p_value=0.001, gain=Interval(mean=gain, half_width=0.5, n=20))
        for one, gain in zip(_advice(["a", "b", "c"]).contrasts, (3.0, 2.0, -4.0), strict=True)
    ]
    advice = dataclasses.replace(_advice(["a", "b", "c"]), contrasts=clear)
    text = (
        "gains of training all 3 targets together; compare the smaller group (candidate groups:a,b;c) before"
    )
    assert text in recommendation(advice)
    assert "together;" not in recommendation(dataclasses.replace(advice, groups=[["a", "b"], ["c"]]))


@pytest.mark.parametrize(
    ("text", "n_warnings"), [("import polytask", 1), ("if __name__ == '__main__':\n    pass", 0)]
)
def test_a_script_without_a_guard_does_its_work_in_this_process_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, n_warnings: int
) -> None:
    (tmp_path / "script.py").write_text(text)
    main = ModuleType("__main__")
    main.__file__ = str(tmp_path / "script.py")
    monkeypatch.setitem(sys.modules, "__main__", main)
    begun = plan(tmp_path / "run", ("constant",), folds=2)
    asked: list[int] = []

    @contextmanager
    def submitting(_executor: object, n_workers: int) -> Iterator[Callable]:
        asked.append(n_workers)
        yield lambda function, *given: runner._Now(function(*given))

    monkeypatch.setattr(runner, "_submitting", submitting)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        runner.run_cells(begun, workers=2)
    told = [one for one in caught if "The script has no `if __name__" in str(one.message)]
    assert len(told) == n_warnings and asked == [2 - n_warnings]


def test_a_frame_of_a_comparison_has_numbers_where_figures_are_unknown(tmp_path: Path) -> None:
    from tests.compare.test_verdict import judged

    frame = judged(tmp_path, {"A": {}}, candidates=("constant", "linear")).to_frame()
    assert frame[["gain_percent", "gain_half_width", "p_value"]].dtypes.eq(float).all()
    assert not frame.isna()["verdict"].any() and math.isnan(frame["gain_percent"].iloc[0])

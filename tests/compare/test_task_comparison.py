"""A comparison on the tasks of a task column, from the call to the words."""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.compare.task_samples import shops

import polytask
from polytask.compare import TaskComparison, work_on
from polytask.compare.cells import RECORD_FILE
from polytask.core import BundleError, DataError, InputError, ResultWarning

QUICK: dict[str, Any] = {
    "task_column": "shop",
    "candidates": ["constant", "own", "pooled", "mixed"],
    "settings": {"epochs": 5, "width": 8, "bins": 0},
    "workers": 1,
    "folds": 2,
}


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[TaskComparison, Path]:
    folder = tmp_path_factory.mktemp("compared") / "shops"
    return polytask.compare(shops(), "sold", directory=folder, task_rows=["most", 0, 5], **QUICK), folder


def value(found: TaskComparison, known: int | str, candidate: str) -> float:
    frame = found.to_frame()
    return float(frame[(frame["known"] == str(known)) & (frame["candidate"] == candidate)]["value"].iloc[0])


def test_what_knows_the_task_is_better_where_something_is_known_of_it(
    compared: tuple[TaskComparison, Path],
) -> None:
    found, _ = compared
    assert list(found.parts) == ["most", 0, 5] and found.reference == "mixed"
    for known in ("most", 5):
        assert value(found, known, "mixed") < 0.5 * value(found, known, "pooled")
        contrast = found.contrast(known, "sold", "pooled")
        assert contrast is not None and contrast.verdict == "better" and contrast.gain is not None
        assert 50 < contrast.gain.mean < 100
    assert value(found, 0, "own") == pytest.approx(value(found, 0, "constant"), rel=0.05)


def test_the_words_say_it_for_each_number_of_known_rows(compared: tuple[TaskComparison, Path]) -> None:
    found, _ = compared
    assert str(found) == found.recommendation
    for words in (
        "For new rows of known tasks,",
        "For new tasks without a row,",
        "For new tasks with 5",
    ):
        assert words in found.recommendation
    assert "with 5 rows, take a model of all tasks that knows each: it is better" in found.recommendation
    told = found.to_json()
    assert [part["known"] for part in told["parts"]] == ["most", 0, 5] and told["task_column"] == "shop"


def test_cells_that_are_done_are_not_done_again_and_workers_may_do_the_rest(
    compared: tuple[TaskComparison, Path],
) -> None:
    found, folder = compared
    cells = sorted(folder.glob(f"**/cells/*/{RECORD_FILE}"))
    assert len(cells) == 3 * 2 * 4
    before = {cell: cell.stat().st_mtime_ns for cell in cells}
    lost = cells[-1].parent
    for file in lost.iterdir():
        file.unlink()
    lost.rmdir()
    again = work_on(folder, progress=False)
    assert isinstance(again, TaskComparison) and again.recommendation == found.recommendation
    kept = [cell for cell in cells if cell.parent != lost]
    assert {cell: cell.stat().st_mtime_ns for cell in kept} == {cell: before[cell] for cell in kept}
    once_more = polytask.compare(shops(), "sold", directory=folder, task_rows=["most", 0, 5], **QUICK)
    assert once_more.to_json()["parts"] == again.to_json()["parts"]
    with pytest.raises(BundleError, match="holds another comparison"):
        polytask.compare(shops(seed=1), "sold", directory=folder, task_rows=["most", 0, 5], **QUICK)


def test_what_no_task_has_rows_for_is_left_out_and_told() -> None:
    quick = {**QUICK, "candidates": ["constant", "own"], "settings": None}
    with pytest.warns(ResultWarning, match="New tasks with 20 rows: no task has enough rows"):
        found = polytask.compare(shops(), "sold", task_rows=[0, 20], **quick)
    assert list(found.parts) == [0] and found.reference == "constant"
    with pytest.raises(DataError, match="No task of 'shop' has enough rows to judge new tasks with 20 rows"):
        polytask.compare(shops(), "sold", task_rows=20, **quick)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"task_rows": ["few"]}, "`task_rows` are whole numbers from 0 on, or 'most'.*got 'few'"),
        ({"task_rows": []}, "`task_rows` is empty"),
        ({"folds": [([0], [1])]}, "`folds` is a number where there is a `task_column`"),
        ({"group": "size"}, "`group` cannot be used together with `task_column`"),
        ({"task_column": None, "task_rows": 5, "candidates": ["constant"]}, "not used without `task_column`"),
        ({"task_column": None}, "Candidate 'own' is for tables whose rows belong to tasks"),
        ({"task_column": "nowhere"}, "no column 'nowhere'"),
    ],
)
def test_what_does_not_go_together_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        polytask.compare(shops(), "sold", **{**QUICK, **settings})


def test_a_labelled_row_without_a_task_is_refused() -> None:
    table = shops()
    table.loc[3, "shop"] = None
    with pytest.raises(DataError, match="The task column 'shop' is empty in"):
        polytask.compare(table, "sold", **QUICK)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (shops().rename(columns={"shop": "store"}), "`task_column`: there is no column 'shop'"),
        (shops().assign(shop="a"), "labels in 1 task of 'shop' only.*leave out `task_column`"),
    ],
)
@pytest.mark.parametrize("fitted", [polytask.compare, polytask.relate, polytask.fit, polytask.learn])
def test_errors_name_the_task_column_and_no_group(table: Any, message: str, fitted: Any) -> None:
    settings: dict[str, Any] = {"task_column": "shop"}
    targets = {"target": "sold"} if fitted is polytask.learn else {"targets": "sold"}
    with pytest.raises(DataError) as told:
        fitted(table, **targets, **settings)
    assert "group" not in str(told.value) and "`task_column`" in str(told.value)
    if fitted is polytask.compare:
        assert re.search(message, str(told.value))

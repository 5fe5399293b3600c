"""Options for one target each: how they are read, and what is refused."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from polytask.cli import main
from polytask.cli.by_target import class_weights, names, numbers
from polytask.core import InputError

TARGETS = ["sold", "a:b:multiclass", "size:regression"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ([], None),
        (["balanced"], "balanced"),
        (["sold=balanced", "a:b:x=2"], {"sold": "balanced", "a:b": {"x": 2.0}}),
        (["sold:yes=5", "sold:no=0.5"], {"sold": {"yes": 5.0, "no": 0.5}}),
        (["sold:a=b:c=3"], {"sold": {"a=b:c": 3.0}}),
        (["other:yes=3"], {"other": {"yes": 3.0}}),
    ],
)
def test_class_weights_are_read_by_target(typed, expected) -> None:
    assert class_weights(typed, TARGETS) == expected


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["sold"], "'sold' cannot be read; write balanced, NAME=balanced or NAME:CLASS=NUMBER"),
        (["sold=3"], "'sold=3' cannot be read"),
        (["sold:yes=balanced"], "cannot be read"),
        (["sold:yes=many"], "'many' is no number"),
        (["balanced", "sold=balanced"], "balanced is for all targets"),
        (["sold:yes=2", "sold=balanced"], "gives 'sold' both"),
        (["sold=balanced", "sold:yes=2"], "gives 'sold' both"),
    ],
)
def test_what_is_no_class_weight_is_refused(typed, message) -> None:
    with pytest.raises(InputError, match=message):
        class_weights(typed, TARGETS)


def test_numbers_are_read_by_name() -> None:
    assert numbers("--target-weight", ["a:b=2", "c=d=0.5"]) == {"a:b": 2.0, "c=d": 0.5}
    assert numbers("--target-weight", []) is None
    assert names("--metric", ["a:b=mae"], "METRIC") == {"a:b": "mae"} and names("--metric", [], "M") is None


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["a"], "--target-weight 'a' cannot be read; write NAME=NUMBER"),
        (["=2"], "cannot be read"),
        (["a=x"], "'x' is no number"),
        (["a=1", "a=2"], "is given twice for 'a'"),
    ],
)
def test_what_is_no_number_by_name_is_refused(typed, message) -> None:
    with pytest.raises(InputError, match=message):
        numbers("--target-weight", typed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("options")
    x = np.random.default_rng(0).normal(size=(90, 2))
    sold = np.where(x[:, 0] > 1, "yes", "no")
    table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "size": 9 * x[:, 0], "sold": sold})
    table["part"] = np.arange(90) % 3
    table.to_csv(folder / "rows.csv", index=False)
    return folder


@pytest.fixture
def fit(folder, monkeypatch, capsys):
    def run(*arguments: str, code: int = 0) -> str:
        quick = ["--epochs", "2", "--width", "4", "--bins", "0", "--no-baselines", "--json"]
        monkeypatch.chdir(folder)
        folds = [] if "--fold-column" in arguments else ["--folds", "2"]
        typed = ["polytask", "fit", "rows.csv", "-o", "model", *quick, *folds, *arguments]
        monkeypatch.setattr(sys, "argv", typed)
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        assert int(stop.value.code or 0) == code, said.err
        return said.err if code else said.out

    return run


def test_class_weights_reach_the_model(fit, folder) -> None:
    fit("--target", "sold", "--target", "size", "--class-weight", "sold:yes=5")
    written = json.loads((folder / "model" / "model.json").read_text())
    sold = next(one for one in written["config"]["targets"] if one["name"] == "sold")
    assert sold["class_weights"][1] == pytest.approx(5 * sold["class_weights"][0])


def test_weights_of_targets_are_part_of_what_the_model_says_of_itself(fit, folder) -> None:
    fit("--target", "sold", "--target", "size", "--target-weight", "size=3")
    written = json.loads((folder / "model" / "model.json").read_text())
    assert written["data"]["target_weights"] == {"size": 3.0}


def test_the_metric_that_is_asked_is_the_one_that_is_shown(fit) -> None:
    said = json.loads(fit("--target", "sold", "--target", "size", "--metric", "sold=log_loss"))
    assert [(one["task"], one["metric"]) for one in said["tasks"]] == [("sold", "log_loss"), ("size", "rmse")]


def test_a_column_of_folds_is_as_many_folds_as_it_has_values(fit) -> None:
    said = json.loads(fit("--target", "sold", "--fold-column", "part"))
    assert said["n_folds"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fold-column", "prat"], "--fold-column: there is no column 'prat'"),
        (["--metric", "size=auroc"], "--metric: the target 'size' is regression and has no metric 'auroc'"),
        (["--metric", "size"], "--metric 'size' cannot be read; write NAME=METRIC"),
        (["--target-weight", "sizes=2"], "--target-weight: there is no target 'sizes'; did you mean 'size'"),
        (["--class-weight", "sold:maybe=2"], "--class-weight: the target 'sold' has no class 'maybe'"),
        (["--class-weight", "size=balanced"], "--class-weight: the target 'size' is a number"),
        (["--class-weight", "sold:yes=-2"], "--class-weight of 'sold': the weight of 'yes' must be a number"),
    ],
)
def test_what_does_not_fit_the_table_is_named_as_it_is_typed(fit, folder, arguments, message) -> None:
    assert message in fit("--target", "sold", "--target", "size", "-o", "other", *arguments, code=2)
    assert not (folder / "other").exists()

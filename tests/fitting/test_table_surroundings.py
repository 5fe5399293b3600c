"""A resume folder belongs to one fit."""

from pathlib import Path

import pytest

from polytask.core import BundleError
from polytask.fitting.table_surroundings import Surroundings, rehearse
from polytask.train.checkpoint import save_checkpoint
from polytask.train.identity import described_all


def saved(folder: Path, title: str, **identity: object) -> Surroundings:
    where = Surroundings(resume_folder=folder, identity=identity)
    path = where.checkpoint(title)
    assert path is not None
    path.parent.mkdir(parents=True)
    save_checkpoint(path, {"identity": {"given": described_all(identity)}})
    return where


def test_without_a_folder_there_is_no_checkpoint() -> None:
    assert Surroundings().checkpoint("a") is None and Surroundings().folder("a") is None


def test_checkpoints_of_the_same_fit_are_gone_on_with(tmp_path: Path) -> None:
    saved(tmp_path, "a", table="t")
    rehearse(tmp_path, ["a", "b"], {"table": "t"})


@pytest.mark.parametrize("titles", [["a"], ["b"], []])
def test_those_of_another_are_refused_whatever_they_are_called(tmp_path: Path, titles: list[str]) -> None:
    saved(tmp_path, "a", table="t")
    with pytest.raises(BundleError, match=f"{tmp_path} cannot be used: .*`table` was t, is u"):
        rehearse(tmp_path, titles, {"table": "u"})

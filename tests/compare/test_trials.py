"""Trials are kept line by line; what a kill has left of one is cut off."""

from pathlib import Path

from polytask.compare.trials import Trial, TrialFile


def _trial(number: float, *targets: str) -> Trial:
    return Trial(targets=targets or ("a",), settings={"x": number}, loss=number, seconds=1.5)


def test_half_a_line_is_cut_off_and_what_follows_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "trials" / "one"
    file = TrialFile(path)
    file.add(_trial(1.0))
    file.add(_trial(0.1 + 0.2))
    with path.open("ab") as torn:
        torn.write(b'{"targets": ["a"], "sett')
    again = TrialFile(path)
    assert again.trials == [_trial(1.0), _trial(0.1 + 0.2)] and again.earlier_seconds == 3.0
    again.add(_trial(2.0))
    assert TrialFile(path).trials == [_trial(1.0), _trial(0.1 + 0.2), _trial(2.0)]
    assert again.earlier_seconds == 3.0


def test_trials_belong_to_their_targets(tmp_path: Path) -> None:
    file = TrialFile(tmp_path / "one")
    for one in (_trial(1.0, "a"), _trial(2.0, "b"), _trial(3.0, "a")):
        file.add(one)
    assert file.of(["a"]) == [_trial(1.0, "a"), _trial(3.0, "a")]
    file.keep(["a"], file.of(["a"])[:1])
    assert TrialFile(tmp_path / "one").trials == [_trial(2.0, "b"), _trial(1.0, "a")]
    file.remove()
    assert not (tmp_path / "one").exists()


def test_without_a_path_nothing_is_written(tmp_path: Path) -> None:
    file = TrialFile(None)
    file.add(_trial(1.0))
    file.remove()
    assert file.of(["a"]) == [_trial(1.0)] and not list(tmp_path.iterdir())

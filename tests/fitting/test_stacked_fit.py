"""A training of several networks ends, goes on after a stop, and leaves the program as it was."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.fitting.test_stacked_training import FORM, expect_equal, trained

from polytask.core import BundleError
from polytask.fitting import stacked_fit


@pytest.mark.parametrize("baselines", [False, True])
@pytest.mark.parametrize("killed_after", [0, 2, 4])
def test_a_killed_training_goes_on_to_the_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_after: int, baselines: bool
) -> None:
    monkeypatch.setattr(stacked_fit, "_SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    settings = {"checkpoint": tmp_path / "c.pt", "identity": {"table": "t"}, "baselines": baselines}

    def kill(epoch: int, _: object) -> None:
        if epoch == killed_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(tell=kill, **settings)
    told: list[int] = []
    again = trained(tell=lambda epoch, _: told.append(epoch), **settings)
    assert told[0] == killed_after  # whose end was not saved any more
    expect_equal(again, trained(baselines=baselines))
    expect_equal(trained(**settings), again)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"identity": {"table": "u"}}, "`table` was t, is u"),
        ({"seed": 1}, "`seed` was 0, is 1"),
        ({"form": replace(FORM, width=7)}, r"`form\.width` was 6, is 7"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(
    tmp_path: Path, other: dict[str, Any], message: str
) -> None:
    settings: dict[str, Any] = {"checkpoint": tmp_path / "c.pt", "identity": {"table": "t"}, "n_epochs": 1}
    trained(**settings)
    with pytest.raises(BundleError, match=message):
        trained(**{**settings, **other})


def test_a_deadline_ends_it_after_one_epoch_with_a_model() -> None:
    fit = trained(n_epochs=50, deadline=time.monotonic() - 1)
    assert {len(losses) for losses in fit.losses.values()} == {1}
    assert fit.model is not None
    expect_equal(fit, trained(n_epochs=1))


def test_the_program_draws_as_if_nothing_had_been_trained() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    trained(n_epochs=1)
    assert torch.equal(torch.rand(2), expected)

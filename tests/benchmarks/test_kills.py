"""The works that `make kills` kills: each is one that polytask takes, and ends with a model that answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks import kills


@pytest.mark.filterwarnings("ignore")  # of steps that are so few
@pytest.mark.parametrize(
    ("work", "answers"),
    [
        (kills.fit, kills.table_answers),
        (kills.learn, kills.image_answers),
        (kills.learn_by_episodes, kills.image_answers),
    ],
)
def test_a_work_ends_with_a_model_that_answers(
    work: Callable[[Path], Any], answers: Callable[[Path], pd.DataFrame], tmp_path: Path
) -> None:
    work(tmp_path)
    assert len(answers(tmp_path)) in (16, 120)

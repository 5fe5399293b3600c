"""What results of a few-shot learner say: whether training helped."""

import pytest

from polytask.core.episode_score import EpisodeScore
from polytask.core.interval import mean_interval
from polytask.models.few_shot_results import FewShotResults


def score(values: list[float]) -> EpisodeScore:
    return EpisodeScore(
        interval=mean_interval(values), metric="accuracy", transductive=False, values=tuple(values)
    )


def results(ours: list[float], pixels: list[float]) -> FewShotResults:
    return FewShotResults(
        source="x", learner="maml", way=2, shot=1, score=score(ours), baseline=score(pixels), n_classes={},
        n_parameters=1, seconds=0.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        ([0.75, 0.875, 0.75], "helped"),
        ([0.25, 0.125, 0.25], "hurt"),
        ([0.5, 0.5, 0.5], "no clear difference"),
        ([0.25, 0.5, 0.75], "no clear difference"),
    ],
)
def test_the_verdict_goes_by_where_the_gain_lies(ours: list[float], verdict: str) -> None:
    found = results(ours, [0.5, 0.5, 0.5])
    assert found.verdict == verdict
    assert (found.warning is None) == (verdict == "helped")

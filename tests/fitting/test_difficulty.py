import numpy as np
import torch

from polytask.core.random import numpy_generator
from polytask.data.tables.folds import folds_of_rows
from polytask.fitting.difficulty import fit_difficulty
from polytask.models.calibration import Difficulty
from polytask.models.score_distribution import ScoreDistribution


def _fitted(
    hardness: float, n_rows: int = 600
) -> tuple[Difficulty | None, np.ndarray, np.ndarray, np.ndarray]:
    """Fit on rows whose noise grows with a feature; return also distances and the feature."""
    draw = numpy_generator(0, "rows")
    inputs = draw.normal(size=(n_rows, 3))
    noise = np.exp(hardness * inputs[:, 0]) * draw.normal(size=n_rows)
    difficulty, crossed = fit_difficulty(
        torch.zeros(n_rows),
        torch.from_numpy(noise),
        torch.from_numpy(inputs),
        np.ones(n_rows, dtype=bool),
        folds_of_rows(n_rows, n_folds=5, seed=0, labels=[]),
        np.arange(n_rows) % 20,
    )
    return difficulty, crossed, np.abs(noise), inputs[:, 0]


def test_rows_are_hard_where_answers_were_far_off() -> None:
    difficulty, crossed, distances, feature = _fitted(0.7)
    assert difficulty is not None
    assert 0.4 < difficulty.weights[0] < 0.9 and np.abs(difficulty.weights[1:]).max() < 0.2

    def gap(spread: np.ndarray) -> float:  # of coverage, between easy and hard rows
        radius = ScoreDistribution.of(distances / spread)
        assert radius is not None
        inside = distances <= radius.radius(0.9) * spread
        return inside[feature < -0.5].mean() - inside[feature > 0.5].mean()

    assert gap(np.ones_like(crossed)) > 0.2
    assert abs(gap(crossed)) < 0.06


def test_rows_alike_and_few_rows_get_one_length() -> None:
    for difficulty, crossed, *_ in (_fitted(0.0), _fitted(0.7, n_rows=90)):
        assert difficulty is None
        assert (crossed == 1).all()

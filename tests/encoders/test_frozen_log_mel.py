"""Statistics of bands: what is heard alike is near, and loudness hardly counts."""

import numpy as np
import torch

from polytask.encoders import LogMelStatistics

RATE = 16_000


def tone(hertz: float, seconds: float = 0.5, *, loudness: float = 0.5) -> tuple[np.ndarray, int]:
    times = np.arange(int(RATE * seconds)) / RATE
    return loudness * np.sin(2 * np.pi * hertz * times), RATE


def test_a_tone_is_nearer_to_itself_at_another_loudness_than_to_another_tone():
    first, quiet, other = LogMelStatistics().encode([tone(500), tone(500, loudness=0.2), tone(2500)])
    assert (first - quiet).norm() < (first - other).norm() / 2


def test_the_quarters_tell_what_comes_first():
    low, high = tone(300)[0], tone(3000)[0]
    up, down = LogMelStatistics().encode([(np.r_[low, high], RATE), (np.r_[high, low], RATE)])
    assert (up[:40] - down[:40]).abs().max() < 0.1 < (up[120:160] - down[120:160]).abs().max()


def test_short_and_silent_sounds_have_finite_vectors():
    encoder = LogMelStatistics()
    vectors = encoder.encode([(np.zeros(1), 8000), (np.zeros(3000), 44100), tone(440, 3.0)])
    assert vectors.shape == (3, encoder.width) and bool(vectors.isfinite().all())
    assert encoder.encode([]).shape == (0, encoder.width) and not vectors.requires_grad
    assert torch.equal(vectors[2:], encoder.encode([tone(440, 3.0)]))

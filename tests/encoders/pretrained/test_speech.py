"""The sound encoder gives the numbers of the published model.

The reference numbers are those of openwakeword 0.4.0 itself (`AudioFeatures`, with half a second of silence
on either side, averaged over windows), computed once by onnxruntime 1.32.0 on a CPU.
"""

import sys

import numpy as np
import pytest
import torch

from polytask.core import InputError, MissingPackageError
from polytask.encoders import SpeechEmbedding

pytestmark = pytest.mark.pretrained("speech", "onnxruntime")

FIRST = [-15.937, 24.085, -2.523, -3.228, 5.344, 20.505, 6.317, -9.566, -8.507, 5.469]


@pytest.fixture(scope="module")
def encoder() -> SpeechEmbedding:
    return SpeechEmbedding()


def glide() -> np.ndarray:
    """A second of a tone that rises and comes and goes, int16 at 16 kHz."""
    times = np.arange(16000) / 16000
    return np.round(8000 * np.sin(2 * np.pi * (300 + 400 * times) * times) * np.hanning(16000)).astype(
        np.int16
    )


def test_vectors_are_those_of_the_package_that_the_weights_come_from(encoder):
    (vector,) = encoder.encode([(glide(), 16000)])
    torch.testing.assert_close(vector[:10], torch.tensor(FIRST), atol=0.02, rtol=0)
    torch.testing.assert_close(vector.norm(), torch.tensor(143.141), atol=0.05, rtol=0)


def test_a_sound_at_another_rate_is_nearer_to_itself_than_to_another_sound(encoder):
    half = glide()[::2]  # its tones are far below half of 8,000
    first, again, noise = encoder.encode(
        [(glide(), 16000), (half, 8000), (np.random.default_rng(0).uniform(-0.3, 0.3, 16000), 16000)]
    )
    assert (first - again).norm() < (first - noise).norm() / 3


def test_sounds_of_any_length_have_a_vector_and_the_batch_does_not_matter(encoder):
    sounds = [(np.zeros(1), 16000), (glide(), 16000), (np.tile(glide(), 4), 16000)]
    vectors = encoder.encode(sounds, batch_size=3)
    assert vectors.shape == (3, 96) and bool(vectors.isfinite().all())
    torch.testing.assert_close(encoder.encode(sounds), vectors, atol=1e-3, rtol=1e-4)
    assert encoder.encode([]).shape == (0, 96) and encoder.state == {}


def test_what_is_no_sound_is_named_by_its_index(encoder):
    with pytest.raises(InputError, match="index 1 must be a sound"):
        encoder.encode([(glide(), 16000), None])


def test_the_package_that_runs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingPackageError, match=r"speech needs `onnxruntime`.*polytask\[models\]"):
        SpeechEmbedding()


def test_without_weights_the_line_to_type_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("POLYTASK_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="polytask models fetch speech"):
        SpeechEmbedding()

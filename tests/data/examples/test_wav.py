"""WAV files as they come: notes beside the samples, other orders of bytes, and ends that are missing."""

import io
import threading
import warnings

import numpy as np
import pytest
from scipy.io import wavfile

from polytask.data.examples.wav import read_wav

SAMPLES = (1000 * np.sin(np.arange(400))).astype(np.int16)


def wav(samples: np.ndarray = SAMPLES, rate: int = 8000) -> bytes:
    written = io.BytesIO()
    wavfile.write(written, rate, samples)
    return written.getvalue()


def part(name: bytes, content: bytes, order: str = "little") -> bytes:
    return name + len(content).to_bytes(4, order) + content + b"\0" * (len(content) % 2)


def test_a_file_is_read_as_scipy_reads_it():
    for samples in (SAMPLES, SAMPLES.reshape(-1, 2), (SAMPLES / 2000).astype(np.float32)):
        rate, values, cut = read_wav(wav(samples))
        assert (rate, cut) == (8000, False) and values.dtype == samples.dtype
        assert np.array_equal(values, samples)


def test_what_stands_beside_the_samples_is_passed_over_without_a_word():
    plain = wav()
    noisy = plain[:12] + part(b"note", b"odd") + plain[12:] + part(b"cue ", b"12345")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(read_wav(noisy)[1], SAMPLES)


def test_an_end_that_is_missing_is_told_and_the_rest_is_read():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rate, values, cut = read_wav(wav()[:-101])
    assert cut and rate == 8000 and np.array_equal(values, SAMPLES[: len(values)]) and len(values) == 349


def test_large_files_and_other_orders_of_bytes_are_read():
    plain = wav()
    at = plain.index(b"data")
    sizes = (10**10).to_bytes(8, "little") + (800).to_bytes(8, "little") + bytes(12)
    large = b"RF64" + b"\xff" * 4 + b"WAVE" + part(b"ds64", sizes) + plain[12:at] + b"data" + b"\xff" * 4
    rate, values, cut = read_wav(large + plain[at + 8 :])
    assert not cut and np.array_equal(values, SAMPLES)
    widths = {1: 2, 2: 2, 8000: 4, 16000: 4}
    numbers = (1, 1, 8000, 16000, 2, 16)  # format, channels, rate, bytes a second, bytes a sample, bits
    form = b"".join(number.to_bytes(widths.get(number, 2), "big") for number in numbers)
    turned = part(b"fmt ", form, "big") + part(b"data", SAMPLES.astype(">i2").tobytes(), "big")
    rate, values, cut = read_wav(b"RIFX" + (4 + len(turned)).to_bytes(4, "big") + b"WAVE" + turned)
    assert (rate, cut) == (8000, False) and np.array_equal(values, SAMPLES)


@pytest.mark.parametrize(
    "content", [b"RIFF", b"RIFF\0\0\0\0WAVE", wav()[:40], b"RIFF1234WAVE" + part(b"data", b"12")]
)
def test_what_has_no_samples_is_refused(content):
    with pytest.raises(ValueError, match="samples"):
        read_wav(content)
    with pytest.raises(EOFError):
        read_wav(wav()[:30])


def test_threads_leave_the_filters_of_warnings_alone():
    before = list(warnings.filters)
    cut = wav()[:-101]
    threads = [threading.Thread(target=lambda: [read_wav(cut) for _ in range(50)]) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before and warnings.showwarning.__module__ != __name__

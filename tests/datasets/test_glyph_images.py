import itertools
import sys
import unicodedata
from collections import Counter
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch

from polytask.core import DataError, MissingPackageError
from polytask.data.episodes.class_episodes import ClassificationEpisodes
from polytask.data.episodes.labelled_examples import LabelledExamples
from polytask.datasets.glyph_images import glyphs
from polytask.datasets.glyph_parts import drawings
from polytask.datasets.glyph_parts.alphabets import ALPHABETS, Part
from polytask.datasets.location import package_folder

Image = pytest.importorskip("PIL.Image")
ImageFont = pytest.importorskip("PIL.ImageFont")
TTFont = pytest.importorskip("fontTools.ttLib").TTFont

PARTS: tuple[Part, ...] = ("train", "validation", "test")
SCRIPTS = {
    "train": {"latin", "digit", "symbol"},
    "validation": {"cyrillic", "lao"},
    "test": {"greek", "armenian", "georgian"},
}
REFERENCES = ("DejaVuSans", "DejaVuSerif", "DejaVuSans-Bold", "STIXGeneral")


@lru_cache
def default_glyphs(part: Part) -> LabelledExamples:
    return glyphs(part)


undrawn = drawings.characters.__wrapped__  # draws anew, and leaves what others share as it is


def text(part: Part) -> str:
    return "".join(ALPHABETS[part].values())


@lru_cache
def fonts_folder() -> Path:
    return package_folder("matplotlib", extra="builtin", purpose="the test") / "mpl-data" / "fonts" / "ttf"


@lru_cache
def scaled_glyphs(face: str) -> dict[str, np.ndarray]:
    """Render every character that the face has, scaled to fill a square, as a unit vector."""
    path = fonts_folder() / f"{face}.ttf"
    font = ImageFont.truetype(path, 72, layout_engine=ImageFont.Layout.BASIC)
    with TTFont(path, lazy=True) as tables:
        code_points = set(tables.getBestCmap())
    found = {}
    for character in "".join(map(text, PARTS)):
        if ord(character) in code_points:
            mask = font.getmask(character, mode="L")
            ink = Image.frombytes("L", mask.size, bytes(mask))
            ink = ink.crop(ink.getbbox())
            scale = 16 / max(ink.size)
            width, height = (max(1, round(side * scale)) for side in ink.size)
            square = Image.new("L", (18, 18))
            square.paste(
                ink.resize((width, height), Image.Resampling.BILINEAR),
                ((18 - width) // 2, (18 - height) // 2),
            )
            values = np.asarray(square, dtype=float).ravel()
            values -= values.mean()
            found[character] = values / np.linalg.norm(values)
    return found


def closest(first: str, second: str, face: str) -> tuple[float, str]:
    """Return the highest correlation of two different characters in a face, and the two."""
    drawn = scaled_glyphs(face)
    rows, columns = ([c for c in characters if c in drawn] for characters in (first, second))
    similarity = np.stack([drawn[c] for c in rows]) @ np.stack([drawn[c] for c in columns]).T
    same = np.array(rows)[:, None] == np.array(columns)[None]
    row, column = np.unravel_index(np.where(same, -1, similarity).argmax(), similarity.shape)
    return float(similarity[row, column]), rows[row] + columns[column]


@pytest.mark.parametrize("face", REFERENCES)
@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(PARTS, 2)))
def test_no_character_looks_like_one_of_another_part(first, second, face):
    similarity, pair = closest(text(first), text(second), face)
    # 0.90 and not the 0.85 of the choice, since this rendering differs a little from the one used there.
    assert similarity < 0.90, pair


@pytest.mark.parametrize("face", REFERENCES)
@pytest.mark.parametrize("part", PARTS)
def test_no_two_characters_of_a_part_look_the_same(part, face):
    similarity, pair = closest(text(part), text(part), face)
    assert similarity < 0.95, pair


def test_the_check_for_lookalikes_finds_a_known_one():
    font = ImageFont.truetype(fonts_folder() / "DejaVuSans.ttf", 72, layout_engine=ImageFont.Layout.BASIC)
    assert bytes(font.getmask("A")) == bytes(font.getmask("Α"))  # Latin and Greek
    assert "A" in text("train")
    assert "Α" not in text("test")


def test_no_character_occurs_twice():
    counts = Counter("".join(map(text, PARTS)))
    assert counts.most_common(1)[0][1] == 1


@pytest.mark.parametrize("part", PARTS)
def test_every_character_belongs_to_the_script_it_is_listed_under(part):
    assert set(ALPHABETS[part]) == SCRIPTS[part]
    for script, characters in ALPHABETS[part].items():
        for character in characters:
            name = unicodedata.name(character)
            if script == "symbol":
                assert unicodedata.category(character)[0] in "PS", name
            else:
                assert script in name.lower(), name
            assert not unicodedata.decomposition(character), name


@pytest.mark.parametrize("part", PARTS)
def test_every_character_has_six_faces_whose_fonts_really_have_it(part):
    coverage = []
    for name in drawings.FACES:
        with TTFont(fonts_folder() / f"{name}.ttf", lazy=True) as tables:
            coverage.append(set(tables.getBestCmap()))
    for character in drawings.characters(part):
        n_faces = sum(ord(character.text) in code_points for code_points in coverage)
        assert len(character.faces) == n_faces >= 6


@pytest.mark.parametrize(("part", "least"), [("train", 300), ("validation", 40), ("test", 80)])
def test_every_part_has_enough_classes_with_every_sample(part, least):
    examples = default_glyphs(part)
    assert examples.n_classes >= least
    assert examples.inputs.shape == (20 * examples.n_classes, 1, 28, 28)
    assert examples.inputs.dtype == torch.uint8
    assert examples.labels.bincount().tolist() == [20] * examples.n_classes
    assert set(examples.class_groups) == SCRIPTS[part]


@pytest.mark.parametrize("part", PARTS)
def test_every_image_shows_ink_inside_its_frame(part):
    images = default_glyphs(part).inputs[:, 0].double() / 255
    assert images.sum((1, 2)).min() > 10  # pixels of ink
    border = images.sum((1, 2)) - images[:, 1:-1, 1:-1].sum((1, 2))
    assert (border / images.sum((1, 2))).max() < 0.1
    assert images[:, 0, 0].mean() < 0.01


def test_the_same_seed_gives_the_same_images_when_all_is_drawn_anew(monkeypatch):
    first = glyphs("validation", n_samples=3, seed=5)
    monkeypatch.setattr(sys.modules["polytask.datasets.glyph_images"], "characters", undrawn)
    again = glyphs("validation", n_samples=3, seed=5)
    assert torch.equal(first.inputs, again.inputs) and first.class_names == again.class_names


def test_another_seed_changes_the_images_and_not_the_classes():
    first, second = default_glyphs("validation"), glyphs("validation", seed=1)
    assert first.class_names == second.class_names
    assert not torch.equal(first.inputs, second.inputs)


def test_the_first_samples_do_not_depend_on_how_many_there_are():
    few = glyphs("validation", n_samples=3).inputs.unflatten(0, (-1, 3))
    many = default_glyphs("validation").inputs.unflatten(0, (-1, 20))
    assert torch.equal(few, many[:, :3])


def test_the_samples_of_a_class_all_differ():
    images = default_glyphs("validation").inputs.unflatten(0, (-1, 20)).flatten(2)
    assert all(len(samples.unique(dim=0)) == 20 for samples in images)


def test_a_change_in_place_does_not_reach_the_next_caller():
    first = glyphs("validation", n_samples=1)
    expected = first.inputs.clone()
    first.inputs.zero_()
    assert torch.equal(glyphs("validation", n_samples=1).inputs, expected)


def test_images_come_in_the_size_that_was_asked_for():
    small, large = (glyphs("validation", n_samples=1, size=size).inputs for size in (16, 64))
    assert small.shape[-2:] == (16, 16)
    averaged = torch.nn.functional.avg_pool2d(large.double(), 4)
    assert (averaged - small.double()).abs().mean() < 3  # grey levels


def test_pixels_alone_leave_room_for_learning():
    source = ClassificationEpisodes(default_glyphs("test"), n_way=5, n_shot=1, n_query=10, n_episodes=200)
    right = []
    for episode in source.step(0):
        assert episode.support is not None
        support, query = (batch.inputs.flatten(1) for batch in (episode.support, episode.query))
        right.append(torch.cdist(query, support).argmin(1) == episode.query.targets["class"])
    assert 0.45 < torch.cat(right).double().mean() < 0.75


def test_all_arguments_out_of_range_are_named_at_once():
    with pytest.raises(DataError, match=r"`part` is 'all'.*`n_samples`.*0; `size`.*8 to 64, got 100"):
        glyphs("all", n_samples=0, size=100)  # pyright: ignore[reportArgumentType]


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(sys.modules["polytask.datasets.glyph_images"], "characters", undrawn)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingPackageError, match=r"matplotlib.*polytask\[builtin\]"):
        glyphs("test")


def test_fonts_other_than_expected_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(sys.modules["polytask.datasets.glyph_images"], "characters", undrawn)
    monkeypatch.setattr(drawings, "package_folder", lambda *_, **__: tmp_path)
    with pytest.raises(DataError, match=r"has no DejaVuSans.ttf, .*Install an unmodified"):
        glyphs("test")


def test_characters_with_too_few_faces_are_named(monkeypatch):
    monkeypatch.setattr(sys.modules["polytask.datasets.glyph_images"], "characters", undrawn)
    monkeypatch.setattr(drawings, "FACES", ("DejaVuSans", "STIXGeneral"))
    with pytest.raises(DataError, match=r"fewer than 6 faces of 'Ͳ' \(1\)"):
        glyphs("test")

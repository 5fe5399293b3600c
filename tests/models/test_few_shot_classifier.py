"""A classifier that keeps its examples: predictions, living classes, saving."""

import json
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import polytask
from polytask.core import BundleError, DataError, DataWarning, InputError
from polytask.data.examples.sounds import Sound
from polytask.models import FewShotClassifier


def vectors(n_classes: int, n_each: int, *, seed: int = 0, noise: float = 0.3) -> dict[str, list[np.ndarray]]:
    draws = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((n_classes, 8))
    return {
        f"c{index}": [
            (centres[index] + noise * draws.standard_normal(8)).astype(np.float32) for _ in range(n_each)
        ]
        for index in range(n_classes)
    }


def model(n_classes: int = 4, n_each: int = 5, **settings: object) -> FewShotClassifier:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return polytask.adapt(vectors(n_classes, n_each), **settings)  # pyright: ignore[reportArgumentType]


def queries(n_classes: int = 4, n_each: int = 10) -> tuple[list[np.ndarray], list[str]]:
    held = vectors(n_classes, n_each, seed=1)
    return [row for rows in held.values() for row in rows], [name for name in held for _ in range(n_each)]


def test_predictions_name_class_probability_and_none() -> None:
    rows, labels = queries()
    found = model().predict(rows, probabilities=True, sets=0.9)
    assert list(found.columns[:5]) == ["class", "probability", "typicality", "none", "set"]
    assert (found["class"] == labels).mean() > 0.9
    assert found[[f"p(c{index})" for index in range(4)]].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-6)
    assert all(name in held.split("|") for name, held in zip(found["class"], found["set"], strict=True))


def test_what_is_unlike_all_classes_is_none_of_these() -> None:
    classifier = model(4, 20, head="class-means")
    far = [np.full(8, value, dtype=np.float32) * sign for value in (3.0, 5.0) for sign in (1, -1)]
    known, _ = queries()
    assert classifier.predict(known)["none"].mean() < 0.2
    assert classifier.predict(far)["typicality"].mean() < classifier.predict(known)["typicality"].mean()
    assert not classifier.predict(far, refuse=0)["none"].any()


def strokes(*, vertical: bool) -> np.ndarray:
    """A drawing of one bar."""
    page = np.full((64, 64, 3), 255, np.uint8)
    page[(slice(8, 56), slice(30, 36)) if vertical else (slice(30, 36), slice(8, 56))] = 0
    return page


def tone(pitch: float) -> Sound:
    """Half a second of a pure tone."""
    return Sound(np.sin(2 * np.pi * pitch * np.arange(4000) / 8000).astype(np.float32), 8000)


ONE_EACH = {
    "text": (
        "hashed-text",
        {
            "pay": ["transfer money to my account"],
            "sky": ["will it rain tomorrow"],
            "food": ["a pizza please"],
        },
        ["quantum chromodynamics", "zzz qqq", "the senate voted on the bill"],
    ),
    "image": (
        "drawings",
        {"bar": [strokes(vertical=False)], "post": [strokes(vertical=True)]},
        list(np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)),
    ),
    "sound": (
        "log-mel-statistics",
        {"low": [tone(200)], "high": [tone(2000)]},
        [Sound(np.random.default_rng(0).normal(size=4000).astype(np.float32) / 9, 8000)],
    ),
}
"""By kind: an encoder, a support of one example a class, and what belongs to none of them."""


@pytest.mark.parametrize("kind", ONE_EACH)
def test_one_example_a_class_calls_nothing_none_unless_it_is_asked_for(kind: str) -> None:
    encoder, one, far = ONE_EACH[kind]
    with pytest.warns(DataWarning, match=f"No {kind} is called none unless `refuse` asks for it"):
        single = polytask.adapt(one, encoder=encoder)
    assert not single.refuses and not single.predict(far)["none"].any()
    assert single.predict(far, refuse=0.8)["none"].any()
    with warnings.catch_warnings(action="ignore"):
        two = polytask.adapt({name: [*items, *items] for name, items in one.items()}, encoder=encoder)
    assert two.refuses


def test_scores_of_untouched_classes_stay_bit_for_bit() -> None:
    before = model(30, 3, head="class-means", strength=1.0)
    features = before.space.features(queries(30)[0])
    scores = before.scores(features)
    after = before.add({"new": [np.ones(8, np.float32)], "c3": [np.zeros(8, np.float32)]}).remove("c7")
    changed = after.scores(features)
    same = [name for name in before.classes if name not in ("c3", "c7")]
    columns = [before.classes.index(name) for name in same]
    assert np.array_equal(scores[:, columns], changed[:, [after.classes.index(name) for name in same]])
    assert not np.array_equal(scores[:, before.classes.index("c3")], changed[:, after.classes.index("c3")])


@pytest.mark.parametrize("head", ["class-means", "logistic"])
def test_a_class_that_comes_and_goes_leaves_what_was(head: str) -> None:
    before = model(head=head, strength=1.0)
    rows, _ = queries()
    after = before.add({"new": [np.ones(8, np.float32)]}).remove("new")
    assert after.classes == before.classes
    assert after.predict(rows)["probability"].to_numpy() == pytest.approx(
        before.predict(rows)["probability"].to_numpy(), abs=1e-3
    )


def test_a_class_is_known_from_the_moment_it_is_added() -> None:
    new = np.full(8, 4.0, dtype=np.float32)
    after = model().add([new, new * 1.1], labels=["new", "new"])
    assert list(after.predict([new])["class"]) == ["new"]
    assert list(after.rename("new", "old").predict([new])["class"]) == ["old"]


def test_a_wrong_label_is_corrected() -> None:
    held = vectors(3, 4)
    held["c0"].append(held["c1"][0] + 0.01)
    with warnings.catch_warnings(action="ignore"):
        classifier = polytask.adapt(held, head="class-means", strength=1.0)
    wrong = classifier.examples.names["c0"][-1]
    right = classifier.correct(wrong, "c1")
    assert wrong in right.examples.names["c1"]
    assert len(right.remove_example(wrong).examples) == len(classifier.examples) - 1


def test_two_classes_are_the_least() -> None:
    with pytest.raises(DataError, match="at least 2 are needed"):
        model(2, 2).remove("c0")


def test_refit_chooses_anew() -> None:
    classifier = model(3, 1)
    assert not len(classifier.references)
    more = classifier.add(vectors(3, 4, seed=5))
    assert not len(more.references)
    assert len(more.refit().references) == len(more.examples)


def test_a_saved_classifier_predicts_the_same(tmp_path: Path) -> None:
    classifier = model()
    rows, _ = queries()
    classifier.save(tmp_path / "m")
    again = polytask.load(tmp_path / "m")
    assert isinstance(again, FewShotClassifier)
    assert again.predict(rows, sets=0.9).equals(classifier.predict(rows, sets=0.9))
    assert again.examples.names == classifier.examples.names
    assert again.add({"new": [np.ones(8, np.float32)]}).classes[-1] == "new"


def test_a_bundle_whose_parts_do_not_fit_is_refused(tmp_path: Path) -> None:
    from polytask.models.bundle import load_bundle, save_bundle

    model().save(tmp_path / "m")
    bundle = load_bundle(tmp_path / "m")
    for name, value in (("classes", ["a"]), ("examples", [["x"]] * 4), ("head", {})):
        bundle.config[name] = value
        save_bundle(tmp_path / name, bundle)
        with pytest.raises(BundleError):
            polytask.load(tmp_path / name)
        bundle = load_bundle(tmp_path / "m")


@pytest.mark.parametrize("settings", [{"refuse": 1.0}, {"refuse": -0.1}, {"sets": 0.0}, {"sets": True}])
def test_a_share_out_of_range_is_named(settings: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"`{next(iter(settings))}` must be a share"):
        model().predict([np.zeros(8, np.float32)], **settings)  # pyright: ignore[reportArgumentType]


def test_an_encoder_of_ones_own_is_asked_for_after_loading(tmp_path: Path) -> None:
    class Lengths:
        name, kind, width, fingerprint, state = "lengths", "text", 2, "v1", {}

        def encode(self, items: list[str], *, batch_size: int = 32) -> torch.Tensor:
            return torch.tensor([[float(len(item)), 1.0] for item in items])

    with warnings.catch_warnings(action="ignore"):
        classifier = polytask.adapt(
            {"short": ["a", "bb"], "long": ["a" * 20, "a" * 30]},
            encoder=Lengths(),  # pyright: ignore[reportArgumentType]
        )
    classifier.save(tmp_path / "m")
    again = FewShotClassifier.load(tmp_path / "m")
    with pytest.raises(InputError, match="'lengths', which is not saved along"):
        again.predict(["abc"])
    assert list(again.with_encoder(Lengths()).predict(["abc"])["class"]) == ["short"]  # pyright: ignore[reportArgumentType]
    Lengths.fingerprint = "v2"
    with pytest.raises(InputError, match="not the one that the model was made with"):
        again.with_encoder(Lengths())  # pyright: ignore[reportArgumentType]
    assert "lengths" in json.dumps(again.space.to_json())


def test_threads_may_add_and_predict_at_once() -> None:
    classifier = model(20, 2, head="class-means", strength=1.0)
    rows, _ = queries(20)
    expected = classifier.predict(rows)
    faults: list[str] = []

    def work(number: int) -> None:
        changed = classifier
        for step in range(5):
            changed = changed.add({f"new{number}-{step}": [np.full(8, number + step + 3.0, np.float32)]})
            if not classifier.predict(rows).equals(expected) or len(changed.classes) != 21 + step:
                faults.append(f"{number}-{step}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


def test_a_text_with_another_label_is_noted_among_new_ones_and_beside_known_ones() -> None:
    given = {"money": ["pay my bill", "what do I owe"], "weather": ["will it rain", "is it cold"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = polytask.adapt(given, encoder="hashed-text")
    with pytest.warns(
        DataWarning, match="1 text with more than one label, such as 'is it cold': weather, money"
    ):
        model.add(["is it cold"], ["money"])
    with pytest.warns(DataWarning, match="such as 'hello': new, money"):
        model.add(["hello", "hello"], ["new", "money"])
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        model.add(["is it cold", "cold is it"], ["weather", "money"])  # the second has the same words

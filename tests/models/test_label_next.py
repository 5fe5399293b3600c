"""The examples that are chosen to be labelled help more than others, and can be given back as they come."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import polytask
from polytask.core import DataError, DataWarning, InputError
from polytask.models import FewShotClassifier
from polytask.models.label_next import most_telling

CLASSES, PARTS = 5, 3


def blobs(seed: int) -> tuple[FewShotClassifier, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Classes of three blobs, of which the support shows one each; a pool and a test with their labels."""
    draws = np.random.default_rng(seed)
    centres = draws.normal(size=(CLASSES, PARTS, 16))

    def drawn(n: int) -> tuple[np.ndarray, np.ndarray]:
        label, part = draws.integers(0, CLASSES, n), draws.integers(0, PARTS, n)
        return (centres[label, part] + 0.5 * draws.normal(size=(n, 16))).astype(np.float32), label

    rows, labels = drawn(150)
    test, truth = drawn(300)
    support = (centres[:, 0] + 0.5 * draws.normal(size=(CLASSES, 16))).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = polytask.adapt(support, labels=list(range(CLASSES)), head="class-means", strength=1.0)
    return model, rows, labels, test, truth


def test_ten_chosen_labels_are_worth_more_than_ten_by_chance() -> None:
    gains = []
    for seed in range(5):
        model, rows, labels, test, truth = blobs(seed)

        def accuracy(chosen: np.ndarray) -> float:
            learned = model.add(rows[chosen], labels=labels[chosen])  # noqa: B023 - used in this round alone
            return float((learned.predict(test)["class"].astype(int) == truth).mean())  # noqa: B023

        by_chance = [accuracy(np.random.default_rng(draw).permutation(150)[:10]) for draw in range(8)]
        gains.append(accuracy(model.suggest(rows).index.to_numpy()) - np.mean(by_chance))
    assert np.mean(gains) > 0.04 and min(gains) > -0.02, gains


def test_the_first_choice_stands_for_the_unsure_rows_that_are_not_like_a_known_one() -> None:
    features = np.eye(4, dtype=np.float32)[[0, 0, 0, 1, 1, 2, 3]]
    known = np.eye(4, dtype=np.float32)[:1]  # so the three rows like it help nobody
    shares = np.array([[0.5, 0.5]] * 5 + [[0.9, 0.1], [1.0, 0.0]])
    assert most_telling(features, known, shares, 2) == [3, 5]  # gains 2 and 0.2
    assert sorted(most_telling(features, known, shares, 99)) == list(range(7))


def test_the_greedy_choice_is_that_of_the_formula() -> None:
    draws = np.random.default_rng(0)
    features = draws.normal(size=(30, 4)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    known, shares = features[:3], draws.dirichlet(np.ones(3), size=30)
    ordered = np.sort(shares)

    def value(chosen: list[int]) -> float:
        held = np.concatenate([known, features[chosen]])
        alike = np.maximum(features @ held.T, 0).max(1)
        return float((1 - ordered[:, 2] + ordered[:, 1]) @ alike)

    chosen = most_telling(features, known, shares, 4)
    for n in range(4):
        others = [value([*chosen[:n], row]) for row in range(30)]
        assert value(chosen[: n + 1]) == pytest.approx(max(others), rel=1e-5)


def test_a_large_pool_is_chosen_from_in_parts_of_bounded_size() -> None:
    draws = np.random.default_rng(0)
    features = draws.normal(size=(9000, 3)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    shares = draws.dirichlet(np.ones(2), size=9000)
    chosen = most_telling(features, features[:2], shares, 5)
    limit = np.sort(np.abs(shares[:, 0] - shares[:, 1]))[1999]
    assert len(set(chosen)) == 5
    assert (np.abs(shares[chosen, 0] - shares[chosen, 1]) <= limit).all()


def texts() -> FewShotClassifier:
    table = pd.DataFrame({"words": ["pay my bill", "send money", "will it rain", "is it cold"]})
    table["topic"] = ["money", "money", "weather", "weather"]
    return polytask.adapt(table, item_column="words", label_column="topic", encoder="hashed-text")


def test_a_frame_of_texts_goes_back_as_it_came_and_what_has_no_label_is_left_out() -> None:
    model = texts()
    chosen = model.suggest(["pizza", "a ham pizza", "rain", "owe money"], n=3)
    assert list(chosen.columns) == ["words", "proposal", "probability", "topic"]
    assert set(chosen["proposal"]) <= set(model.classes) and (chosen["topic"] == "").all()
    chosen.loc[chosen["words"].str.contains("pizza"), "topic"] = "food"
    with pytest.warns(DataWarning, match=r"Left out: \d rows? without a label"):
        learned = model.add(chosen)
    assert learned.classes == ("money", "weather", "food")
    with pytest.raises(DataError, match=r"no row has a label yet\. Fill in the column 'topic'"):
        model.add(chosen.assign(topic=""))
    with pytest.raises(DataError, match="without a label"):
        polytask.adapt(chosen, item_column="words", label_column="topic", encoder="hashed-text")


def test_a_frame_of_numbers_goes_back_as_it_came() -> None:
    frame = pd.DataFrame(np.eye(6), columns=[f"f{index}" for index in range(5)] + ["probability"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = polytask.adapt(frame.assign(label=list("aabbcc")))
    chosen = model.suggest(frame, n=2)
    assert list(chosen.columns) == [*frame.columns, "proposal", "probability_", "label"]
    chosen["label"] = "d"
    assert [len(held) for held in model.add(chosen).examples.names.values()] == [2, 2, 2, 2]


def test_paths_go_back_as_they_came(tmp_path: Path) -> None:
    for name in ("a/1", "a/2", "b/1", "b/2", "new/1", "new/2"):
        file = tmp_path / f"{name}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text("rain and cold" if name[0] == "a" else f"money {name}")
    support = {name: sorted((tmp_path / name).iterdir()) for name in "ab"}
    model = polytask.adapt(support, encoder="hashed-text")
    chosen = model.suggest(tmp_path / "new", n=5)
    assert set(chosen["path"]) == {str(tmp_path / "new" / "1.txt"), str(tmp_path / "new" / "2.txt")}
    learned = model.add(chosen.assign(label="c"))
    assert set(learned.examples.names["c"]) == set(chosen["path"])


def test_empty_texts_are_not_chosen() -> None:
    assert sorted(texts().suggest(["rain", " ", "money", ""]).index) == [0, 2]
    with pytest.raises(DataError, match="All texts of the pool are empty"):
        texts().suggest(["", "\n"])


@pytest.mark.parametrize("n", [0, -1, 1.5, True, "ten"])
def test_a_number_that_is_none_is_refused(n: object) -> None:
    with pytest.raises(InputError, match="`n` must be a whole number above 0"):
        texts().suggest(["rain"], n=n)  # pyright: ignore[reportArgumentType]

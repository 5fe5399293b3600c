"""A resume folder of `fit` or `learn` goes on with the same data and settings, and with no others."""

import re
import threading
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.model_selection import KFold
from torch import Tensor

import polytask
from polytask.core import BundleError, DataError, DataWarning, InputError, TrainingError
from polytask.core.errors import NotFiniteError
from polytask.data import LabelledExamples
from polytask.fitting import table_ensemble_fit, table_split_fit, table_surroundings
from polytask.models.table_config import TableConfig

SMALL: dict[str, Any] = {"folds": 3, "epochs": 2, "baselines": False, "width": 8}
SPLITTER = KFold(3, shuffle=True, random_state=1)


def table(*, flip: float = 1.0, n_rows: int = 60) -> pd.DataFrame:
    x = np.random.default_rng(0).standard_normal((n_rows, 2))
    return pd.DataFrame(
        {
            "a": x[:, 0],
            "b": x[:, 1],
            "place": np.arange(n_rows) // 2,
            "y": flip * x.sum(1),
            "k": np.where(x[:, 0] > 0, "p", "q"),
        }
    )


def fit(frame: pd.DataFrame | None = None, targets: Any = ("y", "k"), **settings: Any) -> Any:
    frame = table() if frame is None else frame
    return polytask.fit(frame, list(targets), **{**SMALL, **settings})


def weights(model: Any) -> Tensor:
    return torch.cat([tensor.reshape(-1).float() for tensor in model.learner.state_dict().values()])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The resume folder of a fit."""
    path = tmp_path_factory.mktemp("fit") / "work"
    fit(resume_folder=path)
    return path


def one_label_corrected() -> pd.DataFrame:
    frame = table()
    frame.loc[7, "y"] = 3.0
    return frame


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "labels": ({"frame": table(flip=-1.0)}, r"`table` was [0-9a-f]{12}…, is [0-9a-f]{12}…\."),
    "one label": ({"frame": one_label_corrected()}, "`table` was"),
    "rows": ({"frame": table(n_rows=61)}, "`table` was"),
    "a column's name": ({"frame": table().rename(columns={"a": "c"})}, "`table` was"),
    "targets": ({"targets": ("y",)}, r'`targets` was \["y", "k"\], is \["y"\]'),
    "a kind": ({"targets": ("y:regression", "k")}, "`targets` was"),
    "group": ({"group": "place"}, "`group` was None, is place"),
    "time": ({"time_column": "place"}, "`time_column` was None, is place"),
    "drop": ({"drop": ["b"]}, r'`drop` was \[\], is \["b"\]'),
    "seed": ({"seed": 1}, "`seed` was 0, is 1"),
    "epochs": ({"epochs": 3}, "`epochs` was 2, is 3"),
    "width": ({"width": 9}, "`width` was 8, is 9"),
    "balancing": ({"balancing": "upgrad"}, "`balancing` was equal, is upgrad"),
    "architecture": ({"architecture": "mmoe"}, "`architecture` was hard, is mmoe"),
    "rate": ({"learning_rate": 1e-2}, "`learning_rate` was 0.003, is 0.01"),
    "weight": ({"weight_column": "place"}, "`weight_column` was None, is place"),
    "bins": ({"bins": 0}, f"`bins` was {TableConfig().bins}, is 0"),
    "folds": ({"folds": 2}, r"`folds` was \[3\], is \[2\]"),
    "repeats": ({"repeats": 2}, r"`folds` was \[3\], is \[3, 3\]"),
    "other folds of equal size": ({"folds": SPLITTER}, "`rows of the folds` was None, is int64"),
    "precision": ({"precision": "64-true"}, "`precision` was 32-true, is 64-true"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_fit_of_other_data_or_settings_is_refused_by_name(what, folder):
    other, message = OTHERS[what]
    with pytest.raises(
        BundleError, match=f"{folder} cannot be used: it holds another run: {message}"
    ) as refused:
        fit(resume_folder=folder, **other)
    assert "Choose another folder, or delete this one" in str(refused.value)


def test_baselines_go_on_in_the_same_folder(folder):
    n_joint = len(list(folder.iterdir()))
    again = fit(resume_folder=folder, baselines=True)
    assert torch.equal(weights(again), weights(fit()))
    assert len(list(folder.iterdir())) == 2 * n_joint


def test_a_fit_whose_time_was_over_goes_on_in_its_folder(tmp_path):
    fit(resume_folder=tmp_path, epochs=4, time_budget=1e-3)
    again = fit(resume_folder=tmp_path, epochs=4)
    assert torch.equal(weights(again), weights(fit(epochs=4)))


def test_a_folder_is_looked_through_before_the_first_training(tmp_path, monkeypatch):
    fit(resume_folder=tmp_path)
    (path,) = tmp_path.glob("linear-joint-*/checkpoint.pt")
    path.write_bytes(path.read_bytes()[:-5])
    monkeypatch.setattr(table_ensemble_fit, "fit_stack", None)
    with pytest.raises(BundleError, match=f"{path} cannot be used: it is damaged.*Delete it"):
        fit(resume_folder=tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match=f"{path} cannot be written: a folder stands there"):
        fit(resume_folder=tmp_path)


NAMES = [
    "a/b", "a_b", "a b", "A b", "a-b", "", ".", "..", "con", "nul.txt", "n" * 300, "ü", "u\u0308", "\ud800",
    "x\n", "x", "x\0", "~", "*?<>|", "日本", "日木", " x", "x ", "-", "joint",
]  # fmt: skip


def test_every_title_has_a_folder_of_its_own_that_every_system_takes():
    folders = [table_surroundings.folder_name(f"seed 1 {name} alone") for name in NAMES]
    folders += [table_surroundings.folder_name(title) for title in NAMES]
    assert len({name.casefold() for name in folders}) == len(folders)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]*|-[0-9a-f]{12}", name) and len(name) < 60 for name in folders)


def test_targets_with_names_alike_or_long_do_not_share_a_folder(tmp_path):
    frame = table().rename(columns={"y": "a/b", "k": "n" * 300}).assign(a_b=1.0)
    frame["a_b"] = frame["b"] - frame["a"]
    one_by_one = {"architecture": "soft", "folds": 2, "epochs": 1}
    fit(frame, ("a/b", "a_b", "n" * 300), resume_folder=tmp_path, baselines=True, **one_by_one)
    assert len(list(tmp_path.iterdir())) == 2 * 4


def test_fits_in_two_threads_are_the_fits_one_after_the_other():
    expected = [weights(fit(seed=seed, dropout=0.3)) for seed in (0, 1)]
    n_threads, state = torch.get_num_threads(), torch.get_rng_state()
    found: dict[int, Tensor] = {}
    threads = [
        threading.Thread(target=lambda seed=seed: found.update({seed: weights(fit(seed=seed, dropout=0.3))}))
        for seed in (0, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(found[seed], expected[seed]) for seed in (0, 1))
    assert torch.get_num_threads() == n_threads and torch.equal(torch.get_rng_state(), state)


def test_what_the_program_has_set_for_torch_changes_nothing_and_is_given_back():
    expected = fit()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode():
            model = fit()
            answers = model.predict(table())
            assert torch.is_inference_mode_enabled()
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(weights(model), weights(expected))
    pd.testing.assert_frame_equal(answers, expected.predict(table()))


@pytest.mark.parametrize("precision", ["64-true", "bf16-true", "bf16-mixed"])
def test_a_model_trained_in_any_precision_has_32_bits_and_comes_back(precision, tmp_path):
    model = fit(precision=precision)
    assert {tensor.dtype for tensor in model.learner.state_dict().values()} == {torch.float32}
    model.save(tmp_path / "model")
    pd.testing.assert_frame_equal(polytask.load(tmp_path / "model").predict(table()), model.predict(table()))


def test_double_precision_is_what_training_computes_in():
    assert not torch.equal(weights(fit(epochs=5)), weights(fit(epochs=5, precision="64-true")))


@pytest.mark.parametrize("rate", [1e20, 1e38])
def test_a_fit_that_diverges_names_the_cure(rate):
    with pytest.raises(TrainingError, match=r"(?i)lower (the )?`?learning.rate"):
        fit(learning_rate=rate)


def test_scores_that_are_never_numbers_end_the_fit(monkeypatch):
    monkeypatch.setattr(table_split_fit.ConstantReference, "skills", lambda *_: {"y": float("nan")})
    with pytest.raises(
        NotFiniteError, match=r"No validation gave .*: y/skill were none\. Lower `learning_rate`"
    ):
        fit(architecture="soft")


def test_rows_that_are_normalized_together_need_a_second_one():
    with pytest.raises(DataError, match=r"`architecture` 'mtan' normalizes .*`batch_size` is 1\. Raise it"):
        fit(architecture="mtan", batch_size=1)


def test_a_last_step_of_one_row_joins_the_one_before():
    fit(table(n_rows=55), architecture="mtan", batch_size=8, folds=5)  # 33 training rows, 11 to validate


def examples(seed: int = 0, *, n_classes: int = 15, size: int = 16) -> LabelledExamples:
    draw = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (n_classes * 8, 1, size, size), generator=draw, dtype=torch.uint8)
    return LabelledExamples(
        inputs=images,
        labels=torch.arange(n_classes).repeat_interleave(8),
        class_names=tuple(f"c{index}" for index in range(n_classes)),
        class_groups=("g",) * n_classes,
    )


def learn(source: LabelledExamples | None = None, **settings: Any) -> Any:
    given = {"way": 2, "shot": 1, "steps": 2, "n_episodes": 3, "width": 4, **settings}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # noise cannot be told apart
        return polytask.learn(examples() if source is None else source, **given)


def relabelled() -> LabelledExamples:
    found = examples()
    labels = found.labels.clone()
    labels[[0, 8]] = labels[[8, 0]]
    return replace(found, labels=labels)


FEW_SHOT: dict[str, tuple[dict[str, Any], str]] = {
    "images": ({"source": examples(1)}, "`training images` was"),
    "labels": ({"source": relabelled()}, "images` was"),
    "way": ({"way": 3}, "`way` was 2, is 3"),
    "shot": ({"shot": 2}, "`shot` was 1, is 2"),
    "steps": ({"steps": 3}, "`steps` was 2, is 3"),
    "learner": ({"learner": "anil"}, "`learner` was varied-prototypes, is anil"),
    "seed": ({"seed": 1}, "`seed` was 0, is 1"),
    "width": ({"width": 5}, "`width` was 4, is 5"),
    "size": ({"source": examples(size=18)}, "images` was"),
}


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The resume folder of a learned model."""
    path = tmp_path_factory.mktemp("learn") / "work"
    learn(resume_folder=path)
    return path


@pytest.mark.parametrize("what", FEW_SHOT)
def test_learning_from_other_images_or_with_other_settings_is_refused_by_name(what, learned):
    other, message = FEW_SHOT[what]
    with pytest.raises(BundleError, match=f"{learned} cannot be used: it holds another run.*{message}"):
        learn(resume_folder=learned, **other)


def test_more_test_episodes_go_on_in_the_same_folder(learned):
    again = learn(resume_folder=learned, n_episodes=4)
    assert torch.equal(weights(again), weights(learn()))


def test_a_folder_that_cannot_be_written_is_refused_before_images_are_read(tmp_path):
    (tmp_path / "work").write_text("mine")
    with pytest.raises(InputError, match=r"work.* cannot be written"):
        polytask.learn("no such source", resume_folder=tmp_path / "work")

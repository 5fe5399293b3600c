"""Every kind of model comes back equal from a bundle, from pickle and from a copy, and never answers NaN."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import polytask
from polytask.architectures import architecture_names
from polytask.core import BundleError, InputError, seeded
from polytask.data import LabelledExamples, TableEncoder
from polytask.data.tables.targets import fit_targets
from polytask.meta import learner_names
from polytask.models import AdaptedModel, FewShotModel, TableModel
from polytask.models.bundle import Bundle, load_bundle
from polytask.models.few_shot_config import FewShotConfig
from polytask.models.few_shot_model import build_few_shot_learner
from polytask.models.table_config import TableConfig
from polytask.models.table_learner import build_table_learner

Model = TableModel | FewShotModel | AdaptedModel


def frame() -> pd.DataFrame:
    x = np.random.default_rng(0).normal(size=(30, 2))
    colour = np.where(x[:, 0] > 0.5, "red", np.where(x[:, 0] > 0, "blue", "green"))
    return pd.DataFrame({"a": x[:, 0], "colour": colour, "y": x.sum(1), "k": x[:, 0] > 0, "c": colour})


def table_model(sharing: Any = "hard") -> TableModel:
    rows = np.arange(30)
    encoder = TableEncoder.fit(frame(), columns=["a", "colour"], train_rows=rows)
    targets = tuple(fit_targets(frame(), ["y", "k", "c"], train_rows=rows))
    config = TableConfig(architecture=sharing, width=4, members=2)
    with seeded(0, "table"):
        learner = build_table_learner([target.task for target in targets], encoder.n_features, config)
    return TableModel(learner, encoder, targets, config=config, data={"fingerprint": "0"})


def support() -> LabelledExamples:
    images = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 255
    return LabelledExamples(
        inputs=images.to(torch.uint8),
        labels=torch.tensor([0, 0, 1, 1]),
        class_names=("a", "b"),
        class_groups=("a", "b"),
    )


def few_shot_model(learner: str = "prototypes", **settings: Any) -> FewShotModel:
    config = FewShotConfig(
        **{"learner": learner, "way": 2, "size": 16, "width": 4, "inner_steps": 1, **settings}
    )
    with seeded(0, "few-shot"):
        return FewShotModel(build_few_shot_learner(config), config=config, data={"fingerprint": "0"})


def answers(model: Model) -> pd.DataFrame:
    if isinstance(model, TableModel):
        return model.predict(frame())
    if isinstance(model, FewShotModel):
        model = model.adapt(support())
    return model.predict(support().inputs)


def stored(model: Model, folder: Path) -> Bundle:
    return load_bundle(model.save(folder))


def through_every_door(model: Model, folder: Path) -> None:
    before = torch.get_rng_state()
    copies = {
        "load": polytask.load(model.save(folder)),
        "pickle": pickle.loads(pickle.dumps(model)),  # noqa: S301 - our own
        "copy": copy.deepcopy(model),
    }
    assert torch.equal(torch.get_rng_state(), before)  # loading draws nothing
    expected = answers(model)
    for door, found in copies.items():
        assert type(found) is type(model)
        pd.testing.assert_frame_equal(answers(found), expected, obj=door)


@pytest.mark.parametrize("sharing", architecture_names())
def test_a_table_model_comes_back_equal(tmp_path, sharing):
    through_every_door(table_model(sharing), tmp_path / "m")


@pytest.mark.parametrize("learner", learner_names())
def test_a_few_shot_model_and_what_it_adapted_to_come_back_equal(tmp_path, learner):
    model = few_shot_model(learner)
    through_every_door(model, tmp_path / "m")
    through_every_door(model.adapt(support()), tmp_path / "a")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_a_model_loads_whatever_the_default_type_is(tmp_path, dtype):
    model = table_model()
    expected = answers(model)
    folder = model.save(tmp_path / "m")
    torch.set_default_dtype(dtype)
    try:
        loaded = polytask.load(folder)
    finally:
        torch.set_default_dtype(torch.float32)
    pd.testing.assert_frame_equal(answers(loaded), expected)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e38])
@pytest.mark.parametrize("kind", ["table", "few-shot", "adapted"])
def test_a_model_that_answers_nan_is_not_saved(tmp_path, kind, number):
    model = table_model() if kind == "table" else few_shot_model("maml")
    learner = model.learner
    saved: Model = model if isinstance(model, TableModel) or kind == "few-shot" else model.adapt(support())
    if isinstance(saved, AdaptedModel):
        for tensor in (part for parts in saved.predictor.state.values() for part in parts.values()):
            tensor.fill_(number)
    else:
        for parameter in learner.parameters():
            parameter.data.fill_(number)
    with pytest.raises(BundleError, match=r"NaN or infin.*lower learning rate"):
        saved.save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def with_config(bundle: Bundle, **changes: Any) -> Bundle:
    return Bundle(
        kind=bundle.kind,
        config={**bundle.config, **changes},
        tensors=bundle.tensors,
        data=bundle.data,
        source="there/model",
    )


HOSTILE_TABLES = {
    "no settings": {"model": None},
    "an unknown setting": lambda c: c["model"].update(colour=1),
    "a text for a number": lambda c: c["model"].update(width="4"),
    "another width": lambda c: c["model"].update(width=30_000),
    "an immense width": lambda c: c["model"].update(width=2**62),
    "an immense depth": lambda c: c["model"].update(depth=10**9),
    "another way of sharing": lambda c: c["model"].update(architecture="mmoe"),
    "no columns": lambda c: c["encoder"].update(columns=[]),
    "a column of an unknown kind": lambda c: c["encoder"]["columns"][0].update(kind="image"),
    "a scale of 0": lambda c: c["encoder"]["columns"][0].update(scale=0),
    "a mean that is a text": lambda c: c["encoder"]["columns"][0].update(mean="0"),
    "a category twice": lambda c: c["encoder"]["columns"][1].update(categories=["red", "red", "blue"]),
    "a category less": lambda c: c["encoder"]["columns"][1]["categories"].pop(),
    "two columns of a name": lambda c: c["encoder"]["columns"][1].update(name="a"),
    "targets that are a text": {"targets": "y"},
    "no targets": {"targets": []},
    "a target twice": lambda c: c["targets"].append(c["targets"][0]),
    "a target of an unknown kind": lambda c: c["targets"][0].update(kind="ranking"),
    "a class twice": lambda c: c["targets"][2].update(classes=["red", "red", "blue"]),
    "a class more": lambda c: c["targets"][2]["classes"].append("black"),
    "a regression of classes": lambda c: c["targets"][0].update(classes=["a", "b"]),
    "an infinite scale": lambda c: c["targets"][0].update(scale=1e300),
}


@pytest.fixture(scope="module")
def table_bundle(tmp_path_factory) -> Bundle:
    return stored(table_model(), tmp_path_factory.mktemp("table") / "m")


@pytest.mark.parametrize("change", HOSTILE_TABLES.values(), ids=HOSTILE_TABLES.keys())
def test_a_table_model_whose_description_is_wrong_is_refused(table_bundle, change):
    config = copy.deepcopy(table_bundle.config)
    config.update(change) if isinstance(change, dict) else change(config)
    with pytest.raises(BundleError, match=r"^there/model: .*Copy or train the model again\.$"):
        TableModel.from_bundle(with_config(table_bundle, **config))


HOSTILE_IMAGES = {
    "an unknown learner": lambda c: c["model"].update(learner="telepathy"),
    "another learner": lambda c: c["model"].update(learner="maml"),
    "another width": lambda c: c["model"].update(width=30_000),
    "an immense size": lambda c: c["model"].update(size=10**6),
    "a day of adaptation": lambda c: c["model"].update(inner_steps=10**7),
    "a way of text": lambda c: c["model"].update(way="2"),
    "images of another size": lambda c: c["images"].update(size=32),
    "images as a text": {"images": "grey"},
    "classes as a text": {"classes": "ab"},
    "a class more": lambda c: c["classes"].append("c"),
    "a class twice": {"classes": ["a", "a"]},
    "a class that is a number": {"classes": ["a", 1]},
    "no classes": {"classes": []},
}


@pytest.fixture(scope="module")
def adapted_bundle(tmp_path_factory) -> Bundle:
    return stored(few_shot_model().adapt(support()), tmp_path_factory.mktemp("adapted") / "m")


@pytest.mark.parametrize("change", HOSTILE_IMAGES.values(), ids=HOSTILE_IMAGES.keys())
def test_an_adapted_model_whose_description_is_wrong_is_refused(adapted_bundle, change):
    config = copy.deepcopy(adapted_bundle.config)
    config.update(change) if isinstance(change, dict) else change(config)
    with pytest.raises(BundleError, match=r"^there/model: .*Copy or train the model again\.$"):
        AdaptedModel.from_bundle(with_config(adapted_bundle, **config))


@pytest.mark.parametrize("part", ["model", "classes", "images"])
def test_a_missing_part_is_named(adapted_bundle, part):
    config = {name: value for name, value in adapted_bundle.config.items() if name != part}
    bundle = Bundle(kind="few-shot-adapted", config=config, tensors=adapted_bundle.tensors, data={})
    with pytest.raises(BundleError, match=f"lacks '{part}'"):
        AdaptedModel.from_bundle(bundle)


@pytest.mark.parametrize("change", ["missing", "more", "shape", "type", "nothing of the classes"])
def test_weights_that_do_not_fit_are_named(adapted_bundle, change):
    tensors = dict(adapted_bundle.tensors)
    name = next(name for name in tensors if name.endswith("weight"))
    if change == "missing":
        del tensors[name]
    elif change == "more":
        tensors["more"] = torch.zeros(1)
    elif change == "shape":
        tensors[name] = tensors[name][:1]
    elif change == "type":
        tensors[name] = tensors[name].double()
    else:
        tensors = {key: tensor for key, tensor in tensors.items() if not key.startswith("adapted/")}
    bundle = Bundle(
        kind="few-shot-adapted", config=adapted_bundle.config, tensors=tensors, data={}, source="m"
    )
    with pytest.raises(BundleError, match=r"^m: .*(missing|unknown|instead of|KeyError)"):
        AdaptedModel.from_bundle(bundle)


def test_a_width_beyond_the_weights_asks_for_no_memory(table_bundle, monkeypatch):
    monkeypatch.setattr(torch.nn.Module, "to_empty", lambda *_, **__: pytest.fail("memory was asked for"))
    config = {**table_bundle.config, "model": {**table_bundle.config["model"], "width": 30_000}}
    with pytest.raises(BundleError, match=r"float32 \[4, 4\] instead of float32 \[30000, "):
        TableModel.from_bundle(with_config(table_bundle, **config))


def test_too_many_steps_or_episodes_are_refused_before_training():
    with pytest.raises(InputError, match="`inner_steps` must be at most"):
        few_shot_model("maml", inner_steps=10**6)
    with pytest.raises(InputError, match="`episodes` must be at most 100000"):
        few_shot_model("maml", episodes=10**9)

"""``polytask info`` says what a model or a comparison is, and what is damaged."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

import polytask
from polytask.cli import app
from polytask.data import LabelledExamples
from polytask.meta import conv4
from polytask.meta.metric import Prototypes
from polytask.models import FewShotModel
from polytask.models.bundle_folder import own_checksum
from polytask.models.bundle_info import bundle_info
from polytask.models.few_shot_config import FewShotConfig
from polytask.version import __version__

pytestmark = pytest.mark.trains

WRITTEN_BEFORE = Path(__file__).parents[1] / "models" / "written_before"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("info")
    rows = [f"{i / 2},k{i % 5},{i / 7},{i % 2}\n" for i in range(60)]
    (folder / "t.csv").write_text("a,b,y,z\n" + "".join(rows))
    table = pd.read_csv(folder / "t.csv")
    polytask.fit(table, ["y", "z"], epochs=1, width=4, folds=2).save(folder / "table")
    polytask.compare(
        table, "y", candidates=["constant", "linear"], folds=2, workers=1, directory=folder / "c"
    )
    return folder


@pytest.fixture
def run(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return lambda *words: CliRunner().invoke(app, ["info", *map(str, words)])


@pytest.fixture
def copied(folder, tmp_path, monkeypatch):
    """A copy of the model or of the comparison, which a test may damage."""

    def copy(name: str) -> Path:
        shutil.copytree(folder / name, tmp_path / name)
        monkeypatch.chdir(tmp_path)
        return tmp_path / name

    return copy


def test_a_model_of_groups_says_which(tmp_path):
    table = pd.DataFrame({"a": np.arange(60) / 2, "y": np.arange(60) % 7 / 7, "z": np.arange(60) % 2})
    polytask.fit(table, ["y", "z"], groups="z;y", epochs=1, width=4, folds=2).save(tmp_path / "m")
    said = CliRunner().invoke(app, ["info", str(tmp_path / "m")]).stdout
    assert re.search(r"groups +y; z", said) and said.count("alone in its group") == 2


def test_a_table_model_says_what_it_is(run, folder):
    found = json.loads(run("table", "--json").stdout)
    assert (found["kind"], found["library"]) == ("table", __version__)
    assert [(one["name"], one["kind"]) for one in found["targets"]] == [("y", "regression"), ("z", "binary")]
    assert found["columns"] == {"number": ["a"], "category": ["b"]}
    assert len(found["data"]["fingerprint"]) == 64 and found["data"]["rows"] == 60
    assert found["problems"] == [] and found["results"]["tasks"][0]["task"] == "y"
    tensors = load_file(next((folder / "table").glob("weights-*")))
    weights = [one for name, one in tensors.items() if not name.startswith("calibration.")]
    assert found["n_parameters"] == sum(one.numel() for one in weights)
    assert pd.Timestamp(found["saved"]).tzinfo is not None
    shown = " ".join(run("table").stdout.split())
    for text in ("a model of a table", "target z binary, 2 classes: 0, 1", "trained on a table of 60 rows"):
        assert text in shown
    assert "result y rmse" in shown and "by a model of its own: " in shown
    assert shown.count("checksum verified") == 4 and "DAMAGED" not in shown


def test_few_shot_models_say_what_they_are(run, tmp_path):
    model = FewShotModel(
        Prototypes(conv4(width=2)),
        config=FewShotConfig(learner="prototypes", size=16, width=2),
        data={"seed": 3},
    )
    model.save(tmp_path / "shots")
    images = np.random.default_rng(0).random((4, 1, 16, 16)).astype(np.float32)
    support = LabelledExamples(
        inputs=torch.from_numpy(images),
        labels=torch.tensor([0, 0, 1, 1]),
        class_names=("cat", "dog"),
        class_groups=("pet", "pet"),
    )
    model.adapt(support).save(tmp_path / "adapted")
    shown = " ".join(run(tmp_path / "shots").stdout.split())
    assert "learner prototypes, 5-way 1-shot" in shown and "images 16 x 16" in shown and "seed 3" in shown
    shown = " ".join(run(tmp_path / "adapted").stdout.split())
    assert "an adapted few-shot model" in shown and "classes 2: cat, dog" in shown


@pytest.mark.parametrize("name", sorted(path.name for path in WRITTEN_BEFORE.iterdir() if path.is_dir()))
def test_models_of_earlier_versions_say_what_they_are(run, name):
    found = run(WRITTEN_BEFORE / name, "--json")
    if found.exit_code:  # of the first layout, which is refused by every reader
        assert "schema version" in found.stderr
        return
    assert json.loads(found.stdout)["problems"] == []
    assert run(WRITTEN_BEFORE / name).exit_code == 0


def test_every_damaged_file_is_named(run, copied):
    model = copied("table")
    (weights,), (results,) = model.glob("weights-*"), model.glob("results-*")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    results.unlink()
    ended = run("table")
    said = " ".join(ended.stderr.split())
    assert ended.exit_code == 2 and said.startswith("error: ")
    assert f"{weights.name} does not match its checksum" in said and f"has no {results.name}" in said
    shown = ended.stdout.replace("\n", "").replace(" ", "")
    assert f"{results.name}:missing,DAMAGED" in shown and shown.count("DAMAGED") == 2
    told = run("table", "--json")
    assert told.exit_code == 2 and len(json.loads(told.stdout)["problems"]) == 2
    assert json.loads(told.stdout)["n_parameters"] is None


def test_a_changed_description_is_an_error(run, copied):
    path = copied("table") / "model.json"
    path.write_text(path.read_text().replace('"rows": 60', '"rows": 61'))
    ended = run("table")
    assert ended.exit_code == 2 and "does not match its checksum" in ended.stderr and ended.stdout == ""


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere", "There is no model directory nowhere"),
        ("t.csv", "is a file"),
        (".", "it is no polytask model"),
    ],
)
def test_what_is_no_model_is_an_error(run, place, message):
    ended = run(place)
    assert ended.exit_code == 2 and message in " ".join(ended.stderr.split()) and ended.stdout == ""


def test_a_comparison_says_what_it_is(run):
    found = json.loads(run("c", "--json").stdout)
    assert (found["kind"], found["cells"], found["done"]) == ("comparison", 4, 4)
    assert found["candidates"] == ["constant", "linear"] and found["folds"] == [30, 30]
    assert "For y" in found["recommendation"]
    shown = " ".join(run("c").stdout.split())
    assert "cells 4 of 4 done" in shown and found["recommendation"] in shown


def test_a_comparison_says_which_target_is_learned_on_a_log_scale(folder, tmp_path, monkeypatch):
    table = pd.read_csv(folder / "t.csv").assign(y=lambda rows: rows.y + 1)
    polytask.compare(table, "y:log", candidates="constant", folds=2, workers=1, directory=tmp_path / "c")
    monkeypatch.chdir(tmp_path)
    assert "target y log" in " ".join(CliRunner().invoke(app, ["info", "c"]).stdout.split())


def test_a_damaged_comparison_says_what_is_damaged(run, copied):
    compared = copied("c")
    cell = min(compared.glob("cells/*"))
    outputs = cell / "outputs.npz"
    content = bytearray(outputs.read_bytes())
    content[len(content) // 2] ^= 255
    outputs.write_bytes(content)
    (compared / "rows.npz").write_bytes((compared / "rows.npz").read_bytes()[:-9])
    ended = run("c")
    said = " ".join(ended.stderr.split())
    assert ended.exit_code == 2 and f"{Path('c', 'cells', cell.name)} is damaged" in said
    assert "The encoded rows of c are damaged" in said


def test_a_comparison_that_is_not_finished_is_not_judged(run, copied):
    shutil.rmtree(min(copied("c").glob("cells/*")))
    ended = run("c", "--json")
    assert ended.exit_code == 0
    found = json.loads(ended.stdout)
    assert found["done"] == 3 and "recommendation" not in found


def test_a_model_is_told_without_torch(folder):
    code = f"""
import sys
from typer.testing import CliRunner
from polytask.cli import app
assert CliRunner().invoke(app, ["info", {str(folder / "table")!r}]).exit_code == 0
assert not [name for name in ("torch", "pandas", "numpy") if name in sys.modules]
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_hostile_description_is_told_without_a_fault(copied):
    path = copied("table") / "model.json"
    description = json.loads(path.read_text())
    for change in (
        {"config": {"targets": 3, "encoder": [], "model": None, "classes": {}}, "saved": 5},
        {"config": {"targets": [3, {}], "encoder": {"columns": [None, {"kind": []}]}}},
        {"files": {"../../etc/passwd": 3, "weights-0000000000000000.safetensors": "00"}},
    ):
        changed = description | change
        path.write_text(json.dumps(changed | {"checksum": own_checksum(changed)}))
        found = bundle_info(path.parent)
        assert found.kind == "table" and found.to_json()
        assert CliRunner().invoke(app, ["info", str(path.parent)]).exit_code in (0, 2)


def test_a_model_with_tasks_says_which_it_knows_and_what_it_learned(folder, run):
    rng = np.random.default_rng(0)
    shop, x = np.repeat([f"s{index}" for index in range(6)], 10), rng.normal(size=60)
    table = pd.DataFrame({"shop": shop, "x": x, "sold": x + rng.normal(size=60)})
    polytask.fit(table, "sold", task_column="shop", epochs=1, folds=2, width=4, bins=0).save(folder / "shops")
    shown = " ".join(run("shops").stdout.split())
    assert "a model of a table with tasks (polytask fit or learn, with --task-column)" in shown
    assert "tasks 6 of the column shop: s0, s1, s2, s3, s4, s5" in shown
    assert re.search(r"result sold rmse [\d.]+ ± [\d.]+ on tasks that were held out, four fifths of", shown)
    assert json.loads(run("shops", "--json").stdout)["tasks"] == [f"s{index}" for index in range(6)]
    table.iloc[:14].assign(shop=4 * ["s1"] + 10 * ["new"]).to_csv(folder / "more.csv", index=False)
    ended = CliRunner().invoke(app, ["adapt", "shops", "more.csv", "-o", "more"])
    assert "Learned 14 labels of 2 tasks, 1 of them new; the model knows 7 tasks." in " ".join(
        ended.output.split()
    )


def test_a_target_on_a_log_scale_is_told_as_one(folder, run):
    table = pd.read_csv(folder / "t.csv").assign(y=lambda rows: 1000 * (1 + rows["y"]))
    polytask.fit(table, "y:log", epochs=1, width=4, folds=2, baselines=False, bins=0).save(folder / "logs")
    shown = " ".join(run("logs").stdout.split())
    assert "target y log" in shown
    assert re.search(r"result y rmse \d+ ± \d+ on held-out rows", shown)  # 1200 ± 209, not ± 2.1e+02


def test_a_classifier_of_few_examples_tells_what_it_knows_and_by_what(folder, run):
    support = {"money": ["pay my bill", "send money", "what do I owe"], "weather": ["is it cold", "rain"]}
    polytask.adapt(support, encoder="hashed-text", head="class-means").save(folder / "intents")
    shown = " ".join(run("intents").stdout.split())
    assert "kind a classifier of few examples (polytask adapt)" in shown
    assert "classes 2: money, weather" in shown
    assert "examples 5 texts, 2 to 3 of a class" in shown
    assert "encoded by hashed-text" in shown
    assert re.search(r"head class-means of strength [\d.]+, as asked for", shown)
    assert re.search(r"result \d+% of examples told right when they were left out", shown)
    told = json.loads(run("intents", "--json").stdout)
    assert (
        told["examples"] == [3, 2] and told["item_kind"] == "text" and told["head"]["name"] == "class-means"
    )

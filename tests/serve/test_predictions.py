"""Predictions of every kind of saved model, out of JSON, CSV, Parquet and forms."""

import io
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from fastapi.testclient import TestClient
from tests.serve.conftest import SAVED, Start, packed, sign, signs

import polytask
from polytask.core import BundleError
from polytask.estimators import fit
from polytask.models import load

ROWS = pd.read_csv(SAVED / "table_rows.csv")


@pytest.fixture
def table(start: Start) -> TestClient:
    return start(models={"table": str(SAVED / "table")})


def json_rows(frame: pd.DataFrame) -> list[dict]:
    return [
        {name: None if pd.isna(value) else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def test_rows_are_predicted_as_the_library_predicts_them(table: TestClient):
    expected = load(SAVED / "table").predict(ROWS)
    answer = table.post("/models/table/predict", json={"rows": json_rows(ROWS)}).json()
    targets = table.get("/models/table").json()["targets"]
    assert len(answer["predictions"]) == len(ROWS)
    for target in targets:
        name = target["name"]
        found = [row[name] for row in answer["predictions"]]
        assert found == pytest.approx(expected[name].tolist(), abs=1e-6), name
        for label in target.get("classes", ()):
            shares = [row[name][label] for row in answer["probabilities"]]
            assert shares == pytest.approx(expected[f"{name}:p({label})"].tolist(), abs=1e-6)


def test_csv_parquet_and_a_form_give_what_json_gives(table: TestClient):
    written = ROWS.to_csv(index=False).encode()
    packed_rows = io.BytesIO()
    ROWS.to_parquet(packed_rows)
    wanted = table.post(
        "/models/table/predict", content=written, headers={"content-type": "text/csv; charset=utf-8"}
    )
    assert wanted.status_code == 200, wanted.text
    parquet = table.post(
        "/models/table/predict",
        content=packed_rows.getvalue(),
        headers={"content-type": "application/vnd.apache.parquet"},
    )
    form = table.post("/models/table/predict", files={"file": ("../../rows.csv", written)})
    assert wanted.json() == parquet.json() == form.json()


def test_what_rows_lack_is_a_note(table: TestClient):
    answer = table.post("/models/table/predict", json={"rows": [{ROWS.columns[0]: 1}]}).json()
    assert any("columns" in note for note in answer["notes"])


def test_an_adapted_model_tells_its_images(start: Start):
    client = start(models={"adapted": str(SAVED / "prototypes_adapted")})
    found = client.post("/models/adapted/predict", json={"images": [packed(sign("bar"))]}).json()
    assert found["predictions"][0]["class"] in client.get("/models/adapted").json()["classes"]
    refused = client.post("/models/adapted/adapt", json={"name": "more", "examples": signs("bar", "cross")})
    assert refused.status_code == 409
    assert "keeps no examples" in refused.json()["error"]["what"]


def test_a_learned_model_learns_new_classes_of_images(start: Start):
    client = start(models={"learned": str(SAVED / "prototypes")})
    assert client.get("/models/learned").json()["family"] == "encoder"
    told = {"name": "mine", "examples": signs("bar", "circle", "cross", shifts=(0, 2))}
    assert client.post("/models/learned/adapt", json=told).json()["classes"] == ["bar", "circle", "cross"]
    found = client.post(
        "/models/mine/predict", files=[("f", ("a.png", sign("bar", 1))), ("f", ("b.png", b""))]
    )
    assert found.status_code == 422
    found = client.post("/models/mine/predict", files=[("f", ("a.png", sign("bar", 1)))])
    assert found.json()["predictions"][0]["class"] == "bar"


@pytest.fixture(scope="module")
def schools(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model with a task column."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"school": np.repeat([f"s{i}" for i in range(8)], 12), "x": rng.normal(size=96)})
    frame["y"] = frame["x"] + np.repeat(rng.normal(size=8), 12) + 0.1 * rng.normal(size=96)
    model = fit(frame, ["y"], task_column="school", epochs=3, baselines=False, folds=2)
    return str(model.save(tmp_path_factory.mktemp("models") / "schools"))


def test_a_model_with_tasks_learns_new_ones_and_more_of_them(start: Start, schools: str):
    client = start(models={"schools": schools})
    assert client.get("/models/schools").json()["family"] == "tasks-table"
    rows = [{"school": "new", "x": x / 5, "y": x / 5 + 5} for x in range(6)]
    made = client.post("/models/schools/adapt", json={"name": "more", "rows": rows})
    assert made.json()["n_tasks"] == 9, made.text
    asked = {"rows": [{"school": "new", "x": 0.5}], "deviation": True}
    answer = client.post("/models/more/predict", json=asked).json()
    expected = load(schools).adapt(pd.DataFrame(rows)).predict(pd.DataFrame(asked["rows"]))["y"].item()
    assert answer["predictions"][0]["y"] == pytest.approx(expected)
    assert answer["intervals"][0]["y"]["sd"] > 0
    more = client.post("/models/more/examples", json={"rows": [{"school": "newer", "x": 1.0, "y": 2.0}]})
    assert more.json()["n_tasks"] == 10


def test_texts_are_told_also_out_of_a_table_and_never_as_names_of_files(start: Start, tmp_path):
    (tmp_path / "secret.txt").write_text("send money to my landlord")
    client = start()
    pairs = [
        ("pay my bill", "money"),
        ("what do I owe", "money"),
        ("will it rain", "sky"),
        ("is it cold", "sky"),
    ]
    told = {"name": "intents", "examples": [{"text": text, "class": label} for text, label in pairs]}
    assert client.post("/models/texts/adapt", json=told).status_code == 201
    ours = client.post("/models/intents/predict", json={"texts": ["must I pay", "rain today"], "sets": 0.9})
    assert [one["class"] for one in ours.json()["predictions"]] == ["money", "sky"]
    assert set(ours.json()["predictions"][0]["set"]) <= {"money", "sky"}
    csv = client.post(
        "/models/intents/predict",
        content="text\nmust I pay\nrain today\n",
        headers={"content-type": "text/csv"},
    )
    assert [one["class"] for one in csv.json()["predictions"]] == ["money", "sky"]
    name = str(tmp_path / "secret.txt")
    as_text = client.post("/models/intents/predict", json={"texts": [name]}).json()["predictions"]
    as_cell = client.post("/models/intents/predict", json={"rows": [{"text": name}]}).json()["predictions"]
    assert as_text == as_cell
    content = client.post("/models/intents/predict", json={"texts": ["send money to my landlord"]})
    assert as_text != content.json()["predictions"]


def test_vectors_and_sounds_are_learned_too(client: TestClient):
    vectors = [{"vector": [float(x), 1.0 - x], "class": str(x)} for x in (0, 0, 1, 1)]
    vectors[1]["vector"][0] = 0.2
    vectors[3]["vector"][0] = 0.8
    assert client.post("/models/vectors/adapt", json={"name": "v", "examples": vectors}).status_code == 201
    found = client.post("/models/v/predict", json={"vectors": [[0.1, 0.9], [0.9, 0.1]]}).json()["predictions"]
    assert [one["class"] for one in found] == ["0", "1"]

    def tone(pitch: int) -> str:
        written = io.BytesIO()
        with wave.open(written, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16000)
            wave_ = np.sin(2 * np.pi * pitch * np.arange(16000) / 16000)
            file.writeframes((20000 * wave_).astype("<i2").tobytes())
        return packed(written.getvalue())

    pitches = {200: "low", 220: "low", 3000: "high", 3200: "high"}
    sounds = [{"sound": tone(pitch), "class": label} for pitch, label in pitches.items()]
    assert client.post("/models/sounds/adapt", json={"name": "s", "examples": sounds}).status_code == 201
    found = client.post("/models/s/predict", json={"sounds": [tone(210), tone(3100)]}).json()["predictions"]
    assert [one["class"] for one in found] == ["low", "high"]


@pytest.mark.parametrize("field", ["refuse", "sets", "deviation"])
def test_what_is_for_models_of_another_kind_is_refused(table: TestClient, field: str):
    asked = {"rows": json_rows(ROWS.head(1)), field: True if field == "deviation" else 0.5}
    answer = table.post("/models/table/predict", json=asked)
    assert answer.status_code == 422
    assert answer.json()["error"]["where"] == field


def test_a_model_that_the_service_does_not_know_is_refused_at_the_start(start: Start, tmp_path: Path):
    def prior(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.rand(4, 1, generator=generator)
        return x, x[:, 0]

    polytask.learn(prior, steps=1, width=8, progress=False).save(tmp_path / "rows")
    with pytest.raises(BundleError, match="service does not know such models yet"):
        start(models={"rows": str(tmp_path / "rows")})

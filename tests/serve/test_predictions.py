"""Predictions of every kind of saved model, out of JSON, CSV, Parquet and forms."""

import io
import warnings
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from fastapi.testclient import TestClient
from tests.serve.conftest import SAVED, Start, packed, sign, signs

import polytask
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


def test_one_image_a_class_calls_nothing_none_unless_a_request_asks_for_it(signed: TestClient):
    asked = {"images": [packed(sign("triangle")), packed(sign("square"))]}
    found = signed.post("/models/signs/predict", json=asked).json()["predictions"]
    assert not any(one["none"] for one in found)
    found = signed.post("/models/signs/predict", json=asked | {"refuse": 0.9}).json()["predictions"]
    assert any(one["none"] for one in found)


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


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A network that knows a prior of lines."""

    def prior(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        slope, level = torch.randn(2, generator=generator)
        x = torch.rand(8, 1, generator=generator)
        return x, level + slope * x[:, 0]

    model = polytask.learn(prior, steps=5, width=8, progress=False)
    return str(model.save(tmp_path_factory.mktemp("lines") / "lines"))


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A network that reads rows of shops."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"shop": np.repeat([f"s{i}" for i in range(8)], 6), "x": rng.normal(size=48)})
    frame["sold"] = 50 + 5 * frame["x"] + np.repeat(rng.normal(size=8), 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = polytask.learn(
            frame, task_column="shop", target="sold", learner="tnp", steps=5, width=8, progress=False
        )
    return str(model.save(tmp_path_factory.mktemp("shops") / "shops"))


CONTEXT = [{"shop": "new", "x": x / 4, "sold": 60 + x} for x in range(4)]


def test_rows_of_a_task_are_known_for_one_request_alone(start: Start, shops: str):
    client = start(models={"shops": shops})
    told = client.get("/models/shops").json()
    assert (told["family"], told["task_column"], told["n_tasks"]) == ("tasks-table", "shop", 8)
    assert [one["name"] for one in told["targets"]] == ["sold"]
    asked = {"rows": [{"shop": "new", "x": 0.5, "sold": 61.0}], "intervals": 0.8, "deviation": True}
    given = client.post("/models/shops/predict", json={**asked, "context": CONTEXT, "log_density": True})
    assert given.status_code == 200, given.text
    expected = (
        load(shops)
        .adapt(pd.DataFrame(CONTEXT))
        .predict(pd.DataFrame(asked["rows"]), intervals=0.8, deviation=True, log_density=True)
    )
    assert given.json()["predictions"][0]["sold"] == pytest.approx(expected["sold"].item())
    regions = given.json()["intervals"][0]["sold"]
    assert regions == pytest.approx(
        {name: expected[f"sold:{name}"].item() for name in ("low", "high", "sd", "log_density")}
    )
    without = client.post("/models/shops/predict", json=asked).json()
    assert without["predictions"] != given.json()["predictions"]
    assert any("is not known" in note for note in without["notes"])
    assert client.get("/models/shops").json()["n_tasks"] == 8


def test_a_network_of_rows_learns_new_tasks_that_stay_and_can_be_taken_back(start: Start, shops: str):
    client = start(models={"shops": shops})
    made = client.post("/models/shops/adapt", json={"name": "more", "rows": CONTEXT})
    assert made.status_code == 201 and made.json()["n_tasks"] == 9, made.text
    asked = {"rows": [{"shop": "new", "x": 0.5}]}
    kept = start(models={"shops": shops}).post("/models/more/predict", json=asked).json()["predictions"]
    now = client.post("/models/shops/predict", json={**asked, "context": CONTEXT}).json()["predictions"]
    assert kept[0]["sold"] == pytest.approx(now[0]["sold"])
    more = [{"shop": "newer", "x": 0.1, "sold": 40.0}]
    assert client.post("/models/more/examples", json={"rows": more}).json()["n_tasks"] == 10
    assert client.post("/models/more/undo").json()["n_tasks"] == 9


def test_a_prior_answers_rows_by_a_context(start: Start, lines: str):
    client = start(models={"lines": lines})
    assert client.get("/models/lines").json()["task_column"] is None
    asked = {"context": [{"x": 0.0, "y": 1.0}, {"x": 0.5, "y": 1.5}], "rows": [{"x": 0.9}], "intervals": 0.9}
    found = client.post("/models/lines/predict", json=asked).json()
    expected = load(lines).adapt([[0.0], [0.5]], [1.0, 1.5]).predict([[0.9]], intervals=0.9)
    assert found["predictions"][0]["y"] == pytest.approx(expected["y"].item(), rel=1e-5)
    assert found["intervals"][0]["y"]["low"] == pytest.approx(expected["y:low"].item(), rel=1e-5)


@pytest.mark.parametrize(
    ("asked", "status", "where"),
    [
        ({"context": [], "rows": [{"shop": "a", "x": 1}]}, 422, "context"),
        (
            {"context": [{"shop": "a", "x": [1], "sold": 2}], "rows": [{"shop": "a", "x": 1}]},
            422,
            "context[0]",
        ),
        ({"context": [{"shop": "a", "x": 1}], "rows": [{"shop": "a", "x": 1}]}, 422, "context"),
        ({"context": [{"x": 1, "sold": 2}], "rows": [{"shop": "a", "x": 1}]}, 422, "context"),
        ({"context": [{"shop": "a", "x": 1, "sold": 1e9}], "rows": [{"shop": "a", "x": 1}]}, 422, "context"),
        ({"context": CONTEXT}, 422, "rows"),
        ({"context": CONTEXT * 3, "rows": [{"shop": "a", "x": 1}]}, 413, "context"),
        ({"rows": [{"shop": "a", "x": 1}], "log_density": True}, 422, ""),
        ({"rows": [{"shop": "a", "x": 1}], "joint": True}, 422, "joint"),
    ],
)
def test_a_context_that_cannot_be_read_is_refused(start: Start, shops: str, asked, status, where):
    client = start(models={"shops": shops}, limits={"rows": 10})
    answer = client.post("/models/shops/predict", json=asked)
    assert answer.status_code == status, answer.text
    assert where in answer.json()["error"]["where"] and answer.json()["error"]["remedy"]


def test_a_model_knows_so_many_rows_of_tasks_and_no_more(start: Start, shops: str):
    client = start(models={"shops": shops}, limits={"rows": 2})
    rows = [[{"shop": f"n{i}", "x": float(j), "sold": 50.0 + j} for j in range(2)] for i in range(2)]
    refused = client.post("/models/shops/adapt", json={"name": "more", "rows": rows[0]})
    assert refused.status_code == 413 and "50 rows; at most 40" in refused.json()["error"]["what"]
    assert "more" not in [one["name"] for one in client.get("/models").json()["models"]]


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A network that reads rows of tasks with classes of their own."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"task": np.repeat([f"t{i}" for i in range(7)], 6), "x": rng.normal(size=42)})
    frame["kind"] = [f"k{i // 6}{'ab'[i % 2]}" for i in range(42)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = polytask.learn(
            frame, task_column="task", target="kind", own_classes=True, learner="logistic", steps=2,
            progress=False,
        )  # fmt: skip
    return str(model.save(tmp_path_factory.mktemp("kinds") / "kinds"))


HOSTILE = ["<script>alert(1)</script>", "__proto__", "a|b", 'say "hi"\nthere', "☃" * 200, "0", "nul\0"]


def own_rows(names: list) -> list[dict]:
    """Two rows of a class each, the pairs in tasks of their own."""
    return [{"task": f"n{i // 2}", "x": float(i), "kind": name} for i, name in enumerate(names)]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_class_of_any_name_is_answered_beside_those_of_its_task_alone(start: Start, kinds: str, name: str):
    client = start(models={"kinds": kinds})
    asked = {"context": own_rows([name, "other", "c", "d"]), "rows": [{"task": "n0", "x": 0.0}]}
    asked["rows"] += [{"task": "n1", "x": 2.0}, {"task": "nobody", "x": 0.0}]
    found = client.post("/models/kinds/predict", json=asked)
    assert found.status_code == 200, found.text
    shares = [one["kind"] for one in found.json()["probabilities"]]
    assert [set(one) for one in shares] == [{name, "other"}, {"c", "d"}, set()]
    told = [one["kind"] for one in found.json()["predictions"]]
    assert told[0] == name and told[1] in ("c", "d") and told[2] is None


def test_classes_of_tasks_are_limited_in_number_and_length(start: Start, kinds: str):
    client = start(models={"kinds": kinds}, limits={"classes": 1})
    many, long = own_rows([f"c{i}" for i in range(8)]), own_rows(["x" * 201, "b"])
    for rows, told in ((many, "22 classes; at most 20"), (long, "has 201 characters; at most 200")):
        made = client.post("/models/kinds/adapt", json={"name": "more", "rows": rows})
        shown = {"context": rows, "rows": [{"task": "n0", "x": 0.0}]}
        for refused in (made, client.post("/models/kinds/predict", json=shown)):
            assert refused.status_code == 413 and told in refused.json()["error"]["what"], refused.text


def test_contexts_of_clients_at_once_do_not_mix(start: Start, shops: str):
    client = start(models={"shops": shops}, threads=4)
    model, asked = load(shops), [{"shop": "new", "x": 0.5}]

    def context(number: int) -> list[dict]:
        return [{"shop": "new", "x": x / 4, "sold": 40.0 + number + x} for x in range(1 + number % 4)]

    def answer(number: int) -> float:
        told = {"context": context(number), "rows": asked}
        return client.post("/models/shops/predict", json=told).json()["predictions"][0]["sold"]

    expected = [
        model.adapt(pd.DataFrame(context(number))).predict(pd.DataFrame(asked))["sold"].item()
        for number in range(24)
    ]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(answer, range(24))) == pytest.approx(expected)


def test_known_classes_of_texts_make_classifiers_of_new_ones(start: Start, tmp_path: Path):
    known = {word: [f"{word} {other}" for other in ("one", "two", "three")] for word in "abcdefg"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        learned = polytask.learn(known, kind="text", encoder="hashed-text", progress=False)
    client = start(models={"intents": str(learned.save(tmp_path / "intents"))})
    told = client.get("/models/intents").json()
    assert (told["family"], told["data"], told["encoders"]) == ("encoder", "texts", ["hashed-text"])
    (tmp_path / "secret.txt").write_text("pay")
    pairs = [
        ("pay my bill", "money"),
        ("what I owe", "money"),
        ("will it rain", "sky"),
        ("cold today", "sky"),
    ]
    examples = [{"text": text, "class": label} for text, label in pairs]
    made = client.post("/models/intents/adapt", json={"name": "mine", "examples": examples})
    assert made.status_code == 201, made.text
    assert made.json()["classes"] == ["money", "sky"] and made.json()["texts"]["0"] == "pay my bill"
    found = client.post(
        "/models/mine/predict", json={"texts": ["pay it", "rain", str(tmp_path / "secret.txt")]}
    )
    expected = learned.adapt([text for text, _ in pairs], [label for _, label in pairs]).predict(
        ["pay it", "rain", str(tmp_path / "secret.txt")], probabilities=True
    )
    for row, ours in zip(found.json()["predictions"], expected.to_dict("records"), strict=True):
        assert row["probabilities"]["money"] == pytest.approx(ours["p(money)"], abs=1e-6)
    more = client.post("/models/mine/examples", json={"examples": [{"text": "a pizza", "class": "food"}]})
    assert more.json()["classes"] == ["money", "sky", "food"]
    assert client.post("/models/intents/predict", json={"texts": ["pay"]}).status_code == 409
    one = client.post("/models/intents/adapt", json={"name": "one", "examples": examples[:2]})
    assert one.status_code == 422 and "at least 2" in one.json()["error"]["what"]
    wrong = client.post(
        "/models/intents/adapt", json={"name": "v", "examples": [{"vector": [1.0], "class": "a"}]}
    )
    assert wrong.status_code == 422


def test_a_context_without_the_column_of_tasks_is_told_to_name_each_task(start: Start, shops: str):
    client = start(models={"shops": shops})
    asked = {"context": [{"x": 1.0, "sold": 2.0}], "rows": [{"shop": "a", "x": 1.0}]}
    error = client.post("/models/shops/predict", json=asked).json()["error"]
    assert error["remedy"] == "Add it, with the task of each row."
    without = client.post("/models/shops/predict", json={"rows": [{"x": 1.0}]}).json()["error"]
    assert without["remedy"] == "Add it; leave it empty where the task is not known."


def test_a_text_that_has_another_label_already_is_noted(start: Start):
    client = start()
    given = [
        ("pay my bill", "money"),
        ("what do I owe", "money"),
        ("rain?", "weather"),
        ("is it hot", "weather"),
    ]
    examples = [{"text": text, "class": label} for text, label in given]
    made = client.post("/models/texts/adapt", json={"name": "told", "examples": examples}).json()
    assert not any("more than one label" in note for note in made["notes"])
    more = [{"text": "what do I owe", "class": "weather"}, {"text": "it snows", "class": "weather"}]
    notes = client.post("/models/told/examples", json={"examples": more}).json()["notes"]
    said = "1 text with more than one label, such as 'what do I owe': money, weather. Correct the wrong ones."
    assert said in notes

"""Models over HTTP: predictions as in Python, living classes, undo, and a store that outlives the service."""

import asyncio
import warnings

import httpx
import pytest
from fastapi.testclient import TestClient
from tests.serve.conftest import MORE, SIGNS, Start, packed, sign, signs

from polytask.core import DataWarning
from polytask.estimators import adapt
from polytask.serve import Limits, ServeSettings, create_app


def predicted(client: TestClient, name: str, *files: bytes) -> list[dict]:
    answer = client.post(f"/models/{name}/predict", json={"images": [packed(file) for file in files]})
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


def direct(names: tuple[str, ...], shifts: tuple[int, ...], files: list[bytes]) -> list[dict[str, float]]:
    """Return the probabilities that the library gives for the same examples."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        items = [sign(name, shift) for name in names for shift in shifts]
        labels = [name for name in names for _ in shifts]
        model = adapt(items, labels, kind="image", encoder="drawings")
        found = model.predict(files, probabilities=True)
    return [{name: row[f"p({name})"] for name in names} for row in found.to_dict("records")]


def test_five_signs_are_learned_from_one_drawing_each_and_told_as_the_library_tells_them(client: TestClient):
    made = client.post("/models/drawings/adapt", json={"name": "five", "examples": signs(*SIGNS)})
    assert made.status_code == 201
    assert made.json()["classes"] == sorted(SIGNS)
    files = [sign(name, 4) for name in SIGNS]
    found = predicted(client, "five", *files)
    assert [one["class"] for one in found] == list(SIGNS)
    expected = direct(tuple(sorted(SIGNS)), (0,), files)
    for one, shares in zip(found, expected, strict=True):
        assert one["probabilities"] == pytest.approx(shares, abs=1e-6)


def test_what_was_noteworthy_is_told_with_the_answer(client: TestClient):
    made = client.post("/models/drawings/adapt", json={"name": "two", "examples": signs("bar", "cross")})
    assert any("Every class has one example" in note for note in made.json()["notes"])


def test_classes_are_added_renamed_corrected_and_removed(signed: TestClient):
    added = signed.post("/models/signs/examples", json={"examples": signs("bar", shifts=(0, 2))}).json()
    assert added["n_examples"] == {"circle": 1, "cross": 1, "bar": 2}
    assert added["revision"] == 2
    renamed = signed.post("/models/signs/rename", json={"class": "bar", "to": "a/b ☂"}).json()
    assert renamed["classes"] == ["circle", "cross", "a/b ☂"]
    moved = signed.post("/models/signs/correct", json={"example": "3", "class": "cross"}).json()
    assert moved["n_examples"] == {"circle": 1, "cross": 2, "a/b ☂": 1}
    forgotten = signed.post("/models/signs/forget", json={"example": "1"}).json()
    assert forgotten["examples"]["cross"] == ["3"]
    removed = signed.post("/models/signs/remove", json={"class": "a/b ☂"}).json()
    assert removed["classes"] == ["circle", "cross"]
    assert removed["revision"] == 6


def test_classes_are_named_in_paths_too(signed: TestClient):
    assert signed.post("/models/signs/classes/circle", json={"rename": "x/y"}).json()["classes"][0] == "x/y"
    signed.post("/models/signs/examples", json={"examples": signs("bar")})
    assert "x/y" not in signed.delete("/models/signs/classes/x%2Fy").json()["classes"]


def test_a_change_is_undone_step_by_step_and_the_answers_are_those_of_before(signed: TestClient):
    before = predicted(signed, "signs", sign("circle", 3))
    signed.post("/models/signs/examples", json={"examples": signs("bar", shifts=(0, 2))})
    signed.post("/models/signs/remove", json={"class": "circle"})
    back = [signed.post("/models/signs/undo").json() for _ in range(2)]
    assert [one["classes"] for one in back] == [["circle", "cross", "bar"], ["circle", "cross"]]
    assert predicted(signed, "signs", sign("circle", 3)) == before
    assert not back[-1]["can_undo"]
    refused = signed.post("/models/signs/undo")
    assert refused.status_code == 409
    assert "no earlier state" in refused.json()["error"]["what"]
    told = signed.get("/models/signs/history").json()
    assert [one["revision"] for one in told] == [1, 2, 3, 4, 5]


def test_a_model_survives_its_service_bit_for_bit(start: Start):
    first = start()
    first.post("/models/drawings/adapt", json={"name": "signs", "examples": signs("circle", "cross")})
    before = predicted(first, "signs", sign("cross", 5))
    assert predicted(start(), "signs", sign("cross", 5)) == before


def test_workers_see_what_others_change_add_and_delete(start: Start):
    one, other = start(), start()
    one.post("/models/drawings/adapt", json={"name": "signs", "examples": signs("circle", "cross")})
    assert other.get("/models/signs").json()["revision"] == 1
    other.post("/models/signs/examples", json={"examples": signs("bar")})
    assert one.get("/models/signs").json()["classes"] == ["circle", "cross", "bar"]
    assert one.delete("/models/signs").status_code == 204
    assert other.get("/models/signs").status_code == 404
    assert "signs" not in [model["name"] for model in other.get("/models").json()["models"]]


def test_a_name_is_free_again_after_its_model_was_deleted(signed: TestClient):
    taken = signed.post("/models/drawings/adapt", json={"name": "signs", "examples": signs("bar", "square")})
    assert taken.status_code == 409
    signed.delete("/models/signs")
    again = signed.post("/models/drawings/adapt", json={"name": "signs", "examples": signs("bar", "square")})
    assert again.json()["classes"] == ["bar", "square"]
    assert predicted(signed, "signs", sign("bar", 1))[0]["class"] == "bar"


@pytest.mark.parametrize(
    ("path", "told", "status", "words"),
    [
        ("drawings/adapt", {"name": "one", "examples": signs("bar")}, 422, "at least 2"),
        ("drawings/adapt", {"name": "../up", "examples": signs("bar", "cross")}, 422, "cannot be called"),
        ("drawings/adapt", {"name": "texts", "examples": signs("bar", "cross")}, 409, "already"),
        ("drawings/adapt", {"name": "none", "examples": []}, 422, "none"),
        ("drawings/adapt", {"name": "mixed", "examples": [{"text": "a", "class": "b"}]}, 422, "'image'"),
        ("drawings/predict", {"images": [packed(sign("bar"))]}, 409, "knows no classes yet"),
        ("nothing/predict", {"texts": ["a"]}, 404, "no model"),
        ("drawings/undo", None, 409, "stays as it is"),
        ("drawings/examples", {"examples": signs("bar")}, 409, "stays as it is"),
    ],
)
def test_what_cannot_be_done_is_a_record(client: TestClient, path: str, told: dict, status: int, words: str):
    answer = client.post(f"/models/{path}", json=told)
    assert answer.status_code == status
    assert words in answer.json()["error"]["what"]
    assert answer.json()["error"]["request"] == answer.headers["x-request-id"]


def test_fields_are_named_as_requests_write_them(client: TestClient):
    answer = client.post("/models/drawings/rename", json={"label": "bar", "to": "rod"})
    assert answer.status_code == 422
    assert "fields are class, to." in answer.json()["error"]["remedy"]


def test_24_clients_at_once_adapt_and_predict_with_the_right_answers(tmp_path):
    pairs = [(SIGNS[i % 5], SIGNS[(i + 1 + i // 5 % 4) % 5]) for i in range(24)]
    expected = {
        pair: direct(tuple(sorted(pair)), (0,), [sign(pair[0], 4), sign(pair[1], 4)]) for pair in set(pairs)
    }
    settings = ServeSettings(
        store=str(tmp_path / "store"), runtime=str(tmp_path / "run"), limits=Limits(rate=0, patience=120)
    )
    app = create_app(settings)

    async def one(client: httpx.AsyncClient, index: int) -> None:
        pair, name = pairs[index], f"client-{index}"
        told = {"name": name, "examples": signs(*sorted(pair))}
        made = await client.post("/models/drawings/adapt", json=told)
        assert made.status_code == 201, made.text
        files = [packed(sign(pair[0], 4)), packed(sign(pair[1], 4))]
        answer = await client.post(f"/models/{name}/predict", json={"images": files})
        found = [row["probabilities"] for row in answer.json()["predictions"]]
        for ours, theirs in zip(found, expected[pair], strict=True):
            assert ours == pytest.approx(theirs, abs=1e-6)

    async def all_of_them() -> None:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers=MORE, timeout=120
        ) as client:
            await asyncio.gather(*(one(client, index) for index in range(24)))

    asyncio.run(all_of_them())
    app.state.service.close()


@pytest.mark.parametrize("damaged", ["ledger.json", "model.json", "*.safetensors"])
def test_a_model_whose_files_are_damaged_is_refused_and_hides_no_other(
    start: Start, signed: TestClient, damaged: str
):
    told = {"name": "others", "examples": signs("bar", "square")}
    assert signed.post("/models/drawings/adapt", json=told).status_code == 201
    store = signed.app.state.service.store
    (file,) = store.folder("others").rglob(damaged)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    client = start()  # one that has read nothing yet
    names = [one["name"] for one in client.get("/models").json()["models"]]
    assert "signs" in names and "others" not in names
    answer = client.post("/models/others/predict", json={"images": [packed(sign("bar"))]})
    assert answer.status_code == 500
    assert "cannot be read" in answer.json()["error"]["what"]
    assert str(store.root) not in answer.text


def test_sets_hold_the_names_of_classes_whatever_they_are(client: TestClient):
    examples = [
        {"vector": [x, y], "class": name} for name, x in (("a|b", 0.0), ("[c", 4.0)) for y in (0.0, 0.3, 0.6)
    ]
    assert client.post("/models/vectors/adapt", json={"name": "m", "examples": examples}).status_code == 201
    told = client.post("/models/m/predict", json={"vectors": [[0, 0.2], [2, 0.3]], "sets": 0.9})
    found = [one["set"] for one in told.json()["predictions"]]
    assert "a|b" in found[0]
    assert all(set(one) <= {"a|b", "[c"} for one in found)

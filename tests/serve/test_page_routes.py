"""The page, the documentation of the routes, and what these say."""

import re

import pytest
from fastapi.testclient import TestClient

from polytask.serve.examples import REQUESTS
from polytask.serve.forms import Adapt, Changed, FitTable, Forget, MoreExamples, Predict, Remove, Rename

FORMS = {
    "predict": Predict, "adapt": Adapt, "examples": MoreExamples, "rename": Rename, "remove": Remove,
    "correct": Changed, "forget": Forget, "fit": FitTable,
}  # fmt: skip


def test_the_page_is_served_with_headers_that_let_nothing_from_elsewhere_in(client: TestClient):
    answer = client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "name", ["../app.py", "%2e%2e/app.py", "..%2Fapp.py", "app.py", ".", "__init__.py", ""]
)
def test_only_files_of_the_page_are_given(client: TestClient, name: str):
    assert client.get(f"/page/{name}").status_code == 404


def test_the_documentation_asks_no_other_site(client: TestClient):
    text = client.get("/docs").text
    assert not re.search(r"(src|href)=\"(https?:)?//", text)
    assert "POST /models/{name}/predict" in text


def test_every_route_is_documented_with_an_example_of_what_it_takes_and_answers(client: TestClient):
    paths = client.get("/openapi.json").json()["paths"]
    assert len(paths) > 20
    for path, methods in paths.items():
        for method, route in methods.items():
            assert route["summary"], path
            if method == "post" and not path.endswith("undo"):
                assert route["requestBody"]["content"]["application/json"]["examples"], path
            done = {code: answer for code, answer in route["responses"].items() if code.startswith("2")}
            files = ("/metrics", "/bundle", "/report", "/events")
            if not path.endswith(files) and "204" not in done:
                (answer,) = done.values()
                assert "example" in answer["content"]["application/json"], (path, method)


@pytest.mark.parametrize(("name", "label"), [(name, label) for name in FORMS for label in REQUESTS[name]])
def test_the_examples_are_such_as_the_routes_take(name: str, label: str):
    FORMS[name].model_validate(REQUESTS[name][label])


def test_the_example_of_adapting_texts_works(client: TestClient):
    assert client.post("/models/texts/adapt", json=REQUESTS["adapt"]["texts"]).status_code == 201
    assert client.post("/models/intents/predict", json=REQUESTS["predict"]["texts"]).status_code == 200
    assert client.post("/models/intents/examples", json=REQUESTS["examples"]["texts"]).status_code == 200
    assert client.post("/models/intents/rename", json=REQUESTS["rename"]["class"]).status_code == 200


def test_a_model_is_downloaded_and_loaded_elsewhere(client: TestClient, tmp_path):
    import io
    import zipfile

    from polytask.models import load

    client.post("/models/texts/adapt", json=REQUESTS["adapt"]["texts"])
    packed = client.get("/models/intents/bundle")
    zipfile.ZipFile(io.BytesIO(packed.content)).extractall(tmp_path)
    assert load(tmp_path / "intents").classes == ("money", "weather")
    assert client.get("/models/intents/bundle").content == packed.content
    assert client.get("/models/texts/bundle").status_code == 409
    assert client.get("/models/intents/report").status_code == 404
    assert client.get("/models/intents/importance").status_code == 404
    assert "left_out_accuracy" in client.get("/models/intents/results").json()

"""Fits as processes: one that is done, one that is stopped, one that fails, and none too many."""

import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from tests.serve.conftest import SAVED, Start

from polytask.serve import jobs
from polytask.serve.failures import Refused
from polytask.serve.fit_requests import checked_options
from polytask.serve.job_files import open_held

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({"x": RNG.normal(size=60), "z": RNG.normal(size=60)}).assign(
    y=lambda frame: 2 * frame["x"], b=lambda frame: frame["z"] > 0
)
QUICK = {"epochs": 2, "folds": 2, "baselines": False, "bins": 0}


def uploaded(client: TestClient) -> str:
    return client.post(
        "/tables", content=FRAME.to_csv(index=False), headers={"content-type": "text/csv"}
    ).json()["table"]


def started(client: TestClient, name: str, targets: list[str], **options: Any) -> str:
    told = {"name": name, "targets": targets, "options": {**QUICK, **options}}
    answer = client.post(f"/tables/{uploaded(client)}/fit", json=told)
    assert answer.status_code == 202, answer.text
    return answer.json()["job"]


def ended(client: TestClient, job: str) -> dict[str, Any]:
    for _ in range(600):
        state = client.get(f"/jobs/{job}").json()
        if state["state"] not in ("waiting", "running"):
            return state
        time.sleep(0.1)
    raise AssertionError(state)


def test_a_fit_ends_with_a_model_its_figures_and_a_report(start: Start):
    client = start()
    state = ended(client, started(client, "fitted", ["y", "b:binary"]))
    assert (state["state"], state["model"], state["share"]) == ("done", "fitted", 1.0), state
    assert set(state["losses"]) == {"y", "b"}
    model = client.get("/models/fitted").json()
    assert (model["made_by"], [one["name"] for one in model["targets"]]) == ("fit", ["y", "b"])
    results = client.get("/models/fitted/results").json()
    assert [(one["metric"], one["higher_is_better"]) for one in results["tasks"]] == [
        ("rmse", False),
        ("accuracy", True),
    ]
    assert "than by a constant answer" in results["tasks"][0]["sentence"]
    assert {one["column"] for one in client.get("/models/fitted/importance").json()["y"]} == {"x", "z"}
    report = client.get("/models/fitted/report")
    assert "sandbox" in report.headers["content-security-policy"]
    assert "<html" in report.text
    assert "polytask sha256:" in report.text  # the page that models write
    assert model["has"] == ["results", "importance", "report"]
    answer = client.post("/models/fitted/predict", json={"rows": [{"x": 1.0, "z": 1.0}], "intervals": 0.9})
    assert {"low", "high"} <= set(answer.json()["intervals"][0]["y"])
    events = client.get(f"/jobs/{state['job']}/events")
    assert events.headers["content-type"].startswith("text/event-stream")
    assert '"done"' in events.text


def test_a_fit_waits_for_its_turn_and_is_stopped(start: Start, tmp_path: Path):
    client = start(limits={"jobs": 1, "waiting": 1})
    slot = open_held(tmp_path / "runtime" / "fits" / "slots" / "0")  # as another fit would hold it
    assert slot
    first, second = started(client, "a", ["y"]), started(client, "b", ["y"])
    full = client.post(f"/tables/{uploaded(client)}/fit", json={"name": "c", "targets": ["y"]})
    assert full.status_code == 503
    assert full.headers["retry-after"]
    assert client.get(f"/jobs/{first}").json()["state"] == "waiting"
    assert client.delete(f"/jobs/{first}").json()["state"] == "stopped"
    assert client.get(f"/jobs/{second}").json()["state"] == "waiting"
    assert client.delete(f"/jobs/{second}").json()["state"] == "stopped"
    assert "stopped" in client.get(f"/jobs/{second}/events").text


def test_a_fit_whose_process_was_killed_has_failed(start: Start, tmp_path: Path):
    client = start()
    open_held(tmp_path / "runtime" / "fits" / "slots" / "0")
    job = started(client, "a", ["y"])
    process = client.app.state.service.jobs._started[job]
    process.kill()
    process.wait()
    state = client.get(f"/jobs/{job}").json()
    assert state["state"] == "failed"
    assert "killed" in state["error"]["what"]


def test_a_fit_ends_with_the_service(start: Start, tmp_path: Path):
    client = start()
    open_held(tmp_path / "runtime" / "fits" / "slots" / "0")
    job = started(client, "a", ["y"])
    service = client.app.state.service
    service.jobs.close()
    assert service.jobs._started[job].poll() is not None


@pytest.mark.parametrize(
    ("told", "status", "where"),
    [
        ({"name": "a", "targets": ["nothing"]}, 422, "targets"),
        ({"name": "a", "targets": []}, 422, "targets"),
        ({"name": "../a", "targets": ["y"]}, 422, "name"),
        ({"name": "texts", "targets": ["y"]}, 409, "name"),
        ({"name": "a", "targets": ["y"], "options": {"resume_folder": "/etc"}}, 422, "options"),
        ({"name": "a", "targets": ["y"], "options": {"width": 10**9}}, 413, "options.width"),
        ({"name": "a", "targets": ["y"], "options": {"epochs": "many"}}, 422, "options.epochs"),
        ({"name": "a", "targets": ["y"], "options": {"drop": [[[[[["a"]]]]]]}}, 422, "options"),
    ],
)
def test_what_cannot_be_fitted_is_refused_before_a_process_starts(
    client: TestClient, told: dict, status: int, where: str
):
    answer = client.post(f"/tables/{uploaded(client)}/fit", json=told)
    assert (answer.status_code, answer.json()["error"]["where"]) == (status, where)


@pytest.mark.parametrize(
    "name", ["accelerator", "precision", "progress", "resume_folder", "table", "__class__"]
)
def test_settings_that_reach_beyond_the_table_are_not_for_clients(name: str):
    with pytest.raises(Refused, match="no option"):
        checked_options({name: 1})


def test_a_job_that_was_not_given_is_not_there(client: TestClient):
    for job in ("0" * 16, "a" * 300, "%2e%2e%2fslots"):
        assert client.get(f"/jobs/{job}").status_code == 404
        assert client.delete(f"/jobs/{job}").status_code in (404, 405)


def test_a_report_beside_a_given_model_is_served_and_the_model_says_what_it_has(start: Start, tmp_path: Path):
    shutil.copytree(SAVED / "table", tmp_path / "given")
    client = start(models={"given": str(tmp_path / "given")})
    assert "report" not in client.get("/models/given").json()["has"]
    assert client.get("/models/given/report").status_code == 404
    (tmp_path / "given" / "report.html").write_text("<html>mine</html>")
    assert "report" in client.get("/models/given").json()["has"]
    assert client.get("/models/given/report").text == "<html>mine</html>"


def test_a_fit_does_not_hear_the_ctrl_c_that_ends_the_service(monkeypatch, tmp_path):
    masks = []
    monkeypatch.setattr(
        jobs.subprocess, "Popen", lambda *_, **__: masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
    )
    jobs._process(tmp_path)
    assert signal.SIGINT in masks[0]

"""Models on a hub: what is pushed comes back, verified, and what goes wrong is said in one message.

The hub is a small server on this machine; each case runs in a process of its own, as the client reads the
hub's address when it is imported.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from tests.models.fake_hub import SHA, fake_hub

import polytask
from polytask.core import InputError
from polytask.models import from_hub, push_to_hub

pytest.importorskip("huggingface_hub")
pytestmark = pytest.mark.trains


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    frame = pd.DataFrame({"a": range(40), "y": [value * 2.0 for value in range(40)]})
    fitted = polytask.fit(frame, "y", epochs=2, folds=2, width=4, baselines=False, progress=False)
    folder = fitted.save(tmp_path_factory.mktemp("hub") / "model")
    return folder, fitted.predict(frame.head(3))["y"].tolist()


@pytest.fixture
def hub():
    with fake_hub() as (hub, address):
        yield hub, address


def called(code: str, address: str, folder: Path, **more: str) -> dict:
    """Run code in a process that knows the hub; return what it prints as JSON, or its error's text."""
    script = (
        "import json, sys\nfrom polytask.models import from_hub, push_to_hub\n"
        "try:\n"
        f"    print(json.dumps({{'said': {code}}}))\n"
        "except Exception as error:\n"
        "    print(json.dumps({'error': type(error).__name__, 'said': str(error)}))\n"
    )
    environment = {
        **os.environ, "HF_ENDPOINT": address, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HOME": str(folder / "home"), "HF_HUB_DISABLE_PROGRESS_BARS": "1", **more,
    }  # fmt: skip
    environment.pop("HF_TOKEN", None)
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
        timeout=300,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_a_model_is_pushed_with_its_card_and_comes_back_the_same(hub, model, tmp_path):
    served, address = hub
    folder, predicted = model
    pushed = called(f"push_to_hub({str(folder)!r}, 'me/sums', token='t')", address, tmp_path)
    assert pushed == {"said": f"{address}/me/sums/commit/{SHA}"}
    files = served.repos["me/sums"]
    assert files["README.md"].startswith(b"---\nlibrary_name: polytask\n") and b"# sums" in files["README.md"]
    assert {name for name in files if name != "README.md"} == {
        path.name for path in folder.iterdir() if path.name != "README.md"
    }
    files["evil.pkl"], files["notes.txt"] = b"boom", b"by hand"
    code = "from_hub('me/sums').predict(__import__('pandas').DataFrame({'a': range(3)}))['y'].tolist()"
    assert called(code, address, tmp_path)["said"] == pytest.approx(predicted)
    assert "evil.pkl" not in served.asked and "notes.txt" not in served.asked
    offline = called(code, address, tmp_path, HF_HUB_OFFLINE="1")
    assert offline["said"] == pytest.approx(predicted)


def test_a_newer_model_replaces_the_files_of_the_older_one(hub, model, tmp_path):
    served, address = hub
    served.repos["me/sums"] = {"weights-0123456789abcdef.safetensors": b"old", "notes.txt": b"by hand"}
    called(f"push_to_hub({str(model[0])!r}, 'me/sums', token='t')", address, tmp_path)
    names = set(served.repos["me/sums"])
    assert (
        "weights-0123456789abcdef.safetensors" not in names and "notes.txt" in names and "model.json" in names
    )


def test_a_file_that_was_changed_on_the_way_is_refused(hub, model, tmp_path):
    served, address = hub
    called(f"push_to_hub({str(model[0])!r}, 'me/sums', token='t')", address, tmp_path)
    (name,) = [name for name in served.repos["me/sums"] if name.startswith("weights-")]
    served.repos["me/sums"][name] = served.repos["me/sums"][name][:-1] + b"x"
    found = called("from_hub('me/sums')", address, tmp_path)
    assert found["error"] == "BundleError" and f"{name} does not match its checksum" in found["said"]


@pytest.mark.parametrize(
    ("status", "environment", "said"),
    [
        (None, {}, "there is no such model, or it is private. Check the name"),
        (401, {}, "it does not let you. Check the name, and log in"),
        (503, {}, "it answers HfHubHTTPError"),
        (None, {"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set, and it is not in the cache"),
        (None, {"HF_ENDPOINT": "http://127.0.0.1:9"}, "it is out of reach ("),
    ],
)
def test_what_goes_wrong_is_said_in_one_message(hub, tmp_path, status, environment, said):
    served, address = hub
    served.fails_with = status
    found = called("from_hub('me/nothing')", address, tmp_path, **environment)
    assert found["error"] == "InputError"
    assert found["said"].startswith(f"Cannot fetch from 'me/nothing' on the hub: {said}")


def test_a_name_that_is_none_and_a_folder_that_is_no_model_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"A model is called 'owner/name' on the hub, got 'sums'"):
        from_hub("sums")
    with pytest.raises(InputError, match="no model directory"):
        push_to_hub(tmp_path / "nothing", "me/sums")

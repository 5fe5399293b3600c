"""Models on a hub: what is pushed comes back, verified, and what goes wrong is said in one message.

The hub is a small server on this machine; each case runs in a process of its own, as the client reads the
hub's address when it is imported. The processes are forked from one that has imported the rest.
"""

import json
import subprocess
import sys

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


TEMPLATE = """
import json, os, sys
import polytask
from polytask.models import from_hub, push_to_hub

polytask.load(sys.argv[1])
assert "huggingface_hub" not in sys.modules
for line in sys.stdin:
    asked = json.loads(line)
    if not os.fork():
        os.environ.pop("HF_TOKEN", None)
        os.environ.update(asked["environment"])
        try:
            told = {"said": eval(asked["code"])}
        except Exception as error:
            told = {"error": type(error).__name__, "said": str(error)}
        print(json.dumps(told), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def template(model):
    """Run a process that waits for code to run in forks of itself."""
    with subprocess.Popen(
        [sys.executable, "-c", TEMPLATE, str(model[0])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def called(template, hub, tmp_path):
    """Run code in a process that knows the hub; return what it returns, or its error's text."""

    def run(code: str, **more: str) -> dict:
        environment = {
            "HF_ENDPOINT": hub[1], "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_PROGRESS_BARS": "1", **more,
        }  # fmt: skip
        template.stdin.write(json.dumps({"code": code, "environment": environment}) + "\n")
        template.stdin.flush()
        return json.loads(template.stdout.readline())

    return run


def test_a_model_is_pushed_with_its_card_and_comes_back_the_same(hub, called, model):
    served, address = hub
    folder, predicted = model
    pushed = called(f"push_to_hub({str(folder)!r}, 'me/sums', token='t')")
    assert pushed == {"said": f"{address}/me/sums/commit/{SHA}"}
    files = served.repos["me/sums"]
    assert files["README.md"].startswith(b"---\nlibrary_name: polytask\n") and b"# sums" in files["README.md"]
    assert {name for name in files if name != "README.md"} == {
        path.name for path in folder.iterdir() if path.name != "README.md"
    }
    files["evil.pkl"], files["notes.txt"] = b"boom", b"by hand"
    code = "from_hub('me/sums').predict(__import__('pandas').DataFrame({'a': range(3)}))['y'].tolist()"
    assert called(code)["said"] == pytest.approx(predicted)
    assert "evil.pkl" not in served.asked and "notes.txt" not in served.asked
    offline = called(code, HF_HUB_OFFLINE="1")
    assert offline["said"] == pytest.approx(predicted)


def test_a_newer_model_replaces_the_files_of_the_older_one(hub, called, model):
    served, _ = hub
    served.repos["me/sums"] = {"weights-0123456789abcdef.safetensors": b"old", "notes.txt": b"by hand"}
    called(f"push_to_hub({str(model[0])!r}, 'me/sums', token='t')")
    names = set(served.repos["me/sums"])
    assert (
        "weights-0123456789abcdef.safetensors" not in names and "notes.txt" in names and "model.json" in names
    )


def test_a_file_that_was_changed_on_the_way_is_refused(hub, called, model):
    served, _ = hub
    called(f"push_to_hub({str(model[0])!r}, 'me/sums', token='t')")
    (name,) = [name for name in served.repos["me/sums"] if name.startswith("weights-")]
    served.repos["me/sums"][name] = served.repos["me/sums"][name][:-1] + b"x"
    found = called("from_hub('me/sums')")
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
def test_what_goes_wrong_is_said_in_one_message(hub, called, status, environment, said):
    served, _ = hub
    served.fails_with = status
    found = called("from_hub('me/nothing')", **environment)
    assert found["error"] == "InputError"
    assert found["said"].startswith(f"Cannot fetch from 'me/nothing' on the hub: {said}")


def test_a_name_that_is_none_and_a_folder_that_is_no_model_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"A model is called 'owner/name' on the hub, got 'sums'"):
        from_hub("sums")
    with pytest.raises(InputError, match="no model directory"):
        push_to_hub(tmp_path / "nothing", "me/sums")

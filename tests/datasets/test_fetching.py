"""Downloads are whole, with the right checksum, or absent."""

import contextlib
import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from polytask.core import DataError, InputError, MissingPackageError
from polytask.datasets.fetching import download, fetch, is_present
from polytask.datasets.location import data_folder
from polytask.datasets.registry import DATASETS, Dataset, DatasetFile

pytest.importorskip("pooch")

CONTENT = b"drawings" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    path = tmp_path / "origin.bin"
    path.write_bytes(CONTENT)
    return path


@contextlib.contextmanager
def served(status: int, body: bytes, announced: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(announced))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/data.zip"
        finally:
            server.shutdown()
            thread.join()


def test_fetch_copies_the_file_and_leaves_nothing_else(origin, tmp_path):
    target = tmp_path / "new" / "data.bin"
    assert fetch(origin.as_uri(), target, sha256=SHA256.upper()) == target
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]


def test_fetch_keeps_a_target_that_has_the_right_digest(tmp_path):
    target = tmp_path / "data.bin"
    target.write_bytes(CONTENT)
    fetch((tmp_path / "absent").as_uri(), target, sha256=SHA256)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("sha256", [SHA256, None])
def test_fetch_replaces_a_target_that_may_be_another_file(origin, tmp_path, sha256):
    target = tmp_path / "data.bin"
    target.write_bytes(b"old")
    fetch(origin.as_uri(), target, sha256=sha256)
    assert target.read_bytes() == CONTENT


def test_a_wrong_digest_leaves_the_old_target_and_nothing_half_written(origin, tmp_path):
    target = tmp_path / "new" / "data.bin"
    target.parent.mkdir()
    target.write_bytes(b"old")
    with pytest.raises(DataError, match=f"has sha256 {SHA256}, not {'0' * 64}"):
        fetch(origin.as_uri(), target, sha256="0" * 64)
    assert [(path, path.read_bytes()) for path in target.parent.iterdir()] == [(target, b"old")]


def test_an_absent_file_is_reported_and_leaves_nothing(tmp_path):
    target = tmp_path / "new" / "data.bin"
    with pytest.raises(DataError, match=r"Cannot download file:.*absent.*by hand"):
        fetch((tmp_path / "absent").as_uri(), target, sha256=None)
    assert not target.parent.exists()


def test_the_status_of_a_server_is_reported(tmp_path):
    with served(404, b"", 0) as url, pytest.raises(DataError, match=r"answered 404"):
        fetch(url, tmp_path / "data.bin", sha256=None)
    assert not list(tmp_path.iterdir())


def test_a_connection_that_breaks_is_reported_and_leaves_nothing(tmp_path):
    with (
        served(200, b"abc", 10) as url,
        pytest.raises(DataError, match=r"3 bytes came, and 7 more were announced"),
    ):
        fetch(url, tmp_path / "data.bin", sha256=None)
    assert not list(tmp_path.iterdir())


def test_an_unreachable_server_is_reported(tmp_path):
    with served(200, b"", 0) as url:
        pass
    with pytest.raises(DataError, match=r"Cannot download http.*refused.*by hand and put it at .*data\.bin"):
        fetch(url, tmp_path / "data.bin", sha256=None)


def test_what_is_no_address_is_reported(tmp_path):
    with pytest.raises(DataError, match=r"'data.zip' is no address"):
        fetch("data.zip", tmp_path / "data.bin", sha256=None)


def test_a_target_that_cannot_be_written_is_reported(origin, tmp_path):
    with pytest.raises(InputError, match=r"cannot be written: "):
        fetch(origin.as_uri(), origin / "data.bin", sha256=None)


def test_a_file_comes_over_http_whole(tmp_path):
    with served(200, CONTENT, len(CONTENT)) as url:
        fetch(url, tmp_path / "data.bin", sha256=SHA256, progress=True)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_a_wrong_digest_over_http_leaves_nothing(tmp_path):
    with served(200, b"other", 5) as url, pytest.raises(DataError, match=r"has sha256 .* by hand and put it"):
        fetch(url, tmp_path / "new" / "data.bin", sha256=SHA256)
    assert not list(tmp_path.iterdir())


def test_a_process_that_is_killed_leaves_no_target_and_the_next_one_removes_its_debris(origin, tmp_path):
    target = tmp_path / "new" / "data.bin"
    begun = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"half" * 50_000)
            self.wfile.flush()
            begun.set()
            self.rfile.read(1)  # until the client is gone

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        code = f"""
from polytask.datasets.fetching import fetch
fetch("http://127.0.0.1:{server.server_port}/x", {str(target)!r}, sha256=None)
"""
        process = subprocess.Popen([sys.executable, "-c", code])
        assert begun.wait(60)
        process.kill()
        process.wait()
        thread.join()
    assert not target.exists()
    fetch(origin.as_uri(), target, sha256=SHA256)
    assert list(target.parent.iterdir()) == [target]


def test_without_pooch_the_message_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(
        MissingPackageError, match=r"Downloading datasets needs `pooch`.*polytask\[datasets\]"
    ):
        fetch("https://example.org/x", tmp_path / "x", sha256=None)
    origin = tmp_path / "here.bin"
    origin.write_bytes(CONTENT)
    assert fetch(origin.as_uri(), tmp_path / "x", sha256=SHA256).read_bytes() == CONTENT


@pytest.fixture
def small(origin: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A dataset of two files that can be had, among the others."""
    files = tuple(
        DatasetFile(path=path, url=origin.as_uri(), sha256=SHA256) for path in ("a.bin", "data/b.bin")
    )
    dataset = Dataset(
        name="small", module="small", about="two files", tasks="none", address="https://example.org",
        licence="CC0", reference="made here", folder="small_files", files=files,
    )  # fmt: skip
    monkeypatch.setitem(DATASETS, "small", dataset)  # type: ignore[misc]
    return dataset


def test_all_files_of_a_dataset_come_into_its_folder(small, tmp_path, monkeypatch):
    monkeypatch.setenv("POLYTASK_DATA", str(tmp_path / "all"))
    folder = download("small")
    assert folder == tmp_path / "all" / "small_files" == data_folder("small_files")
    assert [(folder / file.path).read_bytes() for file in small.files] == [CONTENT, CONTENT]


def test_a_dataset_is_present_when_all_its_files_are(small, tmp_path, monkeypatch):
    monkeypatch.setenv("POLYTASK_DATA", str(tmp_path))
    assert not is_present(small)
    folder = download("small")
    assert is_present(small) and is_present(small, tmp_path)
    (folder / "a.bin").unlink()
    assert not is_present(small)
    assert is_present(DATASETS["glyphs"])


def test_without_a_folder_the_message_says_how_to_name_one(small, monkeypatch):
    monkeypatch.delenv("POLYTASK_DATA", raising=False)
    with pytest.raises(DataError, match=r"Set the environment variable POLYTASK_DATA .*or name it by `root`"):
        download("small")


def test_what_is_there_already_is_not_fetched_again(small, tmp_path, origin):
    folder = download("small", tmp_path)
    origin.unlink()
    assert download("small", tmp_path) == folder


def test_a_file_of_the_users_own_is_not_written_over(small, tmp_path):
    own = tmp_path / "small_files" / "data" / "b.bin"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    with pytest.raises(DataError, match=r"b\.bin is not the official file from file:.*Move it away"):
        download("small", tmp_path)
    assert own.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("mnits", InputError, "no dataset 'mnits'; did you mean 'mnist'. There are census_income, .*mnist"),
        ("glyphs", DataError, r"needs no files; `polytask\.datasets\.glyphs` makes it"),
        (
            "school",
            DataError,
            "fetched by hand, from https://github.com/jiayuzhou/MALSAR; .* the folder .*school",
        ),
        ("tox21", DataError, "by hand.*Extended-connectivity fingerprints"),
    ],
)
def test_what_cannot_be_downloaded_says_what_to_do(name, error, message, tmp_path):
    with pytest.raises(error, match=message):
        download(name, tmp_path)

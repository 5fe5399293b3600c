import contextlib
import hashlib
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from polytask.core import DataError, MissingPackageError
from polytask.data.location import data_folder, fetch, package_folder

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


def test_the_root_argument_comes_before_the_environment(tmp_path, monkeypatch):
    (tmp_path / "here" / "omniglot").mkdir(parents=True)
    (tmp_path / "there" / "omniglot").mkdir(parents=True)
    monkeypatch.setenv("POLYTASK_DATA", str(tmp_path / "there"))
    assert data_folder("omniglot", tmp_path / "here") == tmp_path / "here" / "omniglot"
    assert data_folder("omniglot") == tmp_path / "there" / "omniglot"


@pytest.mark.parametrize("value", [None, ""])
def test_without_any_root_the_message_says_how_to_set_one(monkeypatch, value):
    if value is None:
        monkeypatch.delenv("POLYTASK_DATA", raising=False)
    else:
        monkeypatch.setenv("POLYTASK_DATA", value)
    with pytest.raises(DataError, match=r"'mnist'.*POLYTASK_DATA.*ossci-datasets"):
        data_folder("mnist")


def test_a_missing_folder_is_named_with_where_its_root_came_from(tmp_path, monkeypatch):
    monkeypatch.setenv("POLYTASK_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"'fsdd'.*from the environment variable.*free-spoken-digit-dataset"):
        data_folder("fsdd")
    with pytest.raises(DataError, match=r"from `root`"):
        data_folder("fsdd", tmp_path)


def test_a_set_without_a_known_address_gets_a_whole_message_too(tmp_path):
    with pytest.raises(
        DataError, match=r"'mine'.*POLYTASK_DATA \(or by `root`, where a function has it\)\.$"
    ):
        data_folder("mine", tmp_path)


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
    assert not list(target.parent.iterdir())


def test_the_status_of_a_server_is_reported(tmp_path):
    with served(404, b"", 0) as url, pytest.raises(DataError, match=r"answered 404"):
        fetch(url, tmp_path / "data.bin", sha256=None)
    assert not list(tmp_path.iterdir())


def test_a_connection_that_breaks_is_reported_and_leaves_nothing(tmp_path):
    with served(200, b"abc", 10) as url, pytest.raises(DataError, match=r"3 of 10 bytes"):
        fetch(url, tmp_path / "data.bin", sha256=None)
    assert not list(tmp_path.iterdir())


def test_an_unreachable_server_is_reported(tmp_path):
    with served(200, b"", 0) as url:
        pass
    with pytest.raises(DataError, match=r"Cannot download http.*Check the address, the connection"):
        fetch(url, tmp_path / "data.bin", sha256=None)


def test_what_is_no_address_is_reported(tmp_path):
    with pytest.raises(DataError, match=r"'data.zip' is no address"):
        fetch("data.zip", tmp_path / "data.bin", sha256=None)


def test_a_target_that_cannot_be_written_is_reported(origin, tmp_path):
    with pytest.raises(DataError, match=r"Cannot download .* folder can be written"):
        fetch(origin.as_uri(), origin / "data.bin", sha256=None)


def test_the_folder_of_a_package_is_found_without_importing_it():
    folder = package_folder("wsgiref", extra="builtin", purpose="the test")
    assert (folder / "__init__.py").is_file()
    assert "wsgiref" not in sys.modules


def test_a_missing_package_is_named_with_its_extra():
    with pytest.raises(MissingPackageError, match=r"Fonts needs `no_such_package`.*polytask\[builtin\]"):
        package_folder("no_such_package", extra="builtin", purpose="fonts")

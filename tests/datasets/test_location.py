"""Where datasets and packages lie, and what is said when they do not."""

import sys

import pytest

from polytask.core import DataError, MissingPackageError
from polytask.core.doors import at_the_command
from polytask.datasets.location import data_folder, package_folder


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


def test_the_folder_of_a_package_is_found_without_importing_it():
    folder = package_folder("xmlrpc", extra="builtin", purpose="the test")
    assert (folder / "__init__.py").is_file()
    assert "xmlrpc" not in sys.modules


def test_a_missing_package_is_named_with_its_extra():
    with pytest.raises(MissingPackageError, match=r"Fonts needs `no_such_package`.*polytask\[builtin\]"):
        package_folder("no_such_package", extra="builtin", purpose="fonts")


def test_the_message_of_a_missing_folder_names_the_download_at_its_door(tmp_path):
    with pytest.raises(DataError, match=r"https://.*; `polytask\.datasets\.download\('omniglot'\)` does so"):
        data_folder("omniglot", tmp_path)
    with at_the_command(), pytest.raises(DataError, match="`polytask datasets fetch omniglot` does so"):
        data_folder("omniglot", tmp_path)

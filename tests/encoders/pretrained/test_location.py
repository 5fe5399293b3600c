"""The cache is where the variable says, or where the system has its caches."""

import sys
from pathlib import Path

import pytest

from polytask.encoders.pretrained import cache_folder


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {"POLYTASK_CACHE": "~/here"}, "~/here"),
        ("linux", {}, "~/.cache/polytask"),
        ("linux", {"XDG_CACHE_HOME": "/var/x"}, "/var/x/polytask"),
        ("linux", {"XDG_CACHE_HOME": "relative, which the standard forbids"}, "~/.cache/polytask"),
        ("darwin", {"XDG_CACHE_HOME": "/var/x"}, "~/Library/Caches/polytask"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/polytask/cache"),
        ("win32", {}, "~/AppData/Local/polytask/cache"),
    ],
)
def test_the_cache_is_where_it_is_looked_for(monkeypatch, platform, variables, folder):
    for name in ("POLYTASK_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_folder() == Path(folder).expanduser()

"""How many processors a process may use."""

import os
from pathlib import Path

import pytest

from polytask.core import processors as module
from polytask.core.processors import processors


@pytest.fixture(autouse=True)
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of twelve processors whose control groups are in a folder."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(12)), raising=False)
    monkeypatch.setattr(module, "_ROOT", tmp_path / "cgroup")
    monkeypatch.setattr(module, "_GROUPS", tmp_path / "self")
    return tmp_path


def write(groups: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = groups / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_only_those_that_the_process_is_bound_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 5, 7}, raising=False)
    assert processors() == 3


@pytest.mark.parametrize(("counted", "told"), [(12, 12), (None, 1)])
def test_where_the_system_does_not_tell_all_count(
    counted: int | None, told: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert processors() == told


@pytest.mark.parametrize(
    ("quota", "told"),
    [
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("10000 100000", 1),
        ("max 100000", 12),
        ("9900000 100000", 12),
        ("", 12),
        ("many 0", 12),
    ],
)
def test_a_container_has_its_share_of_time(quota: str, told: int, groups: Path) -> None:
    write(groups, {"self": "0::/\n", "cgroup/cpu.max": quota})
    assert processors() == told


def test_the_smallest_share_of_the_groups_around_a_process_counts(groups: Path) -> None:
    write(
        groups,
        {
            "self": "0::/slice/pod/box\n",
            "cgroup/slice/pod/box/cpu.max": "max 100000",
            "cgroup/slice/pod/cpu.max": "300000 100000",
            "cgroup/slice/cpu.max": "400000 100000",
            "cpu.max": "100000 100000",  # not of a group
        },
    )
    assert processors() == 3


@pytest.mark.parametrize("mounted", ["cpu,cpuacct", "cpu"])
@pytest.mark.parametrize(("quota", "told"), [("250000", 3), ("-1", 12)])
def test_groups_of_the_first_version_are_read_too(mounted: str, quota: str, told: int, groups: Path) -> None:
    write(
        groups,
        {
            "self": "7:memory:/box\n4:cpu,cpuacct:/box\n3:cpuset:/\n",
            f"cgroup/{mounted}/box/cpu.cfs_quota_us": quota,
            f"cgroup/{mounted}/box/cpu.cfs_period_us": "100000",
        },
    )
    assert processors() == told

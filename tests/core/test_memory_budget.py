"""Free memory is that of the device, whatever the system tells."""

from pathlib import Path

import pytest
import torch

from polytask.core.memory_budget import free_bytes

CPU = torch.device("cpu")


def test_on_linux_what_the_system_would_give_back_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    told = "MemTotal:  900 kB\nMemFree:  100 kB\nMemAvailable:     300 kB\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: told)
    assert free_bytes(CPU) == 300 * 1024


@pytest.mark.parametrize(("pages", "expected"), [(10, 40_960), (None, 4 * 2**30)])
def test_elsewhere_free_pages_count_or_four_gigabytes(
    pages: int | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sysconf(name: str) -> int:
        if pages is None:
            raise ValueError("unrecognized configuration name")
        return {"SC_AVPHYS_PAGES": pages, "SC_PAGE_SIZE": 4096}[name]

    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "MemTotal: 900 kB\n")
    monkeypatch.setattr("os.sysconf", sysconf)
    assert free_bytes(CPU) == expected


def test_a_gpu_has_memory_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (3, 5))
    assert free_bytes(torch.device("cuda")) == 3

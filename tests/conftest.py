"""Shared test set-up: one thread a process, in subprocesses too, as xdist runs several processes."""

import gc
import getpass
import inspect
import os
import random
import re
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from _pytest.doctest import DoctestModule
from hypothesis import settings

from polytask.encoders.pretrained.registry import MODELS
from polytask.encoders.pretrained.stored import is_stored

N_THREADS = os.environ.get("POLYTASK_TEST_THREADS", "1")
os.environ["OMP_NUM_THREADS"] = N_THREADS
torch.set_num_threads(int(N_THREADS))

# Drawn examples are the same in every run; HYPOTHESIS_PROFILE=default looks for new ones.
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# torch keeps what it compiled, and would take it again under another ATEN_CPU_CAPABILITY, where it is wrong.
COMPILED = f"polytask-compiled-{getpass.getuser()}-{torch.backends.cpu.get_cpu_capability()}".replace(
    " ", "-"
)
os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / COMPILED)
# With few programs most of the time would go into what many share: trying what the processor says it can,
# and compiling torch's headers.
os.environ.setdefault("TORCHINDUCTOR_VEC_ISA_OK", "1")
os.environ.setdefault("TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS", "0")

# Where tests run on a GPU they compare with the CPU, whose products have all the digits.
torch.backends.cudnn.allow_tf32 = False

# The pretrained models that `make test` fetches; a cache that is named from outside stands.
ROOT = Path(__file__).parent.parent
if (ROOT / ".venv" / "cache").is_dir():
    os.environ.setdefault("POLYTASK_CACHE", str(ROOT / ".venv" / "cache"))

# A file that does one of these trains something; `make test-processors` runs its tests again.
_TRAINS = re.compile(
    r"\btrain\(|\bfit\(|\blearn\(|polytask\.(train|estimators|demo|cli)\b|\boptim\.|\b(SGD|Adam|AdamW|LBFGS)\("
    r"|\bmark\.trains\b"
)

# A quicker test looks at the same code; where all cases of a test are slow it is marked where it stands.
SLOW = frozenset((Path(__file__).parent / "slow.txt").read_text(encoding="utf-8").splitlines())


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no test file that trains nothing where only what trains is asked for."""
    asked = config.getoption("markexpr").split(" and ")
    is_test = collection_path.suffix == ".py" and collection_path.name.startswith("test_")
    return True if "trains" in asked and is_test and not _TRAINS.search(collection_path.read_text()) else None


@pytest.hookimpl(wrapper=True)
def pytest_collect_file() -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Look for no doctest in what lies beside this file, as there is none (`tests/test_mirror.py`)."""
    return [found for found in (yield) if not isinstance(found, DoctestModule)]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep Python from searching what stays, modules and tests, for garbage: now, and while the tests run."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of files that train something, and those that are slow."""
    trains: dict[object, bool] = {}
    for item in items:
        if item.nodeid in SLOW:
            item.add_marker(pytest.mark.slow)
        module = getattr(item, "module", None)
        if inspect.ismodule(module) and module.__name__.split(".")[-1].startswith("test_"):
            if module not in trains:
                trains[module] = bool(_TRAINS.search(inspect.getsource(module)))
            if trains[module]:
                item.add_marker(pytest.mark.trains)


def pytest_configure(config: pytest.Config) -> None:
    """Let tests train for an epoch or two without a word on what such a model is worth."""
    config.addinivalue_line("filterwarnings", "ignore:precision='bf16.*slow on this processor")
    config.addinivalue_line("filterwarnings", "ignore:On held-out rows the model is not clearly better")
    config.addinivalue_line("filterwarnings", "ignore:On held-out tasks .* does no better than a level")
    config.addinivalue_line("filterwarnings", "ignore:What .* learned is not clearly better")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose pretrained model, or what reads it, is not here."""
    for marker in item.iter_markers("pretrained"):
        for name in marker.args:
            if name in MODELS and not is_stored(MODELS[name]):
                pytest.skip(f"needs the pretrained model {name}: polytask models fetch {name}")
            if name not in MODELS:
                pytest.importorskip(name)


@pytest.fixture(autouse=True)
def _seeds() -> None:
    """Let a test draw the same whatever ran before it."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def chrome() -> Iterator[Any]:
    """Debian's Chromium without a screen; one for all, as a process may ask Playwright for no second one."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def forked() -> Iterator[Any]:
    """Run code where nothing but torch and pandas has been imported; see `tests.forks.Forks`."""
    from tests.forks import forks

    with forks() as running:
        yield running

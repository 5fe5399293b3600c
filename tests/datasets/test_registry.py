"""The registry of datasets: complete, true to the code, and cheap to look at."""

import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import polytask.datasets
from polytask.datasets import DATASETS

MACHINERY = {"fetching", "location", "making", "registry"}
NAMES = pytest.mark.parametrize("name", DATASETS)


def test_every_file_of_a_dataset_is_in_the_registry():
    modules = {module.name for module in pkgutil.iter_modules(polytask.datasets.__path__) if not module.ispkg}
    assert {dataset.module for dataset in DATASETS.values()} == modules - MACHINERY


@NAMES
def test_a_dataset_is_loaded_by_the_function_of_its_name(name):
    module = importlib.import_module(f"polytask.datasets.{DATASETS[name].module}")
    assert getattr(polytask.datasets, name) is getattr(module, name)
    assert name in module.__all__


@NAMES
def test_the_loader_tells_the_same_folder_and_reference(name):
    dataset = DATASETS[name]
    text = " ".join((getattr(polytask.datasets, name).__doc__ or "").split())
    assert dataset.folder is None or f'root / "{dataset.folder}"' in text
    if "References:" in text:
        first_author = re.split(r"[ ,]", dataset.reference)[0]
        assert first_author in text.partition("References:")[2]


@NAMES
def test_the_facts_are_complete(name):
    dataset = DATASETS[name]
    assert dataset.about and dataset.tasks and dataset.licence and dataset.reference
    assert dataset.address.startswith("https://") or (dataset.made and dataset.folder is None)
    for file in dataset.files:
        assert dataset.folder is not None and re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert re.match("https?://", file.url) and not file.path.startswith("/")
    assert len({file.path for file in dataset.files}) == len(dataset.files)


def test_the_extras_exist():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    wanted = {dataset.extra for dataset in DATASETS.values()} - {None}
    assert wanted and wanted <= set(project["optional-dependencies"])


def test_looking_at_the_registry_imports_no_torch():
    code = (
        "import sys; from polytask.datasets import DATASETS; print(len(DATASETS), "
        "[name for name in ('torch', 'numpy', 'pandas') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split(maxsplit=1) == [str(len(DATASETS)), "[]\n"]

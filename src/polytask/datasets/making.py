"""Make the files of a dataset that is read in another form than it is published in."""

import importlib
from pathlib import Path

from polytask.core import InputError
from polytask.core.files import rehearse_write, user_path
from polytask.core.names import name_problem
from polytask.datasets.location import data_root
from polytask.datasets.registry import DATASETS, Dataset

__all__ = ["made_dataset", "make"]


def make(name: str, source: str | Path, root: str | Path | None = None) -> Path:
    """Make the files of a dataset from the official ones, which were fetched by hand.

    Args:
        name: One of `polytask.datasets.DATASETS` that has a maker: ``"spoken_digits"``, ``"fashion_titles"``,
            ``"tox21"``, ``"toxcast"``, ``"chembl5"``.
        source: The official file or folder.
        root: See `data_folder`; made where it is missing.

    Returns:
        The folder of the dataset.

    Raises:
        InputError: There is no such dataset, or it is read as it is published; or a file cannot be written.
        DataError: The official files are missing, damaged, or others; or no root is known.
        MissingPackageError: A package that reads them is not installed.
    """
    dataset = made_dataset(name)
    folder = data_root(str(dataset.folder), root) / str(dataset.folder)
    rehearse_write(folder / "rehearsal")
    maker = importlib.import_module(f"polytask.datasets.makers.{dataset.maker}")
    getattr(maker, f"make_{name}")(user_path(source), folder)
    return folder


def made_dataset(name: str) -> Dataset:
    """Return the entry of a dataset whose files are made of official ones.

    Raises:
        InputError: There is no such dataset, or it is read as it is published, or needs no files.
    """
    with_maker = [known for known, dataset in DATASETS.items() if dataset.maker]
    if name in with_maker:
        return DATASETS[name]
    problem = "is no dataset"
    if name in DATASETS:
        problem = "needs no files" if DATASETS[name].folder is None else "is read as it is published"
    raise InputError(f"{name_problem(f'{name!r} {problem}', name, with_maker)}.")

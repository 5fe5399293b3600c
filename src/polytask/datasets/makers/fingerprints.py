"""Molecules as fingerprints, out of tables that write them as SMILES."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polytask.core import DataError, DataWarning, MissingPackageError
from polytask.core.files import write_atomically
from polytask.core.names import counted
from polytask.data.tables.problems import FOREIGN, examples

__all__ = ["make_chembl5", "make_tox21", "make_toxcast"]

_N_BITS, _RADIUS = 1024, 2


def make_chembl5(source: Path, target: Path) -> list[Path]:
    """Make ``chembl5_ecfp4_1024.npz`` of DeepChem's ``chembl_5thresh.csv.gz``; see `make_tox21`."""
    return _make("chembl5", source, target, dtype=np.float16)


def make_toxcast(source: Path, target: Path) -> list[Path]:
    """Make ``toxcast_ecfp4_1024.npz`` of MoleculeNet's ``toxcast_data.csv.gz``; see `make_tox21`."""
    return _make("toxcast", source, target)


def make_tox21(source: Path, target: Path) -> list[Path]:
    """Make ``tox21_ecfp4_1024.npz`` of MoleculeNet's ``tox21.csv.gz``.

    The table has a column ``smiles``; its columns of numbers are the assays, and others are left out.
    Fingerprints are extended-connectivity ones of diameter 4, folded to 1,024 bits. Editions of the table
    differ in how many molecules they hold.

    Args:
        source: The table, CSV, maybe compressed by gzip.
        target: The folder of the dataset.

    Returns:
        The file.

    Raises:
        DataError: The table is missing, damaged or another one.
        InputError: The file cannot be written.
        MissingPackageError: RDKit is not installed.

    Warns:
        DataWarning: RDKit cannot read some molecules, which are left out.

    References:
        Rogers, Hahn, "Extended-connectivity fingerprints", Journal of Chemical Information and Modeling 50,
        2010. Wu et al., "MoleculeNet", Chemical Science 9, 2018, arXiv:1703.00564.
    """
    return _make("tox21", source, target)


def _make(name: str, source: Path, target: Path, dtype: Any = np.float32) -> list[Path]:
    table = _read(source)
    assays = [
        column
        for column in table.columns
        if column != "smiles" and pd.api.types.is_numeric_dtype(table[column].dtype)
    ]
    if not assays:
        raise DataError(f"{source} has no column of numbers. Give the official table of assays.")
    prints, readable = _fingerprints(table["smiles"])
    if not readable.any():
        raise DataError(f"{source}: no molecule of column 'smiles' can be read. Give the official table.")
    if not readable.all():
        rows = (np.flatnonzero(~readable) + 1).tolist()
        warnings.warn(
            f"{counted(len(rows), 'molecule')} of {source} cannot be read by RDKit and left out: rows "
            f"{examples(rows)}.",
            DataWarning,
            stacklevel=4,
        )
    path = target / f"{name}_ecfp4_{_N_BITS}.npz"
    arrays = {
        "fp": np.packbits(prints[readable], axis=1),  # [molecule, 128]
        "y": table.loc[readable, assays].to_numpy(dtype=dtype),  # [molecule, assay]
        "tasks": np.array(assays),
    }
    write_atomically(path, lambda file: np.savez_compressed(file, **arrays))
    return [path]


def _read(source: Path) -> pd.DataFrame:
    if not source.is_file():
        raise DataError(f"There is no file {source}. Give the official table, with a column 'smiles'.")
    try:
        table = pd.read_csv(source, low_memory=False)
    except (*FOREIGN, OSError, EOFError) as error:
        reason = (str(error) or type(error).__name__).partition("\n")[0]
        raise DataError(
            f"{source} cannot be read as a table ({reason}). Get the official one again."
        ) from error
    if "smiles" not in table:
        raise DataError(
            f"{source} has no column 'smiles', but {examples(table.columns)}. Give the official table."
        )
    return table


def _fingerprints(smiles: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return uint8 ``[molecule, bit]``, and which molecules could be read, ``[molecule]``."""
    try:
        from rdkit import Chem, RDLogger  # pyright: ignore[reportMissingImports]
        from rdkit.Chem import rdFingerprintGenerator  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingPackageError("rdkit", extra="molecules", purpose="reading molecules") from error
    chemistry: Any = Chem
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=_RADIUS, fpSize=_N_BITS)
    prints = np.zeros((len(smiles), _N_BITS), dtype=np.uint8)
    readable = np.zeros(len(smiles), dtype=bool)
    with RDLogger.BlockLogs() if hasattr(RDLogger, "BlockLogs") else warnings.catch_warnings():
        for row, text in enumerate(smiles.tolist()):
            molecule = chemistry.MolFromSmiles(text) if isinstance(text, str) else None
            if molecule is not None and molecule.GetNumAtoms():
                prints[row] = generator.GetFingerprintAsNumPy(molecule)
                readable[row] = True
    return prints, readable

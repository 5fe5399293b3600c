"""ChEMBL: activities at hundreds of proteins, of which nearly all are missing."""

from pathlib import Path

from polytask.datasets.formats.molecules_file import Molecules, read_molecules

__all__ = ["chembl5"]


def chembl5(root: str | Path | None = None) -> Molecules:
    """Load ChEMBL: 23,871 molecules, their activity at 691 proteins, 99.4 % of the labels missing.

    The folder ``root / "mol_fps"`` holds ``chembl5_ecfp4_1024.npz``; see `read_molecules` for its layout.

    Args:
        root: See `data_folder`.

    Raises:
        DataError: The file is missing, damaged or laid out in another way.

    References:
        Mayr, Klambauer, Unterthiner, Steijaert, Wegner, Ceulemans, Clevert, Hochreiter, "Large-scale
        comparison of machine learning methods for drug target prediction on ChEMBL", Chemical Science 9,
        2018. The dataset is the smaller one that DeepChem ships as ``chembl`` with five labels a target or
        more.
    """
    return read_molecules("chembl5", "regression", root)

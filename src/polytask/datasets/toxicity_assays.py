"""Tests of toxicity, of which many are missing: Tox21 and ToxCast, two collections of one kind."""

from pathlib import Path

from polytask.datasets.formats.molecules_file import Molecules, read_molecules

__all__ = ["tox21", "toxcast"]


def tox21(root: str | Path | None = None) -> Molecules:
    """Load Tox21: 8,006 molecules, 12 tests of toxicity, 17 % of the labels missing.

    The folder ``root / "mol_fps"`` holds ``tox21_ecfp4_1024.npz``; see `read_molecules` for its layout.

    Args:
        root: See `data_folder`.

    Raises:
        DataError: The file is missing, damaged or laid out in another way.

    References:
        Wu, Ramsundar, Feinberg, Gomes, Geniesse, Pappu, Leswing, Pande, "MoleculeNet: a benchmark for
        molecular machine learning", Chemical Science 9, 2018, arXiv:1703.00564. Rogers, Hahn,
        "Extended-connectivity fingerprints", Journal of Chemical Information and Modeling 50, 2010.
    """
    return read_molecules("tox21", "binary", root)


def toxcast(root: str | Path | None = None) -> Molecules:
    """Load ToxCast: 8,597 molecules, 617 tests of toxicity, 71 % of the labels missing.

    The folder ``root / "mol_fps"`` holds ``toxcast_ecfp4_1024.npz``; see `read_molecules` for its layout.

    Args:
        root: See `data_folder`.

    Raises:
        DataError: The file is missing, damaged or laid out in another way.

    References:
        As for `tox21`: Wu et al., Chemical Science 9, 2018.
    """
    return read_molecules("toxcast", "binary", root)

"""ToxCast: hundreds of tests of toxicity, of which most are missing."""

from pathlib import Path

from polytask.datasets.formats.molecules_file import Molecules, read_molecules

__all__ = ["toxcast"]


def toxcast(root: str | Path | None = None) -> Molecules:
    """Load ToxCast: 8,597 molecules, 617 tests of toxicity, 71 % of the labels missing.

    The folder ``root / "mol_fps"`` holds ``toxcast_ecfp4_1024.npz``; see `read_molecules` for its layout.

    Args:
        root: See `data_folder`.

    Raises:
        DataError: The file is missing, damaged or laid out in another way.

    References:
        Wu, Ramsundar, Feinberg, Gomes, Geniesse, Pappu, Leswing, Pande, "MoleculeNet: a benchmark for
        molecular machine learning", Chemical Science 9, 2018, arXiv:1703.00564. Rogers, Hahn,
        "Extended-connectivity fingerprints", Journal of Chemical Information and Modeling 50, 2010.
    """
    return read_molecules("toxcast", "binary", root)

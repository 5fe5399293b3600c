"""Fingerprints are made of SMILES by RDKit, or by what stands for it here."""

import gzip
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from polytask.core import DataError, DataWarning, MissingPackageError
from polytask.datasets import chembl5, make, tox21

TABLE = "SR-p53,smiles,mol_id,NR-AR\n1,CCO,TOX1,\n0,c1ccccc1,TOX2,1\n"


class Generator:
    """Sets the bit of each character."""

    def GetFingerprintAsNumPy(self, molecule):  # noqa: N802 - what RDKit calls it
        bits = np.zeros(1024, dtype=np.uint8)
        bits[[ord(character) for character in molecule.text]] = 1
        return bits


def stand_in():
    """Return modules with the few names of RDKit that are used."""
    rdkit, chem, prints = ModuleType("rdkit"), ModuleType("rdkit.Chem"), ModuleType("rdkit.Chem.prints")

    def molecule(text):
        return None if "?" in text else SimpleNamespace(text=text, GetNumAtoms=lambda: len(text))

    prints.GetMorganGenerator = lambda radius, fpSize: Generator()  # noqa: N803
    chem.MolFromSmiles, chem.rdFingerprintGenerator = molecule, prints
    rdkit.Chem, rdkit.RDLogger = chem, SimpleNamespace()
    return {"rdkit": rdkit, "rdkit.Chem": chem, "rdkit.Chem.rdFingerprintGenerator": prints}


@pytest.fixture
def table(tmp_path, monkeypatch):
    for name, module in stand_in().items():
        monkeypatch.setitem(sys.modules, name, module)
    (tmp_path / "tox21.csv").write_text(TABLE)
    return tmp_path / "tox21.csv"


def test_assays_and_fingerprints_are_read_as_they_were_made(table, tmp_path):
    make("tox21", table, tmp_path / "data")
    found = tox21(tmp_path / "data")
    assert found.assays == ("SR-p53", "NR-AR")
    assert found.labels[:, 0].tolist() == [1, 0] and np.isnan(found.labels[0, 1]) and found.labels[1, 1] == 1
    bits = [set(row.nonzero().squeeze(1).tolist()) for row in found.fingerprints()]
    assert bits == [{ord("C"), ord("O")}, {ord("c"), ord("1")}]


def test_a_packed_table_of_activities_does_too(table, tmp_path):
    packed = tmp_path / "chembl_5thresh.csv.gz"
    packed.write_bytes(gzip.compress(b"smiles,CHEMBL1\nCC,6.5\n"))
    make("chembl5", packed, tmp_path / "data")
    assert chembl5(tmp_path / "data").labels.tolist() == [[6.5]]


def test_molecules_that_cannot_be_read_are_left_out_and_told(table, tmp_path):
    table.write_text(TABLE + "1,C?,TOX3,1\n0,,TOX4,0\n")
    with pytest.warns(DataWarning, match=r"2 molecules of .*tox21\.csv cannot be read .*rows 3, 4"):
        make("tox21", table, tmp_path / "data")
    assert len(tox21(tmp_path / "data")) == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a,b\n1,2\n", "has no column 'smiles', but 'a', 'b'"),
        ("smiles,mol_id\nCC,A\n", "has no column of numbers"),
        ("smiles,a\nC?,1\n", "no molecule of column 'smiles' can be read"),
        ("", "cannot be read as a table"),
    ],
)
def test_another_table_is_refused(table, tmp_path, text, problem):
    table.write_text(text)
    with pytest.raises(DataError, match=problem):
        make("tox21", table, tmp_path / "data")


def test_without_rdkit_the_remedy_is_named(table, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rdkit", None)
    with pytest.raises(MissingPackageError, match=r'needs `rdkit`.*"polytask\[molecules\]"'):
        make("tox21", table, tmp_path / "data")


def test_rdkit_writes_a_molecule_alike_in_whatever_order_its_atoms_are_named(tmp_path):
    pytest.importorskip("rdkit")
    table = tmp_path / "tox21.csv"
    table.write_text("smiles,a\nCCO,1\nOCC,1\nc1ccccc1O,0\n")
    make("tox21", table, tmp_path / "data")
    bits = tox21(tmp_path / "data").fingerprints()
    assert bits[0].equal(bits[1]) and not bits[0].equal(bits[2]) and bits.sum(1).tolist() == [6, 6, 11]

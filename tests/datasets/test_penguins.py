import sys

import pytest

from polytask.core import MissingPackageError
from polytask.datasets.penguins import penguins_table

pytest.importorskip("palmerpenguins")


def test_the_table_has_the_published_counts():
    table = penguins_table()
    assert table["species"].value_counts().to_dict() == {"Adelie": 152, "Gentoo": 124, "Chinstrap": 68}
    assert table.isna().sum().to_dict() == {
        "species": 0,
        "island": 0,
        "bill_length_mm": 2,
        "bill_depth_mm": 2,
        "flipper_length_mm": 2,
        "body_mass_g": 2,
        "sex": 11,
        "year": 0,
    }


def test_a_changed_table_does_not_reach_the_next_caller():
    first = penguins_table()
    first.loc[0, "body_mass_g"] = 0.0
    assert penguins_table().loc[0, "body_mass_g"] == 3750.0


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "palmerpenguins", None)
    with pytest.raises(MissingPackageError, match=r"palmerpenguins.*polytask\[builtin\]"):
        penguins_table()

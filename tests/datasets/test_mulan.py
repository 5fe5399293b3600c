import os
from pathlib import Path

import numpy as np
import pytest
import torch

from polytask.core import DataError
from polytask.data.steps.joint import JointSource
from polytask.datasets.mulan import MULAN_TABLES, mulan_table

needs_data = pytest.mark.skipif(
    not (Path(os.environ.get("POLYTASK_DATA") or "/nonexistent") / "mulan_multitarget").is_dir(),
    reason="POLYTASK_DATA names no folder with mulan_multitarget",
)

HEADER = """% a comment
@relation 'a table'

@attribute "'size'" NUMERIC
@ATTRIBUTE colour {red, 'dark blue'}
@attribute Y1 real
@attribute 'Y 2' numeric
@data
"""
ROWS = """1.5, red, 10, 100
?, 'dark blue', 20, ?

% a comment
2.5,?,30,300
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mulan_multitarget" / "data" / "multi-target"
    folder.mkdir(parents=True)
    return folder


def write(folder: Path, text: str = HEADER + ROWS, name: str = "enb") -> Path:
    (folder / f"{name}.arff").write_text(text, encoding="utf-8")
    return folder.parents[2]


def test_numbers_and_categories_become_features(folder):
    table = mulan_table("enb", write(folder))
    assert table.feature_names == ("'size'", "colour=red", "colour=dark blue")
    expected = torch.tensor([[1.5, 1, 0], [torch.nan, 0, 1], [2.5, torch.nan, torch.nan]])
    torch.testing.assert_close(table.data.inputs, expected, equal_nan=True)


def test_the_last_columns_are_the_targets(folder):
    table = mulan_table("enb", write(folder))
    assert [task.name for task in table.tasks] == ["Y1", "Y 2"]
    assert table.data.targets["Y1"].tolist() == [10, 20, 30]


def test_a_missing_label_is_masked(folder):
    data = mulan_table("enb", write(folder)).data
    assert data.masks["Y 2"].tolist() == [True, False, True]
    assert "Y1" not in data.masks


def test_the_files_may_lie_at_the_top_of_the_folder(folder):
    root = write(folder)
    (folder / "enb.arff").rename(folder.parents[1] / "enb.arff")
    assert len(mulan_table("enb", root)) == 3


def test_a_standardized_table_is_ready_for_joint_training(folder):
    table = mulan_table("enb", write(folder))
    batch, fitted = table.standardized([0, 2])
    query = JointSource(table.tasks, batch, batch_size=3, seed=0).step(0)[0].query
    assert isinstance(query.inputs, torch.Tensor)
    assert query.inputs.isfinite().all()
    assert batch.targets["Y1"].tolist() == [-1, 0, 1]
    assert fitted.restore("Y1", torch.tensor([2.0])).tolist() == [40]


def test_an_unknown_table_is_refused(tmp_path):
    with pytest.raises(DataError, match="no table 'iris'; there is andro, "):
        mulan_table("iris", tmp_path)


def test_a_missing_file_is_named(folder):
    with pytest.raises(DataError, match=r"enb.arff is missing"):
        mulan_table("enb", folder.parents[2])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no line @data"),
        (HEADER.replace("@data\n", ""), "has no line @data"),
        (HEADER, "4 attributes and 0 rows"),
        ("<html>\n</html>", "line 1: '<html>' is no attribute"),
        (HEADER + "1, red, 10\n", "line 9: there are 4 attributes, but this row has 3"),
        (HEADER + "1, green, 10, 100\n", "line 9: 'colour' is 'green', not one of 'red', 'dark blue'"),
        (HEADER + "1, red, ten, 100\n", "line 9: 'Y1' is 'ten', not a number"),
        (HEADER + "{0 1, 1 red}\n", "line 9: sparse rows"),
        (HEADER + "1, 'red, 10, 100\n", "line 9: .*Close every quote"),
        (HEADER.replace("real", "string") + ROWS, "attribute Y1 is of type string"),
        (HEADER.replace("real", "{10, 20, 30}") + ROWS, "the targets Y1 are no numbers"),
        ("@attribute a numeric\n@attribute b numeric\n@data\n1,2\n", "2 columns, 2 of them targets"),
    ],
)
def test_a_damaged_file_is_reported(folder, text, message):
    root = write(folder, text)
    with pytest.raises(DataError, match=message):
        mulan_table("enb", root)


@needs_data
@pytest.mark.parametrize(
    ("name", "rows", "features"),
    [
        *[("andro", 49, 30), ("atp1d", 337, 411), ("edm", 154, 16), ("jura", 359, 15), ("oes97", 334, 263)],
        *[("osales", 639, 401), ("scpf", 1137, 23), ("slump", 103, 7), ("wq", 1060, 16)],
        ("sf1", 323, 7 + 6 + 4 + 2 + 3 + 3 + 4 * 2),  # ten nominal columns
    ],
)
def test_the_real_tables_have_the_published_counts(name, rows, features):
    table = mulan_table(name)
    assert table.data.inputs.shape == (rows, features)  # pyright: ignore[reportAttributeAccessIssue]
    assert len(table.tasks) == MULAN_TABLES[name]


@needs_data
def test_heating_load_of_real_buildings_is_nearly_linear():
    table = mulan_table("enb")
    batch, _ = table.standardized(np.arange(len(table)))
    assert isinstance(batch.inputs, torch.Tensor)
    target = batch.targets["Y1"]
    solution = np.linalg.lstsq(batch.inputs.numpy(), target.numpy(), rcond=1e-4)[0]
    errors = target - batch.inputs @ torch.from_numpy(solution)
    assert 1 - float(errors.square().mean()) == pytest.approx(0.916, abs=0.005)

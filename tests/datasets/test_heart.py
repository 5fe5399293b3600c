import os
from pathlib import Path

import pytest
import torch

from polytask.core import DataError, InputError
from polytask.data.steps.joint import JointSource
from polytask.data.steps.standardization import Standardization
from polytask.datasets.heart import heart_sites

needs_data = pytest.mark.skipif(
    not (Path(os.environ.get("POLYTASK_DATA") or "/nonexistent") / "heart_sites").is_dir(),
    reason="POLYTASK_DATA names no folder with heart_sites",
)

FILES = {
    "cleveland": "63.0,1.0,1.0,145.0,233.0,1.0,2.0,150.0,0.0,2.3,3.0,0.0,6.0,0\n"
    "67.0,1.0,4.0,160.0,286.0,0.0,2.0,108.0,1.0,1.5,2.0,3.0,?,2\n",
    "hungarian": "28,1,2,130,132,0,2,185,0,0,?,?,?,0\n\n",
    "switzerland": "32,1,1,95,0,,0,127,0,-.7,1,,,1\n",
    "va": "63,1,4,0,260,0,1,112,1,3,2,-9,-9.0,4\n51,1,4,130,0,0,1,112,0,0,,?,,1\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "heart_sites"
    folder.mkdir()
    for site, text in FILES.items():
        path_of(folder, site).write_text(text)
    return folder


def path_of(folder: Path, site: str) -> Path:
    return folder / f"processed.{site}.data"


def test_patients_are_read_as_they_were_written(folder):
    data = heart_sites(folder.parent)
    assert len(data) == 6
    assert data.features[0].tolist() == pytest.approx([63, 1, 1, 145, 233, 1, 2, 150, 0, 2.3, 3, 0, 6])
    assert data.severity.tolist() == [0, 2, 0, 1, 4, 1]
    assert data.sites.tolist() == [0, 0, 1, 2, 3, 3]
    assert data.site_names == ("cleveland", "hungarian", "switzerland", "va")


@pytest.mark.parametrize(
    ("patient", "missing"),
    [
        (0, []),
        (1, ["thal"]),
        (2, ["slope", "ca", "thal"]),
        (3, ["chol", "fbs", "ca", "thal"]),
        (4, ["trestbps", "ca", "thal"]),
        (5, ["chol", "slope", "ca", "thal"]),
    ],
)
def test_what_was_not_measured_is_missing_and_nothing_else(folder, patient, missing):
    data = heart_sites(folder.parent)
    unknown = data.features[patient].isnan().nonzero().flatten().tolist()
    assert [data.feature_names[column] for column in unknown] == missing


def test_disease_is_any_severity_above_zero(folder):
    posed = heart_sites(folder.parent).pooled()
    assert [(task.name, task.kind) for task in posed.tasks] == [
        ("disease", "binary"),
        ("severity", "multiclass"),
    ]
    assert posed.data.targets["disease"].tolist() == [0, 1, 0, 1, 1, 1]
    assert posed.data.targets["severity"].tolist() == [0, 2, 0, 1, 4, 1]


@pytest.mark.parametrize(("target", "n_outputs"), [("disease", 1), ("severity", 5)])
def test_a_patient_has_a_label_of_the_own_hospital_alone(folder, target, n_outputs):
    posed = heart_sites(folder.parent).by_site(target)
    assert [task.n_outputs for task in posed.tasks] == [n_outputs] * 4
    assert posed.data.masks["va"].tolist() == [False] * 4 + [True] * 2
    assert torch.stack([posed.data.masks[task.name] for task in posed.tasks]).sum(0).tolist() == [1] * 6


def test_missing_inputs_are_ready_for_joint_training(folder):
    posed = heart_sites(folder.parent).by_site()
    data, fitted = posed.standardized(torch.arange(6))
    assert isinstance(fitted, Standardization)
    assert isinstance(data.inputs, torch.Tensor)
    assert not data.inputs.isnan().any()
    assert data.inputs.shape[1] == 13 + 6  # trestbps, chol, fbs, slope, ca and thal are missing somewhere
    assert JointSource(posed.tasks, data, batch_size=6, seed=0).step(0)[0].query.n_labels("cleveland") == 2


def test_an_unknown_target_is_refused(folder):
    with pytest.raises(InputError, match="'num'; use one of disease, severity"):
        heart_sites(folder.parent).by_site("num")  # type: ignore[arg-type]


def test_a_missing_folder_says_where_the_files_come_from(tmp_path):
    with pytest.raises(DataError, match=r"archive\.ics\.uci\.edu/dataset/45"):
        heart_sites(tmp_path)


def test_a_missing_file_is_named(folder):
    path_of(folder, "switzerland").unlink()
    with pytest.raises(DataError, match=r"processed\.switzerland\.data is missing"):
        heart_sites(folder.parent)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"1,2,three\n"])
def test_a_damaged_file_is_reported(folder, content):
    path_of(folder, "va").write_bytes(content)
    with pytest.raises(DataError, match=r"processed\.va\.data cannot be read"):
        heart_sites(folder.parent)


@pytest.mark.parametrize(("content", "found"), [("", "no"), ("1,2,3\n", r"\[3\]")])
def test_another_layout_is_refused(folder, content, found):
    path_of(folder, "hungarian").write_text(content)
    with pytest.raises(DataError, match=f"has rows of {found} values, but each should have 14"):
        heart_sites(folder.parent)


@pytest.mark.parametrize("severity", ["5", "-1", "0.5", "?"])
def test_an_impossible_severity_is_refused(folder, severity):
    path_of(folder, "hungarian").write_text(f"28,1,2,130,132,0,2,185,0,0,?,?,?,{severity}\n")
    with pytest.raises(
        DataError, match=r"processed\.hungarian\.data: the last value of a row should be 0 to 4"
    ):
        heart_sites(folder.parent)


@needs_data
def test_the_real_set_has_the_published_counts():
    data = heart_sites()
    assert torch.bincount(data.sites).tolist() == [303, 294, 123, 200]
    sick = data.severity > 0
    assert [int(sick[data.sites == site].sum()) for site in range(4)] == [139, 106, 115, 149]


@needs_data
def test_what_a_real_hospital_did_not_measure_is_missing_as_a_block():
    data = heart_sites()
    cholesterol = data.features[:, data.feature_names.index("chol")].isnan()
    assert cholesterol[data.sites == 2].all()
    assert not cholesterol[data.sites == 0].any()

import os
from pathlib import Path

import pytest
import torch

from polytask.core import DataError, InputError
from polytask.data.episodes.task_episodes import TaskEpisodes, tasks_by_group
from polytask.data.steps.joint import JointSource
from polytask.datasets.parkinsons_voices import parkinsons

needs_data = pytest.mark.skipif(
    not (Path(os.environ.get("POLYTASK_DATA") or "/nonexistent") / "parkinsons_telemonitoring").is_dir(),
    reason="POLYTASK_DATA names no folder with parkinsons_telemonitoring",
)

HEADER = (
    "subject#,age,sex,test_time,motor_UPDRS,total_UPDRS,Jitter(%),Jitter(Abs),Jitter:RAP,Jitter:PPQ5,"
    "Jitter:DDP,Shimmer,Shimmer(dB),Shimmer:APQ3,Shimmer:APQ5,Shimmer:APQ11,Shimmer:DDA,NHR,HNR,RPDE,DFA,PPE"
)
PATIENTS = (1, 1, 3, 1, 3)


def line(row: int, patient: int) -> str:
    voice = ",".join(f"{row}.{column:02d}" for column in range(16))
    return f"{patient},{60 + patient},0,{row}.5,{20 + row}.25,{30 + row}.75,{voice}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "parkinsons_telemonitoring" / "parkinsons_updrs.data"
    path.parent.mkdir()
    path.write_text("\n".join([HEADER, *(line(row, who) for row, who in enumerate(PATIENTS))]) + "\n")
    return path


def test_recordings_are_read_as_they_were_written(path):
    data = parkinsons(path.parents[1])
    assert len(data) == 5
    assert data.patients.tolist() == list(PATIENTS)
    assert data.scores.tolist() == [[20.25 + row, 30.75 + row] for row in range(5)]
    assert data.features[2, :3].tolist() == [63, 0, 2.5]
    torch.testing.assert_close(data.features[2, 3:], 2 + torch.arange(16) / 100)


def test_the_scores_are_not_among_the_features(path):
    data = parkinsons(path.parents[1])
    assert data.features.shape[1] == len(data.feature_names) == 19
    assert not any("UPDRS" in name or "subject" in name for name in data.feature_names)


def test_columns_are_found_by_name(path):
    lines = [row.split(",") for row in path.read_text().splitlines()]
    expected = parkinsons(path.parents[1])
    path.write_text("\n".join(",".join(reversed(row)) for row in lines))
    found = parkinsons(path.parents[1])
    assert torch.equal(found.features, expected.features)
    assert torch.equal(found.scores, expected.scores)


def test_tabs_may_stand_for_commas(path):
    expected = parkinsons(path.parents[1])
    path.write_text(path.read_text().replace(",", "\t"))
    assert torch.equal(parkinsons(path.parents[1]).features, expected.features)


def test_both_scores_are_asked_of_all_patients_together(path):
    posed = parkinsons(path.parents[1]).pooled()
    assert [task.name for task in posed.tasks] == ["motor UPDRS", "total UPDRS"]
    assert posed.data.targets["total UPDRS"].tolist() == [30.75, 31.75, 32.75, 33.75, 34.75]


def test_a_recording_has_a_label_of_its_own_patient_alone(path):
    posed = parkinsons(path.parents[1]).by_patient("total UPDRS")
    assert [task.name for task in posed.tasks] == ["patient 1", "patient 3"]
    assert posed.data.masks["patient 1"].tolist() == [True, True, False, True, False]
    assert posed.data.masks["patient 3"].tolist() == [False, False, True, False, True]
    assert posed.data.targets["patient 3"].tolist() == [30.75, 31.75, 32.75, 33.75, 34.75]
    assert (
        JointSource(posed.tasks, posed.data, batch_size=5, seed=0).step(0)[0].query.n_labels("patient 3") == 2
    )


def test_a_patient_is_a_few_shot_task(path):
    data = parkinsons(path.parents[1])
    posed = data.pooled()
    source = TaskEpisodes(posed.tasks[0], tasks_by_group(posed.data, data.patients), n_support=1)
    episode = source.of("3", n_support=1)
    assert episode.support is not None
    both = torch.cat([episode.support.targets["motor UPDRS"], episode.query.targets["motor UPDRS"]])
    assert sorted(both.tolist()) == [22.25, 24.25]


def test_an_unknown_score_is_refused(path):
    with pytest.raises(InputError, match="'UPDRS'; use one of motor UPDRS, total UPDRS"):
        parkinsons(path.parents[1]).by_patient("UPDRS")  # type: ignore[arg-type]


def test_a_missing_folder_says_where_the_file_comes_from(tmp_path):
    with pytest.raises(DataError, match=r"archive\.ics\.uci\.edu/dataset/189"):
        parkinsons(tmp_path)


def test_a_missing_file_is_named(path):
    path.unlink()
    with pytest.raises(DataError, match=r"parkinsons_updrs\.data is missing"):
        parkinsons(path.parents[1])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"a,b\n1\n", "line 2: the header has 2 fields"),
    ],
)
def test_a_damaged_file_is_reported(path, content, problem):
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"parkinsons_updrs\.data.* {problem}"):
        parkinsons(path.parents[1])


def test_missing_columns_are_named(path):
    path.write_text(path.read_text().replace("HNR", "H").replace("motor_UPDRS", "motor"))
    with pytest.raises(DataError, match="lacks the columns motor_UPDRS, HNR"):
        parkinsons(path.parents[1])


@pytest.mark.parametrize("value", ["", "?", "inf"])
def test_a_value_that_is_no_number_is_refused(path, value):
    path.write_text(path.read_text().replace("3.07", value))
    with pytest.raises(DataError, match="but 1 of 5 recordings do not"):
        parkinsons(path.parents[1])


def test_a_file_without_recordings_is_refused(path):
    path.write_text(HEADER + "\n")
    with pytest.raises(DataError, match="has a header but no rows"):
        parkinsons(path.parents[1])


@needs_data
def test_the_real_set_has_the_published_counts():
    data = parkinsons()
    assert data.features.shape == (5_875, 19)
    assert len(data.patients.unique()) == 42
    # The publishers' ranges of the scores.
    assert (float(data.scores[:, 0].min()), float(data.scores[:, 0].max())) == pytest.approx(
        (5.04, 39.5), abs=0.02
    )
    assert (float(data.scores[:, 1].min()), float(data.scores[:, 1].max())) == pytest.approx(
        (7, 55), abs=0.02
    )


@needs_data
def test_the_scores_of_a_real_patient_are_nearly_a_line_over_time():
    data = parkinsons()
    time = data.features[:, data.feature_names.index("test_time")].double()
    left = []
    for patient in data.patients.unique():
        rows = data.patients == patient
        x = torch.stack([time[rows], torch.ones(int(rows.sum()), dtype=torch.float64)], 1)
        y = data.scores[rows, 0].double()
        left.append((y - x @ torch.linalg.lstsq(x, y).solution).square().mean())
    assert torch.stack(left).mean() < 0.03 * data.scores[:, 0].var()

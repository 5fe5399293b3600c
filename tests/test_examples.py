"""Every example runs as its reader would run it, and what it claims holds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "examples"
SHOWS = {
    "one_net_two_tasks.py": ["by hand:", "polytask:", "cosine", "RMSE", "both ways give the same gradient"],
    "two_inputs_two_heads.py": ["separate", "joint, equal weights", "joint, UPGrad", "Δm"],
    "learning_to_learn.py": ["random start", "joint pre-training", "MAML", "picture written"],
}


def test_every_example_is_listed_and_reads_as_one_page():
    files = {path.name: path for path in FOLDER.glob("*.py")}
    assert set(files) == set(SHOWS)
    assert all(len(path.read_text().splitlines()) < 150 for path in files.values())


@pytest.mark.parametrize("name", SHOWS)
def test_an_example_shows_and_checks_what_it_says(name, tmp_path):
    ended = subprocess.run(
        [sys.executable, "-W", "error", FOLDER / name],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert all(text in ended.stdout for text in SHOWS[name])
    assert "ok  " in ended.stdout and "FAIL" not in ended.stdout


def test_learning_to_learn_writes_its_picture_and_ends_with_an_error_where_a_claim_fails(tmp_path):
    picture = tmp_path / "untrained.png"
    ended = subprocess.run(
        [sys.executable, FOLDER / "learning_to_learn.py", "--steps", "1", "--output", picture],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert ended.returncode == 1
    assert "This does not hold: " in ended.stderr and "far below a random start" in ended.stderr

"""Every example runs as its reader would run it, and what it claims holds."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "examples"
SHOWS = {
    "one_net_two_tasks.py": ["by hand:", "polytask:", "cosine", "RMSE"],
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
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert all(text in ended.stdout for text in SHOWS[name])
    assert "ok  " in ended.stdout and "FAIL" not in ended.stdout

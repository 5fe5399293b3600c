"""Every example runs as its reader would run it, and what it claims holds."""

import runpy
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch

FOLDER = Path(__file__).parent.parent / "examples"
SHOWS = {
    "one_net_two_tasks.py": ["by hand:", "polytask:", "cosine", "RMSE", "both ways give the same gradient"],
    "two_inputs_two_heads.py": ["separate", "joint, equal weights", "joint, UPGrad", "Δm"],
    "learning_to_learn.py": ["random start", "joint pre-training", "MAML", "picture written"],
    "own_prior.py": ["a smooth function", "exact mean", "a function with a jump"],
    "own_parts.py": ["Nearest: passes", "Drifting:", "`adapt` changes the learner", "accuracy, %"],
    "ways_to_adapt.py": ["MAML", "CAVIA", "MAML++", "inner AdamW", "cosine", "a rate of"],
    "what_balancing_sees.py": ["auto", "last-layer", "is not finite", "picture written"],
    "conflict_and_its_resolution.py": ["the cosine", "pcgrad", "upgrad"],
    "which_tasks_together.py": ["help among kin"],
    "curricula.py": ["equal turns", "by progress"],
    "a_learned_optimizer.py": ["gradient descent", "Adam", "learned"],
    "neural_processes.py": ["3 points", "best possible"],
    "plasticity.py": ["plastic", "fixed"],
    "bandits_by_rl2.py": ["Gittins", "RL²"],
    "continual_updates.py": ["before:", "after:", "for replay"],
    "choosing_a_learner.py": ["portfolio of three", "warm start"],
    "few_labels_of_a_molecule.py": ["likeness alone", "with other proteins"],
    "a_new_speaker.py": ["of each: own"],
}
SMALL = {  # as little as its claims need
    "two_inputs_two_heads.py": ["--seeds", "2", "--steps", "150"],
    "ways_to_adapt.py": ["--steps", "30"],
    "own_prior.py": ["--steps", "300"],
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run an example in this process: importing torch anew for each would take longer than most of them."""

    def example(name: str, *arguments: str) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        with torch.random.fork_rng():
            runpy.run_path(str(FOLDER / name), run_name="__main__")

    yield example
    plt.close("all")


def test_every_example_is_listed_and_reads_as_one_page():
    files = {path.name: path for path in FOLDER.glob("*.py")}
    assert set(files) == set(SHOWS)
    assert all(len(path.read_text().splitlines()) < 150 for path in files.values())


@pytest.mark.parametrize("name", SHOWS)
def test_an_example_shows_and_checks_what_it_says(name, run, capsys):
    run(name, *SMALL.get(name, []))
    shown = capsys.readouterr().out
    assert all(text in shown for text in SHOWS[name])
    assert "ok  " in shown and "FAIL" not in shown
    assert plt.get_fignums(), "the gallery shows a picture of each"


def test_an_example_ends_with_an_error_where_a_claim_fails(run):
    with pytest.raises(SystemExit, match="This does not hold: every run is far above chance"):
        run("two_inputs_two_heads.py", "--seeds", "1", "--steps", "1")


@pytest.mark.slow
def test_learning_to_learn_writes_its_picture_and_ends_with_an_error_where_a_claim_fails(run, tmp_path):
    picture = tmp_path / "untrained.png"
    with pytest.raises(SystemExit, match=r"This does not hold: .*far below a random start"):
        run("learning_to_learn.py", "--steps", "1", "--output", str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")

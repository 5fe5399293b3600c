"""The training loop: it learns, repeats, stops, skips, logs, and survives being killed."""

import math
import signal
import time
from pathlib import Path

import pytest
import torch
from tests.train.forked import FORKED
from torch import nn

from polytask.architectures import HardSharing, table_trunk
from polytask.balancing import balancer_by_name
from polytask.balancing.methods import UncertaintyWeighting, UPGrad
from polytask.core import Batch, Episode, InputError, SharedModel, Task, TrainingError, generator
from polytask.core.errors import NotFiniteError
from polytask.core.files import write_atomically
from polytask.data import Source
from polytask.train import Validation, train
from polytask.train.checkpoint import save_checkpoint

TASKS = (Task(name="y1", kind="regression"), Task(name="y2", kind="binary"))


class Square(Source):
    """Points of the unit square; the second task has labels in every other step."""

    def step(self, index):
        x = torch.rand(32, 2, generator=generator(0, "square", index))
        mask = torch.full((32,), index % 2 == 0)
        return (
            Episode(
                tasks=TASKS,
                query=Batch(
                    inputs=x,
                    targets={"y1": x[:, 0] + 2 * x[:, 1], "y2": (x[:, 0] > 0.5).float()},
                    masks={"y2": mask},
                ),
            ),
        )


class Poisoned(Square):
    """The fourth step has a target that is not finite."""

    def step(self, index):
        (episode,) = super().step(index)
        if index == 3:
            episode.query.targets["y1"][0] = float("inf")
        return (episode,)


def learner(dropout: float = 0.0) -> SharedModel:
    torch.manual_seed(0)
    heads = {task.name: nn.Linear(16, 1) for task in TASKS}
    return SharedModel(TASKS, HardSharing(table_trunk(2, [16], dropout=dropout)), heads)


def weights(module: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().reshape(-1) for p in module.parameters()])


def test_it_learns_both_tasks():
    model = learner()
    outcome = train(model, Square(), n_steps=400, optimizer=lambda p: torch.optim.Adam(p, lr=1e-2))
    assert outcome.rows[-1]["loss/y1"] < 0.01 and outcome.rows[-1]["loss/y2"] < 0.25
    assert outcome.n_steps == outcome.best_step == 400 and not outcome.stopped_early


def test_a_run_repeated_is_identical_with_dropout_and_whatever_the_global_seed():
    found = []
    for seed in (1, 2):
        model = learner(dropout=0.5)
        torch.manual_seed(seed)
        train(model, Square(), n_steps=30, seed=3)
        found.append(weights(model))
    assert torch.equal(*found)
    other = learner(dropout=0.5)
    train(other, Square(), n_steps=30, seed=4)
    assert not torch.equal(found[0], weights(other))


def test_the_callers_random_state_is_left_alone():
    torch.manual_seed(0)
    model, expected = learner(dropout=0.5), torch.get_rng_state()
    train(model, Square(), n_steps=5)
    assert torch.equal(torch.get_rng_state(), expected)


def test_early_stopping_keeps_the_best_weights():
    scores = iter([1.0, 3.0, 2.0, 2.5, 9.0])
    seen = []

    def validate(model):
        assert not model.training and not torch.is_grad_enabled()
        seen.append(weights(model))
        return Validation(score=next(scores), metrics={"x": 1.0})

    model = learner()
    outcome = train(model, Square(), n_steps=50, validate=validate, validate_every=10, patience=2)
    assert outcome.stopped_early and outcome.n_steps == 40
    assert outcome.best_step == 20 and outcome.best_score == 3.0
    assert torch.equal(weights(model), seen[1]) and not model.training


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_never_counts_as_best(bad):
    scores = iter([bad, 2.0, bad])

    def validate(_):
        return Validation(score=next(scores), metrics={})

    outcome = train(learner(), Square(), n_steps=3, validate=validate, validate_every=1)
    assert (outcome.best_score, outcome.best_step) == (2.0, 2)


def test_a_run_whose_scores_are_never_numbers_ends_in_an_error_that_names_the_figures():
    def validate(_):
        return Validation(score=math.nan, metrics={"y1/rmse": math.nan, "y2/accuracy": 0.5})

    with pytest.raises(NotFiniteError, match=r"y1/rmse were none\. Lower the learning rate"):
        train(learner(), Square(), n_steps=2, validate=validate, validate_every=1)


def test_an_objective_that_is_not_finite_stops_the_run_and_is_named():
    with pytest.raises(TrainingError, match="objective of y1 is not finite at step 3"):
        train(learner(), Poisoned(), n_steps=9)


def test_an_objective_that_is_not_finite_can_be_skipped_and_is_counted():
    model = learner()
    outcome = train(model, Poisoned(), n_steps=9, not_finite="skip")
    assert outcome.skipped == 1 and weights(model).isfinite().all()


class Failing(UPGrad):
    """Fails at its third step with a given error."""

    def __init__(self, error):
        super().__init__()
        self.error, self.calls = error, 0

    def forward(self, evidence):
        self.calls += 1
        if self.calls == 3:
            raise self.error
        return super().forward(evidence)


def test_what_is_skipped_is_told_by_the_class_of_an_error_and_not_by_its_words():
    unworded = Failing(NotFiniteError("the gradients are spoiled"))
    assert train(learner(), Square(), n_steps=5, balancer=unworded, not_finite="skip").skipped == 1
    worded = Failing(TrainingError("the list of helpers is not finite"))
    with pytest.raises(TrainingError, match="list of helpers"):
        train(learner(), Square(), n_steps=5, balancer=worded, not_finite="skip")


def test_absent_tasks_are_counted():
    assert train(learner(), Square(), n_steps=9).absent == {"y2": 4}


def test_the_schedule_scales_the_rate_and_the_norm_is_clipped():
    model, frozen = learner(), learner()
    train(frozen, Square(), n_steps=5, schedule=lambda step: 0.0)
    assert torch.equal(weights(frozen), weights(model))
    train(model, Square(), n_steps=1, optimizer=lambda p: torch.optim.SGD(p, lr=1.0), max_norm=1e-3)
    moved = (weights(model) - weights(frozen)).norm()
    assert moved.item() == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.parametrize("precision", ["64-true", "bf16-mixed", "bf16-true"])
def test_other_precisions_train(precision):
    model = learner()
    outcome = train(model, Square(), n_steps=60, precision=precision, validate_every=30)
    assert outcome.rows[-1]["loss/y1"] < outcome.rows[0]["loss/y1"]
    expected = {"64-true": torch.float64, "bf16-mixed": torch.float32, "bf16-true": torch.bfloat16}[precision]
    assert next(model.parameters()).dtype == expected


def test_figures_are_logged_to_csv_and_tensorboard(tmp_path):
    train(learner(), Square(), n_steps=4, validate_every=2, directory=tmp_path, tensorboard=True)
    lines = (tmp_path / "metrics.csv").read_text().splitlines()
    assert lines[0].split(",")[:3] == ["step", "loss/y1", "loss/y2"] and len(lines) == 3
    assert any(path.name.startswith("events.out.tfevents") for path in (tmp_path / "tensorboard").iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_steps": 0}, "`n_steps` must be at least 1"),
        ({"n_steps": "1", "accelerator": "tpu9"}, "`n_steps`.*whole number.*`accelerator` is 'tpu9'"),
        ({"n_steps": 1, "patience": 3}, "`patience`.*needs `validate`"),
        ({"n_steps": 1, "precision": "16-mixed"}, "`precision` is '16-mixed'; did you mean 'bf16-mixed'"),
        ({"n_steps": 1, "validate_every": 0}, "`validate_every`"),
    ],
)
def test_a_wrong_argument_is_named(arguments, message):
    with pytest.raises(InputError, match=message):
        train(learner(), Square(), **arguments)


def test_a_learner_that_is_frozen_as_a_whole_is_refused():
    with pytest.raises(InputError, match=r"Nothing of SharedModel can be trained.*requires_grad_"):
        train(learner().requires_grad_(False), Square(), n_steps=1)


def run_in_a_folder(folder: Path, pause: float) -> None:
    """Train with what draws random numbers, and a pause at each validation; what is learned is saved."""

    def validate(trained):
        time.sleep(pause)
        (episode,) = Square().step(10_000)
        return Validation(score=-float(trained.objectives([episode]).total()), metrics={})

    model = learner(dropout=0.3)
    train(
        model, Square(), n_steps=120, balancer=UncertaintyWeighting(["y1", "y2"]), validate=validate,
        schedule=lambda step: 1 - step / 120, validate_every=5, directory=folder, resume=True, seed=5,
    )  # fmt: skip
    torch.save(model.state_dict(), folder / "final.pt")


def test_a_run_killed_and_resumed_ends_with_the_same_bits(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run_in_a_folder(whole, 0)
    for _ in range(2):
        process = FORKED.Process(target=run_in_a_folder, args=(broken, 0.05))
        rows = _rows(broken)
        process.start()
        deadline = time.monotonic() + 120
        while _rows(broken) < rows + 4 and time.monotonic() < deadline:  # a few validations further
            time.sleep(0.01)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL  # it was really killed, not finished
    assert _rows(broken) >= 8
    run_in_a_folder(broken, 0)
    first, second = (torch.load(folder / "final.pt", weights_only=True) for folder in (whole, broken))
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())
    assert (whole / "metrics.csv").read_text() == (broken / "metrics.csv").read_text()


def _rows(folder: Path) -> int:
    path = folder / "metrics.csv"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_a_crash_while_writing_leaves_the_old_file_and_no_rubbish(tmp_path):
    path = tmp_path / "state.pt"
    save_checkpoint(path, {"step": 1})
    before = path.read_bytes()

    def fail(file):
        file.write(b"half")
        raise OSError("disk full")

    with pytest.raises(InputError, match=r"state.pt cannot be written: disk full"):
        write_atomically(path, fail)
    assert path.read_bytes() == before and [entry.name for entry in tmp_path.iterdir()] == ["state.pt"]


@pytest.mark.parametrize("name", ["equal", "upgrad", "famo", "modo"])
def test_accumulated_steps_end_where_whole_ones_do(name):
    def trained(accumulate: int) -> torch.Tensor:
        model = learner()
        train(
            model, Square(), n_steps=12, accumulate=accumulate, max_norm=1.0, precision="64-true",
            balancer=balancer_by_name(name, ["y1", "y2"]),
        )  # fmt: skip
        return weights(model)

    torch.testing.assert_close(trained(3), trained(1), rtol=1e-9, atol=1e-10)


def test_accumulated_steps_draw_anew_for_every_part_and_repeat():
    def trained() -> torch.Tensor:
        model = learner(dropout=0.5)
        train(model, Square(), n_steps=6, accumulate=2, balancer=UPGrad())
        return weights(model)

    assert torch.equal(trained(), trained())


def test_a_value_that_is_not_finite_names_its_task_in_accumulated_steps():
    with pytest.raises(TrainingError, match="objective of y1 is not finite at step 3"):
        train(learner(), Poisoned(), n_steps=5, accumulate=2)


def test_steps_cannot_come_in_no_part():
    with pytest.raises(InputError, match="`accumulate` must be at least 1, got 0"):
        train(learner(), Square(), n_steps=5, accumulate=0)

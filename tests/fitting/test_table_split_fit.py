"""What the validation rows are for, and what they are not for."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from polytask.fitting.table_training import Surroundings, _set_aside, train_table_learner

from polytask.balancing.catalogue import balancer_entries
from polytask.core import Batch, DataError, Task
from polytask.fitting.table_preparation import Columns, prepare
from polytask.models.table_config import TableConfig

BILEVEL = [name for name, entry in balancer_entries().items() if entry.needs == "validation"]


@pytest.fixture(scope="module")
def prepared():
    x = np.random.default_rng(0).normal(size=(80, 3))
    frame = pd.DataFrame(x, columns=list("abc")).assign(y=x[:, 0], z=x[:, 1] - x[:, 2])
    return prepare(frame, Columns(targets=("y:regression", "z:regression")), seed=0)


def weights(prepared, balancing: str) -> dict[str, torch.Tensor]:
    config = TableConfig(balancing=balancing, epochs=1, width=8, depth=1, batch_size=16)
    learner, _ = train_table_learner(prepared, ["y", "z"], config, seed=0, title="t", where=Surroundings())
    return learner.state_dict()


@pytest.mark.parametrize("balancing", BILEVEL)
def test_validation_labels_do_not_reach_the_weights(prepared, balancing):
    turned = {name: -5 * values for name, values in prepared.validation.targets.items()}
    other = replace(prepared, validation=replace(prepared.validation, targets=turned))
    ours, theirs = weights(prepared, balancing), weights(other, balancing)
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def test_every_task_has_labels_on_both_sides():
    tasks = [Task(name=name, kind="regression") for name in "abc"]
    for seed in range(20):
        draw = torch.Generator().manual_seed(seed)
        masks = {name: torch.zeros(40, dtype=torch.bool) for name in "abc"}
        for mask, n_labels in zip(masks.values(), (40, 2, 3), strict=True):
            mask[torch.randperm(40, generator=draw)[:n_labels]] = True
        rows = Batch(
            inputs=torch.arange(40.0)[:, None], targets={name: torch.zeros(40) for name in "abc"}, masks=masks
        )
        trained, aside = _set_aside(rows, tasks, "forum", seed=seed)
        assert sorted([*trained.inputs[:, 0].tolist(), *aside.inputs[:, 0].tolist()]) == list(range(40))
        assert all(part.n_labels(name) for part in (trained, aside) for name in "abc")
        assert 6 <= len(aside) <= 12


def test_one_label_cannot_be_on_both_sides():
    masks = {"a": torch.arange(9) == 4}
    rows = Batch(inputs=torch.zeros(9, 1), targets={"a": torch.zeros(9)}, masks=masks)
    with pytest.raises(
        DataError, match="'a' has 1 label among the training rows, but `balancing` 'moml' needs"
    ):
        _set_aside(rows, [Task(name="a", kind="regression")], "moml", seed=0)


def test_the_best_epoch_has_the_highest_mean_skill(prepared):
    config = TableConfig(epochs=6, width=8, depth=1, learning_rate=0.1)
    _, outcome = train_table_learner(prepared, ["y", "z"], config, seed=0, title="t", where=Surroundings())
    scores = [(row["validation/y/skill"] + row["validation/z/skill"]) / 2 for row in outcome.rows]
    assert len(scores) == 6 and outcome.best_score == pytest.approx(max(scores))


def test_rare_positives_do_not_make_the_first_epoch_the_best():
    """Accuracy is the highest for a model that never says yes, and equally high in every epoch of it."""
    draw = np.random.default_rng(1)
    x = draw.normal(size=(600, 3))
    positive = draw.random(600) < 1 / (1 + np.exp(8 - 4 * x[:, 0]))
    frame = pd.DataFrame(x, columns=list("abc")).assign(y=np.where(positive, "yes", "no"))
    prepared = prepare(frame, Columns(targets=("y",)), seed=0)
    config = TableConfig(epochs=6, width=16, depth=1, dropout=0.0)
    _, outcome = train_table_learner(prepared, ["y"], config, seed=0, title="t", where=Surroundings())
    assert outcome.best_step == outcome.n_steps  # the loss falls all the while

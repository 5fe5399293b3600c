"""What the validation rows are for, and what they are not for."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from polytask.balancing.catalogue import balancer_entries
from polytask.core import Batch, DataError, Task
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import PreparedTable, prepare_table
from polytask.fitting.table_split_fit import _set_aside, _Split, _split, fit_splits, train_table_learner
from polytask.fitting.table_surroundings import Surroundings
from polytask.models.table_config import TableConfig

BILEVEL = [name for name, entry in balancer_entries().items() if entry.needs == "validation"]


@pytest.fixture(scope="module")
def prepared() -> PreparedTable:
    x = np.random.default_rng(0).normal(size=(80, 3))
    frame = pd.DataFrame(x, columns=list("abc")).assign(y=x[:, 0], z=x[:, 1] - x[:, 2])
    return prepare_table(frame, Columns(targets=("y:regression", "z:regression")), folds=4, seed=0)


def trained(prepared: PreparedTable, split: _Split, config: TableConfig):
    n_features = prepared.encoder.n_features
    return train_table_learner(
        split, prepared.tasks, n_features, config, seed=0, title="t", where=Surroundings()
    )


def split_of(prepared: PreparedTable, index: int = 0) -> _Split:
    return _split(prepared, prepared.tasks, prepared.repeats[0], index, seed=0)


@pytest.mark.parametrize("balancing", BILEVEL)
def test_validation_labels_do_not_reach_the_weights(prepared, balancing):
    split = split_of(prepared)
    turned = {name: -5 * values for name, values in split.validation.targets.items()}
    other = replace(split, validation=replace(split.validation, targets=turned))
    config = TableConfig(balancing=balancing, epochs=1, width=8, depth=1, batch_size=16)
    ours, theirs = (trained(prepared, each, config)[0].state_dict() for each in (split, other))
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


@pytest.mark.parametrize("index", range(4))
def test_a_fold_is_validated_by_the_next_and_judged_by_none_of_its_rows(prepared, index):
    folds = prepared.repeats[0]
    split = split_of(prepared, index)
    held_out = prepared.rows.inputs[folds[index].held_out]
    after = prepared.rows.inputs[np.sort(folds[(index + 1) % 4].held_out)]
    assert torch.equal(split.validation.inputs, after)
    assert len(split.train) == 40
    seen = {tuple(row) for part in (split.train, split.validation) for row in part.inputs.tolist()}
    assert not seen & {tuple(row) for row in held_out.tolist()}


def test_in_time_the_latest_training_rows_validate():
    frame = pd.DataFrame({"a": np.random.default_rng(0).normal(size=60), "day": np.arange(60)[::-1]})
    timed = prepare_table(frame.assign(y=frame["a"]), Columns(targets=("y",), time="day"), folds=2, seed=0)
    split = _split(timed, timed.tasks, timed.repeats[0], 1, seed=0)
    a = timed.rows.inputs[:, 0]
    assert torch.equal(
        split.validation.inputs[:, 0].sort()[0], a[20:28].sort()[0]
    )  # 40 rows, 8 of them latest
    assert torch.equal(split.train.inputs[:, 0].sort()[0], a[28:].sort()[0])


def test_labels_of_held_out_rows_change_neither_their_network_nor_its_predictions(prepared):
    config = TableConfig(architecture="mmoe", epochs=2, width=4, depth=1)
    names = [task.name for task in prepared.tasks]
    first = fit_splits(prepared, names, config, side="joint", seed=0, where=Surroundings())
    rows = torch.from_numpy(prepared.repeats[0][2].held_out)
    targets = {name: values.clone() for name, values in prepared.rows.targets.items()}
    for values in targets.values():
        values[rows] += 100
    other = replace(prepared, rows=replace(prepared.rows, targets=targets))
    second = fit_splits(other, names, config, side="joint", seed=0, where=Surroundings())
    assert torch.equal(first.predictions["y"][rows], second.predictions["y"][rows])
    ours, theirs = first.members[2].state_dict(), second.members[2].state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())
    assert not torch.equal(
        first.predictions["y"], second.predictions["y"]
    )  # other folds were trained on them


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
        trained, aside = (rows.rows(side) for side in _set_aside(rows, tasks, "to judge", seed=seed))
        assert sorted([*trained.inputs[:, 0].tolist(), *aside.inputs[:, 0].tolist()]) == list(range(40))
        assert all(part.n_labels(name) for part in (trained, aside) for name in "abc")
        assert 6 <= len(aside) <= 12


def test_one_label_cannot_be_on_both_sides():
    masks = {"a": torch.arange(9) == 4}
    rows = Batch(inputs=torch.zeros(9, 1), targets={"a": torch.zeros(9)}, masks=masks)
    with pytest.raises(
        DataError,
        match=r"'a' has 1 label among the training rows of a fold, but some are needed .* others aside",
    ):
        _set_aside(rows, [Task(name="a", kind="regression")], "aside", seed=0)


def test_the_best_epoch_has_the_highest_mean_skill(prepared):
    config = TableConfig(epochs=6, width=8, depth=1, learning_rate=0.1)
    _, outcome, _ = trained(prepared, split_of(prepared), config)
    scores = [(row["validation/y/skill"] + row["validation/z/skill"]) / 2 for row in outcome.rows]
    assert len(scores) == 6 and outcome.best_score == pytest.approx(max(scores))


def test_rare_positives_do_not_make_the_first_epoch_the_best():
    """Accuracy is the highest for a model that never says yes, and equally high in every epoch of it."""
    draw = np.random.default_rng(1)
    x = draw.normal(size=(600, 3))
    positive = draw.random(600) < 1 / (1 + np.exp(8 - 4 * x[:, 0]))
    frame = pd.DataFrame(x, columns=list("abc")).assign(y=np.where(positive, "yes", "no"))
    prepared = prepare_table(frame, Columns(targets=("y",)), seed=0)
    config = TableConfig(epochs=6, width=16, depth=1, dropout=0.0)
    _, outcome, _ = trained(prepared, split_of(prepared), config)
    assert outcome.best_step == outcome.n_steps  # the loss falls all the while


@pytest.mark.parametrize("n_tasks", [1, 2])
def test_weights_of_tasks_are_balanced_where_there_are_several(prepared, n_tasks):
    def end(balancing: str) -> torch.Tensor:
        config = TableConfig(balancing=balancing, epochs=2, width=4, depth=1, dropout=0.0)
        tasks, split = prepared.tasks[:n_tasks], split_of(prepared)
        learner, *_ = train_table_learner(
            split, tasks, prepared.encoder.n_features, config, seed=0, title="t", where=Surroundings()
        )
        return torch.cat([parameter.detach().flatten() for parameter in learner.parameters()])

    assert torch.equal(end("equal"), end("uncertainty")) == (n_tasks == 1)

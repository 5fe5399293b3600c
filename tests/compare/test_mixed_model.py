"""The model of many tasks as a candidate."""

import numpy as np
import pytest
from tests.compare.task_samples import rows_of, shops

from polytask.compare.catalogue import candidate_of_recipe, candidates_of
from polytask.compare.mixed_model import MixedModel
from polytask.core import InputError

SETTINGS = {"epochs": 5, "width": 8, "bins": 0}


def test_what_is_known_of_a_task_helps_its_new_rows_and_no_other() -> None:
    rows = rows_of(shops(), "sold")
    index = np.arange(len(rows))
    old = rows.known_groups < 10
    train = rows.rows(index[old | (index % 14 < 5)])
    new = rows.rows(index[~old & (index % 14 >= 5)])
    found = MixedModel(SETTINGS).fit(train, {}, seed=0).predict(new)["sold"]
    unknown = MixedModel(SETTINGS).fit(rows.rows(index[old]), {}, seed=0).predict(new)["sold"]
    errors = [np.square(one - new.labels("sold")).mean() for one in (found, unknown)]
    assert errors[0] < 0.3 * errors[1]


def test_classes_get_probabilities() -> None:
    rows = rows_of(shops(), "often")
    shares = MixedModel(SETTINGS).fit(rows, {}, seed=0).predict(rows)["often"]
    assert shares.shape == (len(rows), 2) and np.allclose(shares.sum(1), 1)


def test_another_process_makes_it_of_its_recipe() -> None:
    (asked,) = candidates_of("mixed", SETTINGS)
    made = candidate_of_recipe(asked.recipe, name=asked.name, words=asked.words)
    assert isinstance(made, MixedModel) and made.config == asked.config and made.words == asked.words


def test_rows_without_tasks_are_refused() -> None:
    rows = rows_of(shops(), "sold")
    with pytest.raises(InputError, match="belong to no tasks"):
        _ = type(rows)(batch=rows.batch, targets=rows.targets, encoder=rows.encoder).known_groups

"""The names of tasks."""

import pandas as pd

from polytask.models.task_names import TaskNames


def test_new_tasks_come_after_the_known_ones_which_keep_their_numbers():
    names = TaskNames(["b", "7"]).with_new(pd.Series(["a", "7.0", None, "a"]))
    assert names.names == ("b", "7", "a")
    assert names.codes(pd.Series(["7", "a", "b", "z"])).tolist() == [1, 2, 0, -1]

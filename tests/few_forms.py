"""Few forms of what is learned of a table's tasks: to try all takes longer than all else of a small model."""

from collections.abc import Iterator

import pytest

from polytask.fitting import task_prior_forms


@pytest.fixture(scope="module", autouse=True)
def few_forms() -> Iterator[None]:
    """Try the first forms of prior alone, in the folder whose conftest.py imports this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task_prior_forms, "_CANDIDATES", task_prior_forms._CANDIDATES[:4])
        patch.setattr(task_prior_forms, "_OF_CLASSES", task_prior_forms._OF_CLASSES[:2])
        yield

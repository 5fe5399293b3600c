"""Commands write pages without drawing them, which takes longer than what they train here.

What is drawn is tested with the reports, and by `tests/test_cli.py`. Of forms of prior they try few.
"""

from collections.abc import Iterator

import pytest
from tests.few_forms import few_forms

from polytask.report.charts import canvas

__all__ = ["few_forms"]


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_drawn() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canvas, "_svg", lambda *_: '<svg viewBox="0 0 300 200">drawn</svg>')
        yield

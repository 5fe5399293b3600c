"""Commands write pages without drawing them, which takes longer than what they train here.

What is drawn is tested with the reports; a file with ``DRAWS = True`` draws.
"""

from collections.abc import Iterator

import pytest

from polytask.report.charts import canvas


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_drawn(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if not getattr(request.module, "DRAWS", False):
            patch.setattr(canvas, "_svg", lambda *_: '<svg viewBox="0 0 300 200">drawn</svg>')
        yield

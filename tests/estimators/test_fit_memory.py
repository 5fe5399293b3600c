"""The memory of a fit in pieces, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.trains

N_ROWS, N_COLUMNS = 150_000, 20
FIT = """
import json, resource, sys, warnings
import pandas, sklearn.impute, sklearn.preprocessing, torch, pyarrow.parquet
import polytask
from polytask.data.tables import large_table, survey
from polytask.fitting import large_preparation, rows_in_pieces
from polytask.models import TableModel
from polytask.estimators import evaluate_table

warnings.simplefilter("ignore")
large_table.LARGE_ROWS = 1000
large_table.ROWS_AT_ONCE = 2**14
survey.N_SAMPLE = 2**14
large_preparation.MOST_JUDGED = 5000
rows_in_pieces.MOST_ROWS_AN_EPOCH = 10_000


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


settings = {"epochs": 1, "width": 8, "bins": 0, "baselines": False}
polytask.fit(sys.argv[2], ["a", "b"], **settings)  # what libraries take on their first use
before = peak()
model = polytask.fit(sys.argv[1], ["a", "b"], **settings)
fitted = peak()
model.predict_to(sys.argv[1], sys.argv[3])
model.evaluate(sys.argv[1])
print(json.dumps({"fit": fitted - before, "all": peak() - before}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="units of the peak memory differ by system")
def test_a_large_table_takes_few_bytes_a_value(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({f"x{index}": draw.normal(size=N_ROWS) for index in range(N_COLUMNS)})
    frame["a"] = frame["x0"] + draw.normal(size=N_ROWS)
    frame["b"] = frame["x1"] > 0
    frame.to_parquet(tmp_path / "large.parquet", row_group_size=50_000)
    frame.head(20_000).to_parquet(tmp_path / "small.parquet", row_group_size=5000)
    files = [str(tmp_path / name) for name in ("large.parquet", "small.parquet", "out.parquet")]
    found = subprocess.run([sys.executable, "-c", FIT, *files], check=True, stdout=subprocess.PIPE, text=True)
    more = json.loads(found.stdout)
    kept = N_ROWS * 4 * (N_COLUMNS + 2 + 1)  # numbers, targets, places: 14 MB
    most = 3 * kept + 100 * 2**20  # 141 MB; where the table is read at once, it is more
    assert more["fit"] < most
    assert more["all"] < most

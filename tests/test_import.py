"""Importing polytask stays light."""

import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from tests.forks import Forks

import polytask
from polytask.data.tables.table import fingerprint
from polytask.encoders import HashedText
from polytask.encoders.text import token_ids

SAVED = Path(__file__).parent / "models" / "written_before"
HEAVY = ("torch", "pandas", "sklearn", "scipy", "torchmetrics", "lightning_fabric", "matplotlib", "torchjd")
HEAVY += ("fastapi", "starlette", "uvicorn", "prometheus_client")


def _imported(code: str) -> set[str]:
    """Return which heavy packages a fresh process has imported after running code."""
    shown = (
        f"{code}\nimport json, sys; print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", shown], capture_output=True, text=True, check=True
    )
    return set(json.loads(ended.stdout.strip().splitlines()[-1]))


_TOLD = f"\nimport sys; told = [name for name in {HEAVY!r} if name in sys.modules]"


def test_importing_polytask_and_its_rooms_imports_nothing_heavy():
    rooms = (
        "checks, compare, core, data, datasets, encoders, estimators, evaluate, meta, models, relate, "
        "report, serve"
    )
    assert _imported(f"from polytask import {rooms}, architectures, balancing, execution") == set()


def test_the_command_and_its_help_import_nothing_heavy():
    assert _imported("import polytask.cli") == set()
    code = """
from typer.main import get_command
from typer.testing import CliRunner
from polytask.cli import app
for words in ([], *([name] for name in get_command(app).commands)):
    assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0
"""
    assert _imported(code) == set()


def test_loading_and_predicting_import_no_trainer_no_metrics_and_no_other_learner(forked: Forks):
    code = f"""
import sys
from pathlib import Path
import numpy as np
from polytask.models import FewShotModel, TableModel, load
needless = ("sklearn", "torchmetrics", "lightning_fabric", "matplotlib", "scipy")
assert not [name for name in needless if name in sys.modules]
folder = Path({str(SAVED)!r})
load(folder / "table").predict(folder / "table_rows.csv")
load(folder / "prototypes_adapted").predict(np.load(folder / "images.npy"))
strange = ["scipy.stats", "scipy.optimize", "torch._dynamo", "polytask.train", "polytask.evaluate"]
strange += ["polytask.execution", "polytask.estimators", "polytask.meta.initialization.maml"]
assert not [name for name in strange if name in sys.modules]
"""
    assert forked(code + _TOLD) == ["torch", "pandas"]


def test_adapting_and_predicting_import_what_they_need_and_no_more(forked: Forks, tmp_path: Path):
    image = pytest.importorskip("PIL.Image")
    for label, box in (("bar", (2, 12, 26, 16)), ("post", (12, 2, 16, 26))):
        (tmp_path / "support" / label).mkdir(parents=True)
        for shift in range(2):
            picture = image.new("L", (28, 28), 255)
            picture.paste(0, tuple(side + shift for side in box))
            picture.save(tmp_path / "support" / label / f"{shift}.png")
    words = ["adapt", "support", "-o", "model", "--encoder", "drawings"]
    code = f"""
import os, sys
from typer.testing import CliRunner
from polytask.cli import app
os.chdir({str(tmp_path)!r})
result = CliRunner().invoke(app, {words!r})
assert result.exit_code == 0, result.output
strange = ["polytask.train", "lightning_fabric", "torch._dynamo", "polytask.fitting", "matplotlib", "sklearn"]
strange += ["polytask.models.table_model", "polytask.models.few_shot_model"]
assert not [name for name in strange if name in sys.modules]
"""
    assert forked(code + _TOLD) == ["torch", "pandas", "scipy"]
    assert "<svg" in (tmp_path / "model" / "report.html").read_text(encoding="utf-8")
    words = ["predict", "model", "support/bar/0.png", "-o", "answers.csv"]
    code = f"""
import os, sys
from typer.testing import CliRunner
from polytask.cli import app
os.chdir({str(tmp_path)!r})
result = CliRunner().invoke(app, {words!r})
assert result.exit_code == 0, result.output
strange = ["polytask.models.table_model", "polytask.models.few_shot_model", "polytask.fitting"]
strange += ["polytask.train", "PIL.TgaImagePlugin", "tokenizers", "polytask.encoders.pretrained.minilm"]
assert not [name for name in strange if name in sys.modules]
"""
    assert forked(code + _TOLD) == ["torch", "pandas"]


def test_encoders_import_no_pretrained_package(forked: Forks):
    code = "import sys, polytask.encoders.pretrained_text, polytask.encoders.pretrained_image\n"
    code += "told = [n for n in ('sentence_transformers', 'transformers', 'timm') if n in sys.modules]"
    assert forked(code) == []


def test_texts_and_tables_become_the_same_numbers_in_another_process(forked: Forks):
    code = """
import pandas as pd
from polytask.data.tables.table import fingerprint
from polytask.encoders import HashedText
from polytask.encoders.text import token_ids
encoder = HashedText(["a b", "a c"])
told = [
    token_ids(["Ein Wort, zwei"]).tolist(),
    [encoder.fingerprint, encoder.encode(["a b c"]).tolist()],
    fingerprint(pd.DataFrame({"a": [1.5, None], "b": ["x", None]})),
    hash("a"),
]
"""
    encoder = HashedText(["a b", "a c"])
    tokens, vectors, mark, text = forked(code)
    assert tokens == token_ids(["Ein Wort, zwei"]).tolist()
    assert vectors == [encoder.fingerprint, encoder.encode(["a b c"]).tolist()]
    assert mark == fingerprint(pd.DataFrame({"a": [1.5, None], "b": ["x", None]}))
    assert text != hash("a"), "what hangs on the hashes of texts would go unseen"


def test_every_promised_name_exists():
    assert all(hasattr(polytask, name) for name in polytask.__all__)


def test_every_room_is_an_attribute_of_the_package():
    rooms = {name for _, name, is_room in pkgutil.iter_modules(polytask.__path__) if is_room} - {"cli"}
    assert {name for name in rooms if getattr(polytask, name) is sys.modules[f"polytask.{name}"]} == rooms
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        polytask.__getattr__("nothing")


def test_train_can_be_called_after_its_room_was_imported():
    import polytask
    import polytask.train

    with pytest.raises(TypeError, match="learner"):
        polytask.train()

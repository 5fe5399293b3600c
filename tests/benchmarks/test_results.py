"""Every result says what is needed to judge it and to do it again, and one writer writes them all."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FILES = sorted(
    file for folder in ("quality", "speed") for file in BENCHMARKS.glob(f"{folder}/results/*.json")
)


def test_a_record_has_all_that_is_asked(results: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    results.write_results(path, setting={"steps": 3}, figures={"a": 1}, seed=range(2), split="by rows")
    written = json.loads(path.read_text())
    (record,) = written["recorded"]
    assert (written["setting"], written["figures"]) == ({"steps": 3}, {"a": 1})
    assert (record["figures"], record["seed"], record["split"]) == (["a"], [0, 1], "by rows")
    assert record["versions"].keys() == {"python", "polytask", "torch", "numpy", "scikit-learn"}
    assert record["hardware"].keys() == {"processor", "instruction set", "cores", "threads"}
    assert re.fullmatch(r"[0-9a-f]{40}( and changes)?|unknown", record["commit"])
    files = results.unfolded(record["modules"]["files"])
    assert "src/polytask/core/files.py" in files
    assert record["modules"]["sha256"] == results.hash_of(files)


def test_the_processors_are_those_that_the_process_may_use(
    results: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5}, raising=False)
    path = tmp_path / "one.json"
    results.write_results(path, setting={}, figures={"a": 1}, seed=0, split="none")
    assert json.loads(path.read_text())["recorded"][0]["hardware"]["cores"] == 1


def test_what_stays_keeps_its_record_and_what_is_new_gets_one(results: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    old = {"figures": "all", "note": results.BEFORE}
    path.write_text(json.dumps({"setting": {}, "figures": {"a": 1, "b": 2}, "recorded": [old]}))
    results.write_results(path, setting={}, figures={"a": 1, "b": 3, "c": 4}, seed=0, split="none")
    first, second = json.loads(path.read_text())["recorded"]
    assert first == {"figures": ["a"], "note": results.BEFORE}
    assert second["figures"] == ["b", "c"]


def test_the_hash_changes_with_the_code_and_is_none_without_it(results: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("x = 1\n")
    before = results.hash_of(["one.py"], tmp_path)
    (tmp_path / "one.py").write_text("x = 2\n")
    assert before != results.hash_of(["one.py"], tmp_path)
    assert results.hash_of(["one.py", "gone.py"], tmp_path) is None


def test_processes_that_a_benchmark_starts_tell_their_modules(
    results: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(results.MODULES_FOLDER, str(tmp_path))
    child = "import results; import polytask.core.watching"
    environment = {**os.environ, "PYTHONPATH": f"{BENCHMARKS / 'quality'}:{BENCHMARKS.parent / 'src'}"}
    subprocess.run([sys.executable, "-c", child], check=True, env=environment)
    assert "src/polytask/core/watching.py" in results.modules_that_ran()


def test_folding_keeps_every_name(results: ModuleType) -> None:
    files = ["benchmarks/speed/meta.py", "src/polytask/core/a.py", "src/polytask/core/b.py"]
    assert results.unfolded(results._folded(files)) == files


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_figure_of_a_file_has_a_record(file: Path, results: ModuleType) -> None:
    content = json.loads(file.read_text("utf-8"))
    assert content.keys() == {"setting", "figures", "recorded"}
    named = [
        name
        for record in content["recorded"]
        for name in (content["figures"] if record["figures"] == "all" else record["figures"])
    ]
    assert sorted(named) == sorted(content["figures"])
    for record in content["recorded"]:
        assert record.get("note") == results.BEFORE or {"seed", "split", "commit", "modules"} <= record.keys()


def test_no_script_writes_results_by_itself() -> None:
    scripts = [*BENCHMARKS.glob("quality/*.py"), *BENCHMARKS.glob("speed/*.py")]
    own = re.compile(r"(RESULTS?|output)\S*\.(write_text|write_bytes|open)|json\.dump\(")
    assert [file.name for file in scripts if own.search(file.read_text("utf-8"))] == []

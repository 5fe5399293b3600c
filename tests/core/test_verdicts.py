"""The catalogues say what each method was worth in our comparisons."""

import json
from pathlib import Path

import pytest

from polytask.balancing.catalogue import balancer_entries
from polytask.core import verdicts
from polytask.core.verdicts import method_verdict
from polytask.meta.catalogue import learner_entries


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def write(content: dict) -> None:
        path = tmp_path / "verdicts.json"
        path.write_text(json.dumps(content))
        monkeypatch.setattr(verdicts, "VERDICTS_FILE", path)
        verdicts._verdicts.cache_clear()

    yield write
    monkeypatch.undo()
    verdicts._verdicts.cache_clear()


def one(verdict: str, gain: str | None = None) -> dict[str, str]:
    return {"verdict": verdict} | ({} if gain is None else {"gain": gain})


def test_a_method_that_never_pays_says_so(written):
    sets = {"a": one("worse", "-2.1 ± 0.3"), "b": one("no clear difference", "0.1 ± 1.0"), "c": one("failed")}
    written({"balancing": {"mgda": {"sets": sets, "time": 1.534}}})
    assert method_verdict("balancing", "mgda") == (
        "never clearly better: worse on a (-2.1 ± 0.3 %); no clear difference on b; diverged on c; "
        "1.53x the time"
    )
    assert method_verdict("balancing", "mgda", short=True) == "worse on a; diverged on c; 1.53x the time"


def test_a_method_that_pays_says_where(written):
    sets = {"a": one("better", "2.1 ± 0.3"), "b": one("no clear difference", "0.1 ± 1.0")}
    written({"architecture": {"ple": {"sets": sets, "time": 2}}})
    told = method_verdict("architecture", "ple")
    assert told == "better on a (2.1 ± 0.3 %); no clear difference on b; 2x the time"
    assert method_verdict("architecture", "mmoe") == method_verdict("balancing", "ple") == ""


def test_every_learner_that_takes_part_is_told_beside_prototypes_and_pixels():
    told = {name: entry.verdict for name, entry in learner_entries().items()}
    assert all("prototypes" in text and "pixels" in text for text in told.values() if text)
    assert told["maml"] and told["prototypes"]


def test_what_is_stored_belongs_to_methods_that_exist():
    stored = json.loads(verdicts.VERDICTS_FILE.read_text())
    assert set(stored["balancing"]) <= set(balancer_entries())
    assert set(stored["learner"]) <= set(learner_entries())

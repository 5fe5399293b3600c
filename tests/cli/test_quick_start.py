"""A command starts and ends without searches for garbage."""

import json
import os
import subprocess
import sys

import pytest


@pytest.fixture
def torch_of_lists(tmp_path, monkeypatch):
    """A torch that makes as many objects as the real one, and takes no seconds."""
    (tmp_path / "torch.py").write_text("objects = [[] for _ in range(100_000)]")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")


def _printed(code: str) -> dict[str, int]:
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(ended.stdout.strip().splitlines()[-1])


def test_nothing_is_searched_for_garbage_while_torch_is_imported_and_it_goes_on_afterwards(torch_of_lists):
    code = """
import gc, json, sys
from polytask.cli.quick_start import quick_imports
searches = []
gc.callbacks.append(lambda phase, facts: searches.append(phase))
before = len(searches)
with quick_imports():
    import torch
during, frozen = len(searches) - before, gc.get_freeze_count()
with quick_imports():  # torch is there: nothing to do
    kept = gc.isenabled()
cycles = [[] for _ in range(10_000)]
print(json.dumps({"during": during, "frozen": frozen, "on": gc.isenabled() and kept, "after": len(searches)}))
"""
    found = _printed(code)
    assert found["during"] == 0 and found["on"] and found["after"] > 0
    assert found["frozen"] > 50_000


def test_a_search_that_the_caller_has_stopped_stays_stopped(torch_of_lists):
    code = """
import gc, json
from polytask.cli.quick_start import quick_imports
gc.disable()
with quick_imports():
    import torch
print(json.dumps({"on": gc.isenabled(), "frozen": gc.get_freeze_count()}))
"""
    assert _printed(code) == {"on": False, "frozen": 0}


def test_the_command_leaves_its_objects_to_the_end_of_the_process_and_what_waits_for_it_runs():
    code = """
import atexit, gc, json, sys
from polytask.cli import main
atexit.register(lambda: print(json.dumps({"frozen": gc.get_freeze_count()})))
sys.argv = ["polytask", "--help"]
main()
"""
    assert _printed(code)["frozen"] > 1_000

"""A process that has imported torch and pandas, which takes seconds, and runs code in copies of itself."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_TEMPLATE = """
import json, os, sys, traceback
import pandas, torch
for line in sys.stdin:
    if not os.fork():
        names = {"__name__": "__main__"}
        try:
            exec(json.loads(line), names)
            told = {"told": names.get("told")}
        except BaseException:
            told = {"error": traceback.format_exc()}
        print(json.dumps(told), flush=True)
        os._exit(0)
    os.wait()
"""


class Forks:
    """Runs code where nothing but torch and pandas has been imported.

    Args:
        process: What copies itself.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def __call__(self, code: str) -> object:
        """Return what the code calls ``told``."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(code) + "\n")
        self.process.stdin.flush()
        found = json.loads(self.process.stdout.readline())
        assert "error" not in found, found["error"]
        return found["told"]


@contextmanager
def forks() -> Iterator[Forks]:
    """Have such a process inside the block; its texts have other hashes than those of this one."""
    filters = ["-W", "error", "-W", "ignore:This process"]  # has threads, of libraries, as it is forked
    with subprocess.Popen(
        [sys.executable, *filters, "-c", _TEMPLATE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    ) as process:
        yield Forks(process)
        assert process.stdin is not None
        process.stdin.close()

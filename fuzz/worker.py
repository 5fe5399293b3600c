"""One process of the fuzz run: tries seeds one after the other and prints a line of JSON for each."""

import importlib
import json
import resource
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

from polytask import PolytaskError

__all__ = ["outcome"]


def outcome(module: str, seed: int) -> dict[str, object]:
    """Try one case.

    Args:
        module: The generator's name, e.g. ``"tables"``.
        seed: Decides the case.

    Returns:
        ``seed``; ``case``, a few words on it; ``fault``, the traceback of a foreign exception or None.
    """
    attempt = importlib.import_module(f"fuzz.{module}").attempt
    with tempfile.TemporaryDirectory(prefix="fuzz.") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return {"seed": seed, "case": attempt(seed, Path(folder)), "fault": None}
        except PolytaskError as error:
            return {"seed": seed, "case": f"refused: {error}"[:300], "fault": None}
        except Exception:  # noqa: BLE001 - every foreign exception is what is looked for
            return {"seed": seed, "case": "fault", "fault": traceback.format_exc()}


def _main() -> None:
    module, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for seed in range(first, last):
        found = outcome(module, seed)
        found["mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()

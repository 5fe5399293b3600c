"""Says which public names and entries of catalogues a built site lacks; run at the end of `make docs`.

Looks at what Sphinx wrote down, the site's inventory, and at nothing that the pages were made from: a name
that a page should describe and does not, is missing there.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

sys.path.insert(0, str(Path(__file__).parents[1]))

from sphinx.util.inventory import InventoryFile

from _ext.public import public_names, rooms
from polytask.architectures import architecture_names
from polytask.balancing import balancer_names
from polytask.balancing.engines import EngineName
from polytask.compare import candidate_names
from polytask.datasets import DATASETS
from polytask.encoders.frozen_choice import FROZEN_ENCODERS
from polytask.execution import ExecutionName
from polytask.meta import learner_names
from polytask.meta.heads import HEADS

__all__ = ["missing", "registered"]


def registered() -> Iterator[str]:
    """Yield the label of every entry of a catalogue, such as ``balancer-pcgrad``."""
    kinds = {
        "balancer": balancer_names(),
        "architecture": architecture_names(),
        "learner": learner_names(),
        "engine": get_args(EngineName),
        "execution": get_args(ExecutionName),
        "head": tuple(HEADS),
        "encoder": tuple(FROZEN_ENCODERS),
        "candidate": candidate_names(),
        "dataset": tuple(DATASETS),
    }
    for kind, names in kinds.items():
        yield from (f"{kind}-{name}" for name in names)


def missing(site: Path) -> list[str]:
    """Return what a built site lacks, a line each.

    Args:
        site: The folder with ``objects.inv``.
    """
    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="").data
    described = {name for kind, names in inventory.items() if kind.startswith("py:") for name in names}
    labels = set(inventory.get("std:label", {}))
    lacking = [f"public name {public.full}" for public in public_names() if public.full not in described]
    lacking += [f"room {room}" for room in rooms() if room not in described]
    lacking += [f"entry {label}" for label in registered() if label not in labels]
    pages = {entry.uri.partition("#")[0] for names in inventory.values() for entry in names.values()}
    return lacking + [f"page {page}" for page in sorted(pages) if page and not (site / page).is_file()]


def main() -> None:
    """Print what is missing; end with exit code 1 if anything is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path, nargs="?", default=Path("site"))
    lacking = missing(parser.parse_args().site)
    n_names, n_entries = len(public_names()), len(list(registered()))
    print(f"{n_names} public names and {n_entries} entries of catalogues; missing: {len(lacking)}")
    print("\n".join(lacking))
    raise SystemExit(bool(lacking))


if __name__ == "__main__":
    main()

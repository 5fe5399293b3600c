"""What can be said of a method in a few lines, from its catalogue's entry and by building it."""

from collections.abc import Callable
from statistics import median

from torch import nn

from _ext.method_groups import Method
from _ext.rows import benchmark_rows
from polytask.architectures.entry import ArchitectureEntry, TablePlan
from polytask.balancing.balancer import BalancerEntry
from polytask.core import seeded
from polytask.meta.entry import LearnerEntry
from polytask.meta.image_task import ImageTask

__all__ = ["Facts", "balancer_facts", "learner_facts", "sharing_facts"]

Facts = list[tuple[str, str]]
LOOKS_AT = {
    "nothing": ("nothing of the step", "none"),
    "losses": ("the losses", "none beside the plain step"),
    "gramian": (
        "the inner products of the tasks' gradients",
        "those of the :doc:`engine </methods/engines>`: with 40 tasks {features} times a plain step at the "
        "features, {exact} times exactly (a backward pass for each task: {loop} times)",
    ),
    "cross": (
        "the inner products of the gradients of two independent halves of the batch",
        "two backward passes for each task",
    ),
    "jacobian": (
        "the gradient of each task, coordinate by coordinate",
        "a backward pass for each task, and memory for all gradients: with 40 tasks "
        "{loop} times a plain step",
    ),
    "validation": (
        "the losses and gradients on validation examples",
        "further forward and backward passes on them",
    ),
}
"""What a balancer looks at, and what that costs."""
PREDICTS = {
    True: "transductively: a query's prediction depends on the other queries",
    False: "inductively: each query by itself",
}
CLASSES = {True: "of as many classes as it was built for", False: "of any number of classes"}
PLAN = TablePlan(names=("a", "b", "c", "d"), n_features=20)
IMAGES = ImageTask(n_way=5)


def balancer_facts(method: Method) -> Facts:
    """Return what there is to say of a balancer."""
    entries: list[BalancerEntry] = list(method.entries.values())
    needs = entries[0].needs if entries else method.owner.needs  # type: ignore[attr-defined]
    sight, cost = LOOKS_AT[needs]
    facts = _names(method, 'polytask.fit(..., balancing="{}")')
    facts += [("looks at", sight), ("cost beside the method's own", cost.format(**_engine_times()))]
    if entries:
        signed = any(entry.signed for entry in entries)
        agreeing = (
            "an objective may go up even where all gradients agree" if signed else "no objective goes up"
        )
        facts += [
            ("where all gradients agree", agreeing),
            _verdict(entries[0]),
            ("paper", entries[0].reference),
        ]
    return facts


def sharing_facts(method: Method) -> Facts:
    """Return what there is to say of an architecture."""
    entries: list[ArchitectureEntry] = list(method.entries.values())
    facts = _names(method, 'polytask.fit(..., architecture="{}")')
    if entries:
        entry = entries[0]
        ours, hard = (_parameters(lambda one=one: one.build(PLAN)) for one in (entry, _hard()))
        facts += [
            ("shares", entry.summary),
            ("parameters", f"{ours:,}, {ours / hard:.1f} times hard sharing ({hard:,}): four tasks, 20 "
             "columns, two layers of 64"),
            ("settings of its own", ", ".join(f"``{name}``" for name in entry.uses) or "none"),
            _verdict(entry),
            ("paper", entry.reference),
        ]  # fmt: skip
    return facts


def learner_facts(method: Method) -> Facts:
    """Return what there is to say of a few-shot learner."""
    entries: list[LearnerEntry] = list(method.entries.values())
    facts = _names(method, 'polytask.learn(..., learner="{}")')
    facts.append(("learns across tasks", f"{method.family}"))
    if entries:
        entry = entries[0]
        whole = _parameters(lambda: entry.build(IMAGES))
        encoder = _parameters(IMAGES.encoder)
        facts += [
            ("predicts", PREDICTS[entry.transductive]),
            ("new tasks", CLASSES[entry.fixed_way]),
            ("is trained", _training(entry)),
            ("inner settings", ", ".join(f"``{name}``" for name in entry.inner) or "none: no gradient steps"),
            ("parameters", f"{whole:,}, of which the encoder {encoder:,} (Conv4 of width 64, 5 classes)"),
            _verdict(entry),
            ("paper", entry.reference),
        ]  # fmt: skip
    return facts


def _verdict(entry: BalancerEntry | ArchitectureEntry | LearnerEntry) -> tuple[str, str]:
    return "in our comparison of all", entry.verdict or "not in it"


def _training(entry: LearnerEntry) -> str:
    if entry.pretraining_head:
        return "as a classifier of all known classes"
    if entry.fixed_way:
        return "by episodes of the size of its tasks"
    return f"by episodes of {entry.train_way} classes, where nothing else is asked"


def _names(method: Method, call: str) -> Facts:
    if not method.entries:
        return [("by name", f"none; import ``{method.canonical}``")]
    return [("by name", ", ".join(f"``{call.format(name)}``" for name in method.entries))]


def _hard() -> ArchitectureEntry:
    from polytask.architectures.catalogue import architecture_entry

    return architecture_entry("hard")


def _parameters(build: Callable[[], nn.Module]) -> int:
    with seeded(0):
        return sum(parameter.numel() for parameter in build().parameters())


def _engine_times() -> dict[str, str]:
    """Return how many times a plain step each engine takes with 40 tasks, the median over networks."""
    times = {}
    for engine in ("features", "exact", "loop"):
        rows = benchmark_rows()[f"engine {engine}"]
        found = [float(row.figure.split(";")[0]) for row in rows if "40 tasks" in row.benchmark]
        times[engine] = f"{median(found):.1f}"
    return times

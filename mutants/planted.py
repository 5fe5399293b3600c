"""Mistakes by hand that once survived all tests."""

from pathlib import Path

from mutants.sample import SOURCE, Mutant, functions

__all__ = ["planted"]

# What goes wrong, in which function, and the piece of code that is exchanged.
_MISTAKES: list[tuple[str, str, str, str]] = [
    (
        "FAMO is told the losses from before the update",
        "Step._decide",
        "self._parts(drawn).losses()",
        "torch.tensor(list(balance.losses.values()))",
    ),
    (
        "the balancer's own parameters are never optimized",
        "train",
        "for module in (learner, balancer)",
        "for module in (learner,)",
    ),
    (
        "buffers move in the wrong run of a part",
        "Accumulation.run",
        "contextlib.nullcontext() if last else",
        "contextlib.nullcontext() if not last else",
    ),
    (
        "ProtoMAML ignores the mask of labels",
        "_prototypes",
        "membership(task, support).to(features.dtype)",
        "functional.one_hot(support.targets[task.name], task.n_outputs).to(features.dtype)",
    ),
    (
        "MAML++ uses the rates of step 0 in all steps",
        "LearnedRates.forward",
        "min(step.index, len(rate) - 1)",
        "0",
    ),
    (
        "conjugate gradients are one iteration short",
        "conjugate_gradient",
        "range(n_iterations)",
        "range(n_iterations - 1)",
    ),
    (
        "buffers move in the wrong run of a step in parts",
        "Accumulation.run",
        "if last else",
        "if not last else",
    ),
    (
        "all parts of a step have the same dropout",
        "Step._work.part",
        "self.run.seed_step(index)",
        "self.run.seed_step()",
    ),
    ("Krum counts a neighbour too many", "Krum.forward", "self.n_outliers - 2", "self.n_outliers - 1"),
    (
        "soft sharing has its penalty in evaluation too",
        "SoftSharing.forward",
        "self._penalty() if self.training else None",
        "self._penalty()",
    ),
    (
        "the whole step goes on with the random numbers that drew it",
        "Step._work",
        "            if half is None:  # halves",
        "            if False:  # halves",
    ),
]


def planted() -> list[Mutant]:
    """Return the mistakes by hand.

    Raises:
        LookupError: A function or its piece of code is not there any more: write the mistake anew.
    """
    files = {path: functions(path) for path in sorted(SOURCE.rglob("*.py"))}
    return [_mutant(files, *mistake) for mistake in _MISTAKES]


def _mutant(
    files: dict[Path, dict[str, tuple[int, int]]], what: str, function: str, old: str, new: str
) -> Mutant:
    for path, spans in files.items():
        if function not in spans:
            continue
        lines = path.read_text().splitlines(keepends=True)
        first, last = spans[function]
        body = "".join(lines[first - 1 : last])
        if body.count(old) == 1:
            code = "".join(lines[: first - 1]) + body.replace(old, new) + "".join(lines[last:])
            line = first + body[: body.index(old)].count("\n")
            return Mutant(
                key=f"by hand: {what}", room="by hand", path=path, function=function, code=code, line=line,
                change=f"{old}  ->  {new}",
            )  # fmt: skip
    raise LookupError(
        f"{function} with `{old}`, where {what}, is not there any more; write the mistake anew."
    )

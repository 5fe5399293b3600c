"""Places where an operator of cosmic-ray can plant a mistake, drawn by seed, as many from every room."""

import ast
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import parso  # before cosmic-ray, which imports parts of it in a circle
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators import boolean_replacer, break_continue, number_replacer, zero_iteration_for_loop
from cosmic_ray.operators.binary_operator_replacement import operators as binary_operators
from cosmic_ray.operators.comparison_operator_replacement import operators as comparison_operators
from cosmic_ray.operators.operator import Operator
from cosmic_ray.operators.unary_operator_replacement import operators as unary_operators

__all__ = ["SOURCE", "Mutant", "functions", "sampled"]

SOURCE = Path("src/polytask")

# Of the pairs of operators those that a hand could confuse. The others mostly end in a TypeError at once, or
# change nothing (`is` for `==` between small numbers, `<=` for `==` between words).
_PAIRS = {
    "Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "Mul_Add", "Add_Mul", "FloorDiv_Div", "Mod_FloorDiv",
    "Pow_Mul", "BitAnd_BitOr", "BitOr_BitAnd", "Eq_NotEq", "NotEq_Eq", "Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt",
    "Lt_Gt", "Gt_Lt", "LtE_GtE", "GtE_LtE", "Is_IsNot", "IsNot_Is", "In_NotIn", "NotIn_In",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A mistake in one function.

    Args:
        key: Names it in lists: qualified name, operator, the line's text, and which of several.
        room: The part of the package that it is in.
        path: The file.
        function: The function's qualified name.
        code: The whole file with the mistake.
        line: The line's number.
        change: The line before and after.
    """

    key: str
    room: str
    path: Path
    function: str
    code: str
    line: int
    change: str


def sampled(n_per_room: int, *, seed: int = 0, rooms: list[str] | None = None) -> list[Mutant]:
    """Draw mutants.

    Args:
        n_per_room: How many from every room; fewer where a room has fewer.
        seed: Decides the draw; the draw of more has that of fewer in it.
        rooms: These rooms only.
    """
    by_room: dict[str, list[tuple[str, str, Path, str, type[Operator], int, int]]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        if room in ("__init__", "__main__", "version") or (rooms and room not in rooms):
            continue
        for key, function, operator, occurrence, line in _places(path):
            rank = hashlib.sha256(f"{seed} {key}".encode()).hexdigest()
            by_room.setdefault(room, []).append((rank, key, path, function, operator, occurrence, line))
    drawn: list[Mutant] = []
    for room, places in sorted(by_room.items()):
        drawn_here: list[Mutant] = []
        for _, key, path, function, operator, occurrence, line in sorted(places, key=lambda place: place[0]):
            if len(drawn_here) == n_per_room:
                break
            if mutant := _planted(key, room, path, function, operator, occurrence, line):
                drawn_here.append(mutant)
        drawn += drawn_here
    return drawn


def functions(path: Path) -> dict[str, tuple[int, int]]:
    """Return the first and last line of every function's body in a file, by qualified name."""
    spans: dict[str, tuple[int, int]] = {}

    def visit(node: ast.AST, names: tuple[str, ...]) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = (*names, child.name)
                if not isinstance(child, ast.ClassDef):
                    body = child.body[1:] if ast.get_docstring(child) and len(child.body) > 1 else child.body
                    spans[".".join(inner)] = (body[0].lineno, child.end_lineno or body[-1].lineno)
                visit(child, inner)
            else:
                visit(child, names)

    visit(ast.parse(path.read_text()), ())
    return spans


def _places(path: Path) -> Iterator[tuple[str, str, type[Operator], int, int]]:
    """Yield the key, function, operator, occurrence and line of every place in a file."""
    lines, spans = path.read_text().splitlines(), functions(path)
    seen: Counter[str] = Counter()
    tree = parso.parse(path.read_text())
    operators = [(operator, operator()) for operator in _operators()]
    counts: Counter[type[Operator]] = Counter()
    stack = [tree]
    while (
        stack
    ):  # in the order in which cosmic-ray counts: a node before its children, children from the left
        node = stack.pop()
        for operator, instance in operators:
            positions: Iterable[Any] = cast(Any, instance).mutation_positions(node) or ()
            for (line, _), _ in positions:
                occurrence, counts[operator] = counts[operator], counts[operator] + 1
                inside = [name for name, (first, last) in spans.items() if first <= line <= last]
                if not inside or "raise " in lines[line - 1]:
                    continue
                function = max(inside, key=lambda name: spans[name][0])
                key = f"{function} | {operator.__name__} | {lines[line - 1].strip()}"
                seen[key] += 1
                yield f"{key} | {seen[key]}", function, operator, occurrence, line
        stack.extend(reversed(getattr(node, "children", [])))


def _operators() -> list[type[Operator]]:
    pairs = [*binary_operators(), *comparison_operators()]
    chosen = [pair for pair in pairs if pair.__name__.split("Operator_", 1)[1] in _PAIRS]
    chosen += unary_operators()
    chosen += [
        boolean_replacer.AddNot, boolean_replacer.ReplaceTrueWithFalse, boolean_replacer.ReplaceFalseWithTrue,
        boolean_replacer.ReplaceAndWithOr, boolean_replacer.ReplaceOrWithAnd,
        break_continue.ReplaceBreakWithContinue, break_continue.ReplaceContinueWithBreak,
        number_replacer.NumberReplacer, zero_iteration_for_loop.ZeroIterationForLoop,
    ]  # fmt: skip
    return chosen


def _planted(
    key: str, room: str, path: Path, function: str, operator: type[Operator], occurrence: int, line: int
) -> Mutant | None:
    """Plant the mistake; None where it is in an annotation, or is no Python."""
    before = path.read_text()
    after = mutate_code(before, operator(), occurrence)
    if after is None or _meaning(after) in (None, _meaning(before)):
        return None
    old, new = before.splitlines()[line - 1].strip(), after.splitlines()[line - 1].strip()
    return Mutant(
        key=key, room=room, path=path, function=function, code=after, line=line, change=f"{old}  ->  {new}"
    )


def _meaning(code: str) -> str | None:
    """Return the program without its annotations."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(value=None)
    return ast.dump(tree)

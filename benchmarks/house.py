"""How the house is built: files, lines, names, imports, and how many files the two basic journeys touch.

    python benchmarks/house.py                 # this checkout
    python benchmarks/house.py --root ../other # another one, of any age

Prints Markdown. A room is what lies directly under ``src/polytask``. Its exported names are those of its
``__all__``; what packages within it list, as `polytask.balancing.methods` does, is counted apart. An
import is one file that imports another at runtime, wherever in the file; `from room import Name` is an
import of the file that defines the name. A chain is a path of imports that are at the top of their
files, counted in files. The two journeys are run in a process of their own with that checkout's sources,
after the same step has been done once; what the first step passes besides, as it measures, is given in
brackets.
"""

import argparse
import ast
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve()


@dataclass
class Source:
    """A file of the package, read."""

    name: str
    """Dotted; a package has the name of its folder."""
    room: str
    lines: int
    tree: ast.Module
    is_package: bool
    arrows: set[str] = field(default_factory=set)
    """Files imported anywhere in it."""
    early: set[str] = field(default_factory=set)
    """Files imported when it is imported."""


def read_sources(package: Path) -> dict[str, Source]:
    """Return the files of a package by dotted name."""
    sources = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        room = path.relative_to(package).with_suffix("").parts[0]
        text = path.read_text()
        top = len(parts) == 2 and room in ("__init__", "__main__", "version")
        tree = ast.parse(text)
        sources[name] = Source(name, "(top)" if top else room, len(text.splitlines()), tree, is_package)
    return sources


# Names


def exported(package: Path, folder: Path) -> list[str]:
    """Return ``__all__`` of a folder, from its stub where it has one; no rooms, no dunder names."""
    for file in (folder / "__init__.pyi", folder / "__init__.py"):
        if file.is_file():
            names = listed(ast.parse(file.read_text()))
            return [
                name
                for name in names
                if not (name.startswith("__") or (package / name / "__init__.py").is_file())
            ]
    return []


def within_packages(package: Path, folder: Path) -> set[str]:
    """Return what the packages within a room list besides, as its methods."""
    lists = (exported(package, file.parent) for file in folder.rglob("__init__.py") if file.parent != folder)
    return set().union(*lists) - set(exported(package, folder))


def listed(tree: ast.Module) -> list[str]:
    """Return the strings of ``__all__``."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets
        ):
            return [
                leaf.value
                for leaf in ast.walk(node.value)
                if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
            ]
    return []


# Imports


def link(sources: dict[str, Source], package: Path) -> None:
    """Fill in the arrows of every file."""
    re_exports = {
        name: re_exported(name, sources, package) for name, source in sources.items() if source.is_package
    }
    for source in sources.values():
        typing_only = {
            id(leaf) for node in ast.walk(source.tree) if is_typing_block(node) for leaf in ast.walk(node)
        }
        late = {
            id(leaf)
            for node in ast.walk(source.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for leaf in ast.walk(node)
        }
        for node in ast.walk(source.tree):
            if id(node) in typing_only or not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            for target in targets(node, source, sources, re_exports):
                if target != source.name:
                    source.arrows.add(target)
                    if id(node) not in late:
                        source.early.add(target)


def is_typing_block(node: ast.AST) -> bool:
    """Whether this is ``if TYPE_CHECKING:``."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def re_exported(name: str, sources: dict[str, Source], package: Path) -> dict[str, tuple[str, str]]:
    """Return module and name of what a package passes on from its files, by the name it has there."""
    stub = package.parent.joinpath(*name.split("."), "__init__.pyi")
    tree = ast.parse(stub.read_text()) if stub.is_file() else sources[name].tree
    passed = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = absolute(node, name)
            for alias in node.names:
                passed[alias.asname or alias.name] = (module, alias.name)
    return passed


def absolute(node: ast.ImportFrom, package: str) -> str:
    """Return the module that is imported from; ``package`` is where a relative import starts."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, *([node.module] if node.module else [])])


def targets(
    node: ast.Import | ast.ImportFrom,
    source: Source,
    sources: dict[str, Source],
    re_exports: dict[str, dict[str, tuple[str, str]]],
) -> set[str]:
    """Return the files that a statement imports."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names if alias.name in sources}
    package = source.name if source.is_package else source.name.rpartition(".")[0]
    module = absolute(node, package)
    if module not in sources:
        return set()
    return {defining(module, alias.name, sources, re_exports) for alias in node.names}


def defining(
    module: str, name: str, sources: dict[str, Source], re_exports: dict[str, dict[str, tuple[str, str]]]
) -> str:
    """Return the file that a name comes from, through the packages that pass it on."""
    for _ in range(20):
        if f"{module}.{name}" in sources:
            return f"{module}.{name}"
        step = re_exports.get(module, {}).get(name)
        if step is None or step[0] not in sources:
            return module
        module, name = step
    return module


def longest(graph: dict[str, set[str]]) -> tuple[int, list[str]]:
    """Return how many files the longest chain has, and one such chain; a cycle is an error."""
    best: dict[str, list[str]] = {}
    for start in graph:
        if start in best:
            continue
        stack, open_now = [(start, iter(sorted(graph[start])))], {start}
        while stack:
            name, rest = stack[-1]
            for following in rest:
                if following in open_now:
                    raise SystemExit(f"An import cycle through {name} and {following}.")
                if following not in best:
                    open_now.add(following)
                    stack.append((following, iter(sorted(graph[following]))))
                    break
            else:
                stack.pop()
                open_now.discard(name)
                best[name] = [name, *max((best[other] for other in sorted(graph[name])), key=len, default=[])]
    chain = max(best.values(), key=len, default=[])
    return len(chain), chain


# Execution


def knows_execution(sources: dict[str, Source]) -> tuple[list[str], list[str]]:
    """Return what takes ``execution``: constructors (also functions named like one), and other functions."""
    constructors, functions = [], []
    for source in sources.values():
        for scope in ast.walk(source.tree):
            for node in getattr(scope, "body", []) if isinstance(scope, ast.Module | ast.ClassDef) else []:
                if isinstance(node, ast.FunctionDef):
                    arguments = node.args
                    names = [
                        one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
                    ]
                    if "execution" not in names:
                        continue
                    owner = f"{scope.name}." if isinstance(scope, ast.ClassDef) else ""
                    is_constructor = node.name == "__init__" or node.name[0].isupper()
                    (constructors if is_constructor else functions).append(
                        f"{source.name}: {owner}{node.name}"
                    )
    return constructors, functions


# Journeys


JOURNEYS = """
import inspect, json, sys, threading
import torch
from torch import nn
root = sys.argv[1]
entered = set()
def trace(frame, event, argument):
    code = frame.f_code
    if code.co_filename.startswith(root) and code.co_name != "<module>":
        entered.add(code.co_filename[len(root) + 1:])
def files(act):
    entered.clear()
    threading.setprofile(trace); sys.setprofile(trace)
    try:
        act()
    finally:
        sys.setprofile(None); threading.setprofile(None)
    return sorted(entered)
def twice(act):
    first = files(act)
    return {"first": first, "then": files(act)}
import polytask
from polytask.core import Batch, Episode, SharedModel, Task
from polytask.meta.initialization import MAML
torch.manual_seed(0)
task = Task(name="y", kind="regression")
def batch():
    return Batch(inputs=torch.randn(5, 2), targets={"y": torch.randn(5)})
episodes = [Episode(tasks=(task,), support=batch(), query=batch()) for _ in range(4)]
network = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
if "execution" in inspect.signature(MAML).parameters:
    maml, extra = MAML(network, execution="auto"), {}
else:
    maml = MAML(network)
    from polytask.execution import named_execution
    extra = {"execution": named_execution("auto", maml)}
def episode():
    objectives = maml.objectives(episodes, **extra)
    objectives.values.mean().backward()
found = {"maml": twice(episode)}
try:
    from polytask.architectures import HardSharing
except ImportError:
    from polytask.sharing import HardSharing
import polytask.balancing as balancing
tasks = [Task(name=name, kind="regression") for name in "ab"]
model = SharedModel(tasks, HardSharing(nn.Linear(2, 4)), heads={one.name: nn.Linear(4, 1) for one in tasks})
Step = getattr(balancing, "BalancedBackward", None) or balancing.BalancedStep
try:
    from polytask.balancing.methods import EqualWeights
except ImportError:
    from polytask.balancing import EqualWeights
step = Step(model, EqualWeights())
targets = {"a": torch.randn(5), "b": torch.randn(5)}
joint = Episode(tasks=tuple(tasks), query=Batch(inputs=torch.randn(5, 2), targets=targets))
held = []
def forward():
    held[:] = [model.objectives([joint])]
def balance():
    step(held[0])
def loss():
    forward()
    balance()
found["equal"] = twice(loss)
forward()
found["balance"] = {"then": files(balance)}
print(json.dumps(found))
"""


def journeys(root: Path) -> dict[str, dict[str, list[str]]]:
    """Return the files that an episode and a balanced step enter, the first time and then."""
    environment = {**os.environ, "PYTHONPATH": str(root / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", JOURNEYS, str(root / "src" / "polytask")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"The journeys failed on {root}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


# The table


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, default=HERE.parent.parent)
    parser.add_argument(
        "--files", action="store_true", help="print each file's name, and each constructor's, too"
    )
    asked = parser.parse_args()
    root = asked.root.resolve()
    package = root / "src" / "polytask"
    sources = read_sources(package)
    link(sources, package)
    print(
        "| room | files | lines | exported names | names in its packages | imports within | of other rooms "
        "| longest chain within |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    names: dict[str, set[str]] = {}
    deeper: dict[str, set[str]] = {}
    for room in sorted({source.room for source in sources.values()}):
        members = {name: source for name, source in sources.items() if source.room == room}
        names[room] = set(exported(package, package if room == "(top)" else package / room))
        deeper[room] = within_packages(package, package / room)
        within = sum(len(source.arrows & members.keys()) for source in members.values())
        out = sum(len(source.arrows - members.keys()) for source in members.values())
        chain, _ = longest({name: source.early & members.keys() for name, source in members.items()})
        lines = sum(source.lines for source in members.values())
        counts = f"{len(names[room])} | {len(deeper[room])} | {within} | {out} | {chain}"
        print(f"| {room} | {len(members)} | {lines} | {counts} |")
    arrows = sum(len(source.arrows) for source in sources.values())
    lines = sum(source.lines for source in sources.values())
    same = [
        {name for name in source.arrows if sources[name].room == source.room} for source in sources.values()
    ]
    within = sum(map(len, same))
    depth, chain = longest({name: source.early for name, source in sources.items()})
    unique, below = set().union(*names.values()), set().union(*deeper.values())
    counts = f"{len(unique)} | {len(below)} | {within} | {arrows - within} | {depth}"
    print(f"| **all** | {len(sources)} | {lines} | {counts} |")
    constructors, functions = knows_execution(sources)
    passed = journeys(root)
    print(f"\n- Constructors that know `execution`: {len(constructors)}; other functions: {len(functions)}.")
    for title, key in (("An episode through MAML `auto`", "maml"), ("A loss through equal weights", "equal")):
        then, first = len(passed[key]["then"]), len(passed[key]["first"])
        print(f"- {title}, forward and backward, passes through {then} files (first step: {first}).")
    print(f"- The balanced step by itself, equal weights: {len(passed['balance']['then'])} files.")
    print(f"- Longest chain: {' > '.join(name.removeprefix('polytask.') for name in chain)}.")
    if asked.files:
        for key, files in passed.items():
            print(f"\n{key}: " + ", ".join(files["then"]))
        print("\nTake `execution`: " + ", ".join(constructors))


if __name__ == "__main__":
    main()

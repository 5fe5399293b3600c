"""Resume folders that were damaged, changed by hand, made by others, or belong to another run."""

import copy
import math
import pickle
import random
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from polytask.architectures import HardSharing
from polytask.balancing.methods import DWA, FAMO, EqualWeights, UncertaintyWeighting, UPGrad
from polytask.core import Batch, PolytaskError, SharedModel, Task, generator, seeded
from polytask.data import Curriculum, JointSource, Source
from polytask.data.steps.loss_curriculum import LossCurriculum
from polytask.train import Validation, train
from polytask.train.checkpoint import load_checkpoint, save_checkpoint

__all__ = ["attempt"]

TASKS = (Task(name="a", kind="regression"), Task(name="b", kind="binary"))
BALANCERS = {
    "equal": EqualWeights,
    "uncertainty": lambda: UncertaintyWeighting(["a", "b"]),
    "dwa": lambda: DWA(["a", "b"]),
    "famo": lambda: FAMO(["a", "b"]),
    "upgrad": UPGrad,
}
OPTIMIZERS = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD, "adafactor": torch.optim.Adafactor}
STRANGE: tuple[Any, ...] = (
    None, True, -1, 0, 10**30, 1.5, math.nan, math.inf, -math.inf, "", "4", "\ud800", b"x", [], {}, (), [1],
    {"a": "b"}, {1: 2}, torch.ones(1), torch.ones(0), torch.full((2, 2), math.nan),
    torch.ones(3, dtype=torch.complex64),
    torch.zeros(2, dtype=torch.int8), torch.ones(2).to_sparse(), 1 + 2j,
)  # fmt: skip
FILE = "checkpoint.pt"


def attempt(seed: int, folder: Path) -> str:
    """Try one resume folder; see `fuzz`."""
    draw = random.Random(seed)
    balancer = draw.choice(list(BALANCERS))
    optimizer = draw.choice(list(OPTIMIZERS))
    curriculum = draw.random() < 0.2
    state, content = _saved(balancer, optimizer, curriculum)
    work = folder / "work"
    work.mkdir()
    damage = draw.choice(
        (_flip, _cut, _exchange, _foreign, _folder, _replace, _replace, _replace, _number, _other)
    )
    options: dict[str, Any] = {}
    what = damage(_Case(draw, work / FILE, copy.deepcopy(state), content, options))
    model = _learner()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    try:
        outcome = _run(model, work, balancer, optimizer, curriculum, n_steps=6, **options)
    except PolytaskError as error:
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, before[name]), f"{name} was half restored: {error}"
        assert str(work) in str(error) or str(work.parent) in str(error), f"no file is named: {error}"
        raise
    assert outcome.n_steps == 6
    assert all(bool(tensor.isfinite().all()) for tensor in model.state_dict().values())
    return f"{what}, went on"


@dataclass(frozen=True, slots=True)
class _Case:
    """What a resume folder is made of."""

    draw: random.Random
    path: Path
    state: dict[str, Any]
    content: bytes
    options: dict[str, Any]


def _flip(case: _Case) -> str:
    changed = bytearray(case.content)
    n_flips = case.draw.choice((1, 1, 5, 100))
    for _ in range(n_flips):
        changed[case.draw.randrange(len(changed))] ^= 1 << case.draw.randrange(8)
    case.path.write_bytes(bytes(changed))
    return f"{n_flips} bits flipped"


def _cut(case: _Case) -> str:
    first, last = sorted(case.draw.randrange(len(case.content)) for _ in range(2))
    case.path.write_bytes(
        case.draw.choice(
            (case.content[:first], case.content[last:], case.content[:first] + case.content[last:], b"")
        )
    )
    return "cut"


def _exchange(case: _Case) -> str:
    place = case.draw.randrange(len(case.content))
    noise = case.draw.choice((bytes(100), case.draw.randbytes(100), case.content[:100]))
    case.path.write_bytes(case.content[:place] + noise + case.content[place + len(noise) :])
    return "overwritten"


def _foreign(case: _Case) -> str:
    kind = case.draw.choice(("text", "pickle", "torch", "module", "noise", "sealed"))
    if kind == "text":
        case.path.write_text('{"format": 2}')
    elif kind == "pickle":
        case.path.write_bytes(pickle.dumps(case.state))
    elif kind == "torch":
        torch.save(case.state, case.path)
    elif kind == "module":
        torch.save(nn.Linear(2, 2), case.path)
    elif kind == "noise":
        case.path.write_bytes(case.draw.randbytes(case.draw.randrange(1, 5000)))
    else:
        save_checkpoint(case.path, {"x": case.draw.choice(STRANGE)})
    return f"foreign {kind}"


def _folder(case: _Case) -> str:
    name = case.draw.choice((FILE, "metrics.csv", f".{FILE}.0123456789abcdef.polytask-part"))
    case.path.write_bytes(case.content)
    target = case.path.with_name(name)
    if target == case.path:
        case.path.unlink()
    target.mkdir()
    return f"a folder called {name}"


def _replace(case: _Case) -> str:
    """Replace, remove or add an entry anywhere, under a right seal."""
    owner: Any = case.state
    trail: list[Any] = []
    while True:
        key = case.draw.choice(list(owner) if isinstance(owner, dict) else range(len(owner)))
        trail.append(key)
        value = owner[key]
        if case.draw.random() < 0.35 or not isinstance(value, (dict, list)) or not value:
            break
        owner = value
    how = case.draw.random()
    if how < 0.6:
        owner[key] = case.draw.choice(STRANGE)
    elif how < 0.8:
        del owner[key]
    elif isinstance(owner, dict):
        owner[case.draw.choice(("x", "", 7, key))] = case.draw.choice(STRANGE)
    else:
        owner.append(case.draw.choice(STRANGE))
    save_checkpoint(case.path, case.state)
    return f"entry {trail}"


def _number(case: _Case) -> str:
    """Change the form, type or values of one tensor, under a right seal."""
    found = list(_tensors(case.state))
    owner, key = case.draw.choice(found)
    tensor: Tensor = owner[key]
    changes = (
        lambda: tensor.reshape(-1)[:1], lambda: tensor[None], lambda: torch.cat([tensor.reshape(-1)] * 2),
        lambda: tensor.double(), lambda: tensor.long(), lambda: tensor * math.nan, lambda: tensor + math.inf,
        lambda: tensor.to(torch.bool), lambda: tensor.new_empty(0), lambda: -tensor - 1,
        lambda: tensor * 1e30,
    )  # fmt: skip
    owner[key] = case.draw.choice(changes)()
    save_checkpoint(case.path, case.state)
    return "a tensor changed"


def _other(case: _Case) -> str:
    """Leave the file as it is, and go on with another run, or with the same."""
    case.path.write_bytes(case.content)
    changes: dict[str, Any] = {
        "seed": 1, "max_norm": 0.5, "accumulate": 2, "precision": "64-true", "validate_every": 3,
        "factor": 2.0, "rate": 0.1, "schedule": lambda step: 1.0 / (1 + step), "nothing": None,
    }  # fmt: skip
    name = case.draw.choice(list(changes))
    if name != "nothing":
        case.options[name] = changes[name]
    return f"another {name}"


def _tensors(owner: Any) -> list[tuple[Any, Any]]:
    found = []
    for key, value in owner.items() if isinstance(owner, dict) else enumerate(owner):
        if isinstance(value, Tensor):
            found.append((owner, key))
        elif isinstance(value, (dict, list)):
            found += _tensors(value)
    return found


@cache
def _saved(balancer: str, optimizer: str, curriculum: bool) -> tuple[dict[str, Any], bytes]:
    """Return what four steps save, and the file's bytes."""
    with tempfile.TemporaryDirectory() as folder:
        _run(_learner(), Path(folder), balancer, optimizer, curriculum, n_steps=4)
        state = load_checkpoint(Path(folder) / FILE)
        state.pop("format")
        return state, (Path(folder) / FILE).read_bytes()


def _learner() -> SharedModel:
    with seeded(0, "learner"):
        trunk = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
        return SharedModel(TASKS, HardSharing(trunk), {task.name: nn.Linear(3, 1) for task in TASKS})


def _source(factor: float, *, curriculum: bool) -> Source | Curriculum:
    x = torch.randn(12, 2, generator=generator(0))
    data = Batch(inputs=x, targets={"a": 1 + factor * x[:, 0], "b": (x[:, 1] > 0).float()})
    if not curriculum:
        return JointSource(TASKS, data, batch_size=6, seed=0)
    return LossCurriculum({task.name: JointSource([task], data, batch_size=6, seed=0) for task in TASKS})


def _run(
    model: SharedModel,
    folder: Path,
    balancer: str,
    optimizer: str,
    curriculum: bool,
    *,
    n_steps: int,
    factor: float = 1.0,
    rate: float = 1e-2,
    **options: Any,
) -> Any:
    def validate(_: Any) -> Validation:
        return Validation(score=float(len(folder.parts)), metrics={"x": 1.0})

    return train(
        model, _source(factor, curriculum=curriculum), n_steps=n_steps, balancer=BALANCERS[balancer](),
        optimizer=lambda parameters: OPTIMIZERS[optimizer](parameters, lr=rate), validate=validate,
        directory=folder, resume=True, **{"validate_every": 2, **options},
    )  # fmt: skip

"""A learner, a source and a run that take milliseconds."""

from pathlib import Path

import torch
from torch import Tensor, nn

from polytask.architectures import HardSharing, table_trunk
from polytask.core import Batch, SharedModel, Task, generator, seeded
from polytask.data import JointSource
from polytask.train import Training, train

TASKS = (Task(name="a", kind="regression"), Task(name="b", kind="regression"))


def batch(*, factor: float = 1.0, n_rows: int = 24) -> Batch:
    x = torch.randn(n_rows, 3, generator=generator(0, "rows"))
    return Batch(
        inputs=x,
        targets={"a": factor * x.sum(1), "b": x[:, 0] * x[:, 1]},
        masks={"b": torch.arange(n_rows) % 3 > 0},
    )


def source(data: Batch | None = None, *, batch_size: int = 8, seed: int = 0) -> JointSource:
    return JointSource(TASKS, batch() if data is None else data, batch_size=batch_size, seed=seed)


def learner(width: int = 4, *, dropout: float = 0.2) -> SharedModel:
    with seeded(0, "learner"):
        heads = {task.name: nn.Linear(width, 1) for task in TASKS}
        return SharedModel(TASKS, HardSharing(table_trunk(3, [width], dropout=dropout)), heads)


def run(
    folder: Path | None, model: SharedModel | None = None, n_steps: int = 4, **options: object
) -> tuple[SharedModel, Training]:
    """Train in a folder, going on with what is there; a validation every other step, by default."""
    model = learner() if model is None else model
    given = {"validate_every": 2, "directory": folder, "resume": folder is not None, **options}
    return model, train(model, given.pop("source", None) or source(), n_steps=n_steps, **given)


def weights(module: nn.Module) -> Tensor:
    return torch.cat([tensor.detach().reshape(-1).float() for tensor in module.state_dict().values()])

"""The sets of `joint.py`: how each is split, and what is trained on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from polytask.architectures import table_trunk
from polytask.core import Batch, Task, generator
from polytask.data import JointExamples, TableEncoder
from polytask.datasets import (
    census_income,
    fashion_titles,
    mnist,
    multi_mnist,
    sarcos_test,
    spoken_digits,
    tox21,
)
from polytask.datasets.fashion import FASHION_LABELS
from polytask.encoders import LogMel, SoundEncoder, TokenBag
from polytask.encoders.text import token_ids

__all__ = ["CASES", "Case", "Parts"]

N_CANVASES = (12_000, 2_000, 5_000)  # of Multi-MNIST: training, validation, test


@dataclass(frozen=True, slots=True)
class Parts:
    """A set, split by one seed."""

    tasks: tuple[Task, ...]
    train: Batch
    validation: Batch
    test: Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is trained on a set, and for how long.

    Args:
        alone: The trunk of a network with one task; None for the same one.
    """

    load: Callable[[int], Parts]
    trunk: Callable[[], nn.Module]
    alone: Callable[[], nn.Module] | None = None
    width: int
    alone_width: int = 0
    about: str
    n_steps: int
    batch_size: int = 256
    rates: tuple[float, ...] = (3e-4, 1e-3, 3e-3)
    weight_decay: float = 0.0
    resplit: bool = True  # whether every seed splits the same rows anew

    def parts_of_model(self, tasks: Sequence[Task]) -> tuple[nn.Module, dict[str, nn.Module]]:
        """Build the trunk and the heads for some of the tasks."""
        alone = len(tasks) == 1 and self.alone is not None
        trunk = self.alone() if alone and self.alone else self.trunk()
        width = self.alone_width if alone else self.width
        return trunk, {task.name: nn.Linear(width, task.n_outputs) for task in tasks}


def split(n_rows: int, seed: int, shares: Sequence[float] = (0.6, 0.2, 0.2)) -> list[Tensor]:
    """Cut shuffled rows into parts."""
    order = torch.randperm(n_rows, generator=generator(seed, "split"))
    ends = [round(n_rows * sum(shares[: end + 1])) for end in range(len(shares) - 1)]
    return list(order.tensor_split(ends))


def in_parts(tasks: Sequence[Task], data: Batch, rows: Sequence[Tensor]) -> Parts:
    train, validation, test = (data.rows(part) for part in rows)
    return Parts(tuple(tasks), train, validation, test)


def standardized(found: JointExamples, rows: Sequence[Tensor]) -> Parts:
    return in_parts(found.tasks, found.standardized(rows[0])[0], rows)


def sarcos(seed: int) -> Parts:
    found = sarcos_test()
    return standardized(found, split(len(found), seed))


def molecules(seed: int) -> Parts:
    found = tox21().by_assay()
    return in_parts(found.tasks, found.data, split(len(found), seed, (0.7, 0.1, 0.2)))


def census(seed: int) -> Parts:
    table = census_income()
    rows = split(len(table), seed)
    targets = {"income above 50k": "income", "never married": "never married"}
    columns = [c for c in table.columns if c not in {*targets, "marital status", "instance weight"}]
    encoder = TableEncoder.fit(table, columns=columns, train_rows=rows[0].numpy())
    inputs = encoder.transform(table)[0]
    labels = {name: torch.tensor(table[column].to_numpy()).float() for column, name in targets.items()}
    tasks = [Task(name=name, kind="binary", metrics=("auroc",)) for name in labels]
    return in_parts(tasks, Batch(inputs=inputs, targets=labels), rows)


def fashion(seed: int) -> Parts:
    """Classes with fewer than ten training rows count as missing labels."""
    table = fashion_titles()
    rows = split(len(table), seed)
    targets, masks, tasks = {}, {}, []
    for label in FASHION_LABELS:
        column = table[label]
        counts = column.iloc[rows[0].numpy()].value_counts()
        classes = sorted(counts[counts >= 10].index)
        positions = column.map({name: position for position, name in enumerate(classes)})
        targets[label] = torch.from_numpy(positions.fillna(0).to_numpy(dtype=np.int64, copy=True))
        masks[label] = torch.from_numpy(positions.notna().to_numpy(copy=True))
        tasks.append(Task(name=label, kind="multiclass", n_outputs=len(classes), metrics=("accuracy",)))
    inputs = token_ids(table["title"].tolist(), n_tokens=24, characters=None)
    return in_parts(tasks, Batch(inputs=inputs, targets=targets, masks=masks), rows)


def overlaid_digits(seed: int) -> Parts:
    """Training and validation canvases come from different digits of MNIST's training part."""
    digits = mnist("train")
    first, second = split(len(digits.labels), seed, (0.8, 0.2))
    n_train, n_validation, n_test = N_CANVASES
    train = multi_mnist(digits, n_train, seed=seed, rows=first)
    validation = multi_mnist(digits, n_validation, seed=seed + 1000, rows=second)
    test = multi_mnist(mnist("test"), n_test, seed=0)
    return Parts(train.tasks, train.data, validation.data, test.data)


def speech(seed: int) -> Parts:
    """The official test part, the first five takes; of the other takes, a tenth validates."""
    recordings = spoken_digits()
    found = recordings.examples()
    train, test = recordings.official_split()
    order = torch.randperm(len(train), generator=generator(seed, "split"))
    assert isinstance(found.data.inputs, Tensor)
    data = Batch(inputs=LogMel(8000)(found.data.inputs), targets=found.data.targets)
    cut = len(train) // 10
    return in_parts(found.tasks, data, [train[order[cut:]], train[order[:cut]], test])


def small_cnn(width: int = 64) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 6 * 6, width), nn.ReLU(),
    )  # fmt: skip


CASES = {
    "sarcos": Case(
        load=sarcos, trunk=partial(table_trunk, 21, [128, 128]), width=128, n_steps=1500, batch_size=128,
        about="21-128-128, ReLU",
    ),
    "sarcos-equal-parameters": Case(
        load=sarcos, trunk=partial(table_trunk, 21, [360, 360]), width=360, n_steps=1500, batch_size=128,
        alone=partial(table_trunk, 21, [128, 128]), alone_width=128,
        about="21-360-360 against seven networks of 21-128-128, which have as many parameters together",
    ),
    "tox21": Case(
        load=molecules, width=256, n_steps=400, weight_decay=3e-5,
        trunk=lambda: nn.Sequential(nn.Dropout(0.2), table_trunk(1024, [512, 256], dropout=0.5)),
        about="1024-512-256, ReLU, dropout 0.2 of the inputs and 0.5 of the layers",
    ),
    "census": Case(
        load=census, trunk=lambda: nn.Sequential(nn.LazyLinear(64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU()),
        width=32, n_steps=500, batch_size=1024, about="one-hot-64-32, ReLU",
    ),
    "fashion": Case(
        load=fashion, trunk=lambda: TokenBag(20_000, 64), width=64, n_steps=600, batch_size=512,
        rates=(3e-3, 1e-2, 3e-2), about="mean of 64 numbers a word or pair of words",
    ),
    "multi-mnist": Case(
        load=overlaid_digits, trunk=small_cnn, width=64, n_steps=400, batch_size=128, rates=(1e-3, 3e-3),
        about="LeNet-like", resplit=False,
    ),
    "spoken-digits": Case(
        load=speech, trunk=lambda: SoundEncoder(40, 64, dropout=0.1), width=64, n_steps=250, batch_size=64,
        rates=(1e-3, 3e-3), about="three 1-D convolutions on 40 log-mel bands", resplit=False,
    ),
}  # fmt: skip
"""By name."""

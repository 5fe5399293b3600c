"""Small problems to learn, drawn from seeds by torch and numpy alone."""

import numpy as np
import pandas as pd
import torch
from benchmarks.recording import house
from benchmarks.recording.house import Episode
from torch import Tensor

N_STEPS = 20
N_FEATURES = 5

TABLE = {
    "mass.kg": ("regression", 1),
    "sick": ("binary", 1),
    "type": ("multiclass", 3),
    "tags": ("multilabel", 2),
    "rare": ("regression", 1),
}
PICTURE = {f"t{index}": ("regression", 1) for index in range(8)}
NUMBER = {"y": ("regression", 1)}
CLASS = {"class": ("multiclass", house.N_WAY)}


def table_steps(seed: int = 0, *, n_rows: int = 12) -> list[list[Episode]]:
    """Return steps of five tasks; labels are missing, and most steps have none of ``rare``."""
    draw = torch.Generator().manual_seed(seed)
    mix = torch.randn(N_FEATURES, 8, generator=draw)
    steps = []
    for index in range(N_STEPS):
        inputs = torch.randn(n_rows, N_FEATURES, generator=draw)
        signal = torch.tanh(inputs @ mix) + 0.1 * torch.randn(n_rows, 8, generator=draw)
        targets = {
            "mass.kg": 3 * signal[:, 0],
            "sick": (signal[:, 1] > 0).float(),
            "type": signal[:, 2:5].argmax(1),
            "tags": (signal[:, 5:7] > 0).float(),
            "rare": signal[:, 7],
        }
        masks = {
            "sick": torch.arange(n_rows) % 3 != 0,
            "tags": torch.rand(n_rows, 2, generator=draw) > 0.3,
            "rare": torch.full((n_rows,), index % 3 == 0) & (torch.arange(n_rows) % 5 != 1),
        }
        steps.append([house.episode(TABLE, house.batch(inputs, targets, masks))])
    return steps


def picture_steps(seed: int = 0) -> list[list[Episode]]:
    """Return steps of eight regressions of one image."""
    draw = torch.Generator().manual_seed(seed)
    steps = []
    for _ in range(N_STEPS):
        inputs = torch.randn(6, 2, 8, 8, generator=draw)
        labels = torch.randn(6, len(PICTURE), generator=draw) + inputs.mean((1, 2, 3))[:, None]
        targets = {name: labels[:, index] for index, name in enumerate(PICTURE)}
        steps.append([house.episode(PICTURE, house.batch(inputs, targets))])
    return steps


def waves(n_support: int, n_query: int, draw: torch.Generator) -> Episode:
    """Return points of a sine wave to learn from, and others to answer."""
    n_points = n_support + n_query
    x = 4 * torch.rand(n_points, 1, generator=draw) - 2
    amplitude, phase = 0.5 + torch.rand(2, generator=draw)
    y = (amplitude * torch.sin(2 * x + 3 * phase))[:, 0]
    support, query = (
        house.batch(x[rows], {"y": y[rows]}) for rows in (slice(n_support), slice(n_support, None))
    )
    return house.episode(NUMBER, query, support)


def wave_steps(seed: int = 0, *, n_steps: int = N_STEPS) -> list[list[Episode]]:
    """Return steps of four functions, of which the last has more points."""
    draw = torch.Generator().manual_seed(seed)
    return [[waves(4, 5, draw) for _ in range(3)] + [waves(6, 3, draw)] for _ in range(n_steps)]


def patterns(n_query: int, draw: torch.Generator) -> Episode:
    """Return noisy images around a pattern of each class, two to learn from."""
    means = torch.rand(house.N_WAY, 1, house.SIZE, house.SIZE, generator=draw)

    def noisy(n_each: int) -> tuple[Tensor, Tensor]:
        labels = torch.arange(house.N_WAY).repeat(n_each)
        noise = torch.rand(len(labels), 1, house.SIZE, house.SIZE, generator=draw)
        return 0.7 * means[labels] + 0.3 * noise, labels

    support, query = (house.batch(inputs, {"class": labels}) for inputs, labels in (noisy(2), noisy(n_query)))
    return house.episode(CLASS, query, support)


def pattern_steps(seed: int = 0, *, n_steps: int = N_STEPS) -> list[list[Episode]]:
    """Return steps of four tasks of images, of which the last has more queries."""
    draw = torch.Generator().manual_seed(seed)
    return [[patterns(1, draw) for _ in range(3)] + [patterns(2, draw)] for _ in range(n_steps)]


def frame(n_rows: int = 120) -> pd.DataFrame:
    """Return a table of numbers and words with three targets, and gaps in all of it."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(n_rows, 3))
    found = pd.DataFrame(x, columns=["a", "b", "c"])
    found["colour"] = draw.choice(["red", "green", "blue"], n_rows)
    found["total"] = 100 + 20 * (x[:, 0] + x[:, 1]) + draw.normal(size=n_rows)
    found["sign"] = np.where(x[:, 0] - x[:, 2] > 0, "plus", "minus")
    found["band"] = pd.cut(x[:, 1], [-9, -0.5, 0.5, 9], labels=["low", "middle", "high"]).astype(str)
    found.loc[::7, "total"] = np.nan
    found.loc[::5, "sign"] = None
    found.loc[::9, "a"] = np.nan
    return found


def drawn_classes(n_classes: int, n_each: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return images of classes as bytes, and their labels."""
    draw = torch.Generator().manual_seed(seed)
    means = torch.rand(n_classes, 1, house.SIZE, house.SIZE, generator=draw)
    labels = torch.arange(n_classes).repeat(n_each)
    noise = torch.rand(len(labels), 1, house.SIZE, house.SIZE, generator=draw)
    return ((0.6 * means[labels] + 0.4 * noise) * 255).to(torch.uint8), labels

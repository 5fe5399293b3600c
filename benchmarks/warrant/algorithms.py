"""The algorithms of the warrant grid, each built around a net of `layers`."""

from collections.abc import Callable

import torch
from benchmarks.warrant.layers import LAYERS, N_CLASSES, body_of, net_of
from torch import nn

from polytask.core import Batch, Episode, EpisodicLearner, Task, generator, seeded
from polytask.meta.initialization import ANIL, CAVIA, FOMAML, MAML, ProtoMAML, Reptile
from polytask.meta.metric import R2D2, MatchingNet, Prototypes
from polytask.meta.optimization import MetaCurvature, MetaSGD

TASK = Task(name="class", kind="multiclass", n_outputs=N_CLASSES)


def _by_gradients(
    make: Callable[..., EpisodicLearner], n_inputs: int = 4, **options: object
) -> Callable[[str], EpisodicLearner]:
    def build(layer: str) -> EpisodicLearner:
        return make(net_of(layer, n_inputs), normalization=LAYERS[layer].normalization, **options)

    return build


def _by_features(make: Callable[[nn.Module], EpisodicLearner]) -> Callable[[str], EpisodicLearner]:
    return lambda layer: make(body_of(layer))


def _proto_maml(layer: str) -> EpisodicLearner:
    return ProtoMAML(
        body_of(layer),
        inner_rate=0.1,
        n_steps=2,
        second_order=True,
        normalization=LAYERS[layer].normalization,
    )


ALGORITHMS: dict[str, Callable[[str], EpisodicLearner]] = {
    "MAML": _by_gradients(MAML, inner_rate=0.2, n_steps=2),
    "FOMAML": _by_gradients(FOMAML, inner_rate=0.2, n_steps=2),
    "ANIL": _by_gradients(ANIL, inner_rate=0.2, n_steps=2),
    "CAVIA": _by_gradients(CAVIA, 4 + 2, n_context=2, inner_rate=0.2, n_steps=2),
    "MetaSGD": _by_gradients(MetaSGD, rate=0.2, n_steps=2),
    "MetaCurvature": _by_gradients(MetaCurvature, inner_rate=0.2, n_steps=2),
    "ProtoMAML": _proto_maml,
    "Reptile": _by_gradients(Reptile, n_steps=2),
    "Prototypes": _by_features(Prototypes),
    "R2D2": _by_features(R2D2),
    "MatchingNet": _by_features(MatchingNet),
}


def learner_of(algorithm: str, layer: str) -> EpisodicLearner:
    """Build a learner of the grid, always the same, in float64."""
    with seeded(2, "warrant", algorithm):
        return ALGORITHMS[algorithm](layer).double()


def episodes(n_episodes: int = 3) -> list[Episode]:
    """Return episodes of 3 ways, 2 support and 2 query examples of each, inputs ``[6, 4]`` in float64."""

    def batch(*path: str | int) -> Batch:
        x = torch.randn(6, 4, generator=generator(0, "warrant", *path), dtype=torch.float64)
        return Batch(inputs=x, targets={"class": torch.arange(6) % N_CLASSES})

    return [
        Episode(tasks=(TASK,), support=batch("support", index), query=batch("query", index))
        for index in range(n_episodes)
    ]

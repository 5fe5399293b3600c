"""The conditional neural process, written out."""

import numpy as np
import torch

from polytask.core import Batch, Task, generator, seeded
from polytask.meta.model import CNP, GaussianLearner

Y = Task(name="y", kind="regression")


def cnp() -> CNP:
    with seeded(0, "CNP"):
        return CNP(1, width=8, encoder_depth=2, decoder_depth=2)


def examples(n_rows: int, *path: str | int) -> Batch:
    draw = generator(0, *path)
    x = 4 * torch.rand(n_rows, 1, generator=draw) - 2
    return Batch(inputs=x, targets={"y": torch.sin(2 * x).squeeze(1)})


def answers(learner: GaussianLearner, support: Batch, inputs: torch.Tensor):
    found = learner.distribution(learner.learn([Y], support), [Y], inputs)["y"]
    return torch.stack([found.mean, found.std])


def test_a_cnp_is_a_mean_of_representations_and_a_decoder():
    learner, support, query = cnp(), examples(6), examples(5, "q").inputs

    def network(layers: torch.nn.Module, rows: np.ndarray) -> np.ndarray:
        first, second = (layer for layer in layers.modules() if isinstance(layer, torch.nn.Linear))
        weights = [tensor.detach().numpy() for layer in (first, second) for tensor in layer.parameters()]
        return np.maximum(rows @ weights[0].T + weights[1], 0) @ weights[2].T + weights[3]

    pairs = np.concatenate([np.asarray(support.inputs), np.asarray(support.targets["y"])[:, None]], axis=1)
    mean = network(learner.encoder, pairs).mean(0)
    raw = network(learner.decoder, np.concatenate([query.numpy(), np.tile(mean, (5, 1))], axis=1))
    expected = np.stack([raw[:, :1], 0.1 + 0.9 * np.log1p(np.exp(raw[:, 1:]))])
    np.testing.assert_allclose(answers(learner, support, query).detach().numpy(), expected, rtol=1e-5)


def test_the_answers_of_a_cnp_do_not_move_with_the_data():
    learner, support, query = cnp(), examples(6), examples(5, "q").inputs
    assert isinstance(support.inputs, torch.Tensor)
    assert isinstance(query, torch.Tensor)
    moved = Batch(inputs=support.inputs + 1, targets=support.targets)
    assert (answers(learner, moved, query + 1) - answers(learner, support, query)).abs().max() > 1e-2

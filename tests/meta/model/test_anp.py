"""A process that attends."""

import pytest
import torch

from polytask.core import Batch, InputError, Task, generator, seeded
from polytask.meta.model import CANP, TNPD, Context, GaussianLearner

Y = Task(name="y", kind="regression")


def canp() -> CANP:
    with seeded(0, "CANP"):
        return CANP(1, width=8, encoder_depth=2, key_depth=2, decoder_depth=2, n_heads=2)


def examples(n_rows: int, *path: str | int) -> Batch:
    draw = generator(0, *path)
    x = 4 * torch.rand(n_rows, 1, generator=draw) - 2
    return Batch(inputs=x, targets={"y": torch.sin(2 * x).squeeze(1)})


def answers(learner: GaussianLearner, support: Batch, inputs: torch.Tensor):
    found = learner.distribution(learner.learn([Y], support), [Y], inputs)["y"]
    return torch.stack([found.mean, found.std])


def context_of(batch: Batch) -> Context:
    y = batch.targets["y"].unsqueeze(1)
    every = torch.ones_like(y).bool()
    assert isinstance(batch.inputs, torch.Tensor)
    return Context(x=batch.inputs, y=y, known=every[:, 0], labels=every)


def test_a_canp_of_one_example_attends_to_it_alone():
    learner, support, query = canp(), examples(1), examples(5, "q").inputs
    assert isinstance(query, torch.Tensor)
    row = learner.encoder(torch.cat([context_of(support).x, context_of(support).y], dim=1))  # [1, 8]
    attended = learner.attention.to_outputs(learner.attention.to_values(row)).expand(5, -1)
    raw = learner.decoder(torch.cat([query, attended], dim=1))
    torch.testing.assert_close(answers(learner, support, query)[0], raw[:, :1])


@pytest.mark.parametrize("kind", ["CANP", "TNPD"])
def test_heads_that_do_not_divide_the_width_are_an_error(kind):
    build = {"CANP": CANP, "TNPD": TNPD}[kind]
    with pytest.raises(InputError, match="`n_heads` is 3, which does not divide `width` = 8"):
        build(1, width=8, n_heads=3)

"""The latent process: its bound and its draws."""

import pytest
import torch

from polytask.core import Batch, Task, generator, seeded
from polytask.meta.model import NP, Context

Y = Task(name="y", kind="regression")


def latent_process(*, attentive: bool = False) -> NP:
    with seeded(0, "NP"):
        return NP(1, attentive=attentive, width=8, n_latent=4, encoder_depth=2, n_heads=2)


def examples(n_rows: int, *path: str | int) -> Batch:
    draw = generator(0, *path)
    x = 4 * torch.rand(n_rows, 1, generator=draw) - 2
    return Batch(inputs=x, targets={"y": torch.sin(2 * x).squeeze(1)})


def context_of(batch: Batch) -> Context:
    y = batch.targets["y"].unsqueeze(1)
    every = torch.ones_like(y).bool()
    assert isinstance(batch.inputs, torch.Tensor)
    return Context(x=batch.inputs, y=y, known=every[:, 0], labels=every)


def latent(learner: NP, *batches: Batch) -> torch.distributions.Normal:
    contexts = [context_of(batch) for batch in batches]
    x, y = (torch.cat([getattr(context, name) for context in contexts]) for name in ("x", "y"))
    mean, rho = learner.latent(learner.examples(torch.cat([x, y], 1)).mean(0)).chunk(2)
    return torch.distributions.Normal(mean, 0.1 + 0.9 * rho.sigmoid())


@pytest.mark.parametrize("attentive", [False, True])
def test_the_objective_of_a_latent_process_is_its_negative_evidence_bound(attentive):
    learner, support, query = latent_process(attentive=attentive).eval(), examples(6), examples(5, "q")
    prior, posterior = latent(learner, support), latent(learner, support, query)
    state = {"y": learner.learn([Y], support)["y"] | {"latent": posterior.mean}}
    found = learner.distribution(state, [Y], query.inputs)["y"]
    density = torch.distributions.Normal(found.mean, found.std).log_prob(query.targets["y"].unsqueeze(1))
    gap = torch.distributions.kl_divergence(posterior, prior).sum()
    torch.testing.assert_close(learner([Y], support, query), (gap - density.sum()) / 5)


def test_a_latent_vector_is_drawn_in_training_alone():
    learner, support, query = latent_process(), examples(6), examples(5, "q")
    with seeded(0):
        assert learner([Y], support, query) != learner([Y], support, query)
        learner.eval()
        assert learner([Y], support, query) == learner([Y], support, query)


def test_drawn_functions_spread_as_the_latent_vector_does():
    learner, support = latent_process(), examples(6)
    state = learner.adapt([Y], support).state
    draws = torch.stack([learner.draw(state, generator(0, i))["y"]["latent"] for i in range(2000)])
    expected = latent(learner, support)
    assert (draws.mean(0) - expected.mean).abs().max() < 0.1
    torch.testing.assert_close(draws.std(0), expected.stddev.detach(), rtol=0.1, atol=0)


def test_a_drawn_function_is_answered_by_the_same_predictor_again():
    learner, support, query = latent_process(attentive=True), examples(6), examples(5, "q").inputs
    known = learner.adapt([Y], support)
    drawn = learner.predictor([Y], learner.draw(known.state, generator(0)))
    assert torch.equal(drawn(query)["y"], drawn(query)["y"])
    assert not torch.equal(drawn(query)["y"], known(query)["y"])

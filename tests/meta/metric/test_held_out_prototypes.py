"""Each example told by the means of the classes, its own without it."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from polytask.core import Batch, Episode, InputError, Task
from polytask.meta.metric import HeldOutPrototypes, Prototypes

TASK = Task(name="class", kind="multiclass", n_outputs=3)


def trained(encoder: nn.Module | None = None) -> HeldOutPrototypes:
    return HeldOutPrototypes(Prototypes(encoder or nn.Identity(), distance="cosine", scale=4.0))


def batch(labels: list[int], seed: int = 0) -> Batch:
    inputs = torch.randn(len(labels), 5, generator=torch.Generator().manual_seed(seed))
    return Batch(inputs=inputs, targets={"class": torch.tensor(labels)})


def test_the_objective_is_that_of_prototypes_without_the_example_itself():
    given = batch([0, 0, 1, 1, 1, 2, 2])
    assert isinstance(given.inputs, torch.Tensor)
    units = functional.normalize(given.inputs)
    labels, losses = given.targets["class"], []
    for index, own in enumerate(labels.tolist()):
        means = []
        for label in range(3):
            rows = [i for i in range(len(labels)) if labels[i] == label and i != index]
            means.append(torch.stack([units[i] for i in rows]).mean(0))
        logits = 4 * functional.cosine_similarity(units[index], torch.stack(means))
        losses.append(functional.cross_entropy(logits[None], torch.tensor([own])))
    found = trained().objectives([Episode(tasks=(TASK,), query=given)])
    assert torch.allclose(found.values, torch.stack(losses).mean()[None], atol=1e-6)


def test_training_moves_encoder_and_scale():
    learner = trained(nn.Linear(5, 4))
    episodes = [Episode(tasks=(TASK,), query=batch([0, 0, 1, 1, 2, 2], seed)) for seed in range(2)]
    found = learner.objectives(episodes)
    assert len(found) == 2 and len(set(found.names)) == 2
    found.values.sum().backward()
    assert all(parameter.grad is not None for parameter in learner.parameters())


def test_it_adapts_as_the_prototypes_that_it_trains():
    learner = trained(nn.Linear(5, 4))
    support, query = batch([0, 1, 2]), torch.randn(4, 5)
    assert torch.equal(
        learner.adapt([TASK], support)(query)["class"],
        learner.learner.adapt([TASK], support)(query)["class"],
    )


def test_a_class_of_one_example_and_distances_are_refused():
    with pytest.raises(InputError, match="one example in a step; give two or more of each"):
        trained().objectives([Episode(tasks=(TASK,), query=batch([0, 0, 1, 2, 2]))])
    with pytest.raises(InputError, match="needs `distance='cosine'`, but has 'euclidean'"):
        HeldOutPrototypes(Prototypes(nn.Identity()))

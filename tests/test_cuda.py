"""What runs on a GPU gives what the CPU gives."""

import copy

import pytest
import torch
from torch import nn

from polytask.architectures import HardSharing
from polytask.balancing import BalancedBackward, balancer_by_name
from polytask.balancing.catalogue import balancer_entries
from polytask.balancing.methods import UPGrad
from polytask.core import Batch, Episode, SharedModel, Task, generator, seeded
from polytask.data import ClassificationEpisodes, FunctionEpisodes, JointSource, LabelledExamples, Sinusoids
from polytask.evaluate import evaluate_episodes
from polytask.execution import named_execution
from polytask.meta import conv4, conv4_classifier, mlp
from polytask.meta.initialization import MAML
from polytask.meta.metric import Prototypes
from polytask.train import train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that CUDA sees")

TASKS = (Task(name="sum", kind="regression"), Task(name="right", kind="binary"))


def joint_batch() -> Batch:
    x = torch.randn(64, 4, generator=generator(0, "rows"))
    return Batch(inputs=x, targets={"sum": x.sum(1), "right": (x[:, 0] > 0).float()})


def joint_model() -> SharedModel:
    with seeded(0, "initialization"):
        trunk = HardSharing(nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 8), nn.Tanh()))
        return SharedModel(TASKS, trunk, {task.name: nn.Linear(8, task.n_outputs) for task in TASKS})


def images() -> LabelledExamples:
    return LabelledExamples(
        inputs=(torch.rand(120, 1, 20, 20, generator=generator(0, "images")) * 255).to(torch.uint8),
        labels=torch.arange(120) % 6,
        class_names=tuple("abcdef"),
        class_groups=("letters",) * 6,
    )


def image_source() -> ClassificationEpisodes:
    return ClassificationEpisodes(images(), n_way=3, n_shot=2, n_query=3, n_episodes=4, seed=0)


def gradients(module: nn.Module) -> torch.Tensor:
    return torch.cat([p.grad.reshape(-1).cpu() for p in module.parameters() if p.grad is not None])


@pytest.mark.parametrize("execution", ["loop", "vmap", "chunked", "compiled", "auto"])
@pytest.mark.parametrize("kind", ["sinusoid", "images"])
def test_a_meta_gradient_is_that_of_the_cpu(execution, kind):
    with seeded(0, "initialization"):
        net = mlp([1, 20, 1]) if kind == "sinusoid" else conv4_classifier(3, width=8)
    sines = FunctionEpisodes(Sinusoids(), n_support=5, n_query=5, n_episodes=4, seed=0)
    steps = [(sines if kind == "sinusoid" else image_source()).step(i) for i in range(2)]
    found = []
    for device, name in (("cpu", "loop"), ("cuda", execution)):
        learner = MAML(
            copy.deepcopy(net),
            inner_rate=0.05,
            n_steps=2,
            normalization=None if kind == "sinusoid" else "batch",
        ).to(device)
        run = named_execution(name, learner)
        for step in steps:  # the second time a compiled program is replayed
            learner.zero_grad()
            given = [episode.to(device) for episode in step]
            learner.objectives(given, execution=run).values.sum().backward()
        found.append(gradients(learner))
    torch.testing.assert_close(found[1], found[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("engine", ["features", "last-layer", "exact", "loop", "streamed", "auto"])
def test_a_balanced_gradient_is_that_of_the_cpu(engine):
    found = []
    for device in ("cpu", "cuda"):
        model = joint_model().to(device)
        episode = Episode(tasks=TASKS, query=joint_batch()).to(device)
        BalancedBackward(model, UPGrad(), engine=engine)(model.objectives([episode]))
        found.append(gradients(model))
    torch.testing.assert_close(found[1], found[0], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", balancer_entries())
def test_every_balancer_trains(name):
    model = joint_model()
    before = flat(model)
    train(
        model,
        JointSource(TASKS, joint_batch(), batch_size=32, seed=0),
        n_steps=4,
        balancer=balancer_by_name(name, [task.name for task in TASKS]),
        validation_source=JointSource(TASKS, joint_batch(), batch_size=32, seed=1),
        accelerator="cuda",
    )
    after = flat(model)
    assert after.isfinite().all()
    assert not torch.equal(before, after)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_learner_trained_on_the_gpu_is_judged_and_adapts_there(precision):
    learner = Prototypes(conv4(width=8))
    train(learner, image_source(), n_steps=3, accelerator="cuda", precision=precision)
    assert next(learner.parameters()).is_cuda
    score = evaluate_episodes(learner, image_source(), n_episodes=4)
    assert 0 <= score.interval.mean <= 1
    (episode, *_) = image_source().step(0)
    assert episode.support is not None
    predictor = learner.adapt(episode.tasks, episode.support.to("cuda"))
    outputs = predictor(episode.query.to("cuda").inputs)
    assert all(output.is_cuda for output in outputs.values())


def test_a_run_goes_on_from_its_checkpoint(tmp_path):
    def trained(n_steps: int, directory: str, *, resume: bool = False) -> torch.Tensor:
        model = joint_model()
        source = JointSource(TASKS, joint_batch(), batch_size=32, seed=0)
        train(
            model, source, n_steps=n_steps, directory=tmp_path / directory, resume=resume, validate_every=3,
            accelerator="cuda",
        )  # fmt: skip
        return flat(model)

    whole = trained(6, "whole")
    trained(3, "parts")
    torch.testing.assert_close(trained(6, "parts", resume=True), whole, rtol=1e-5, atol=1e-6)


def flat(module: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().reshape(-1).cpu() for p in module.parameters()])

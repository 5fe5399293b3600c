"""One row for every method: all of them keep the public contract."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

from polytask.architectures import (
    CGC,
    MTAN,
    PLE,
    BranchingTree,
    CrossStitch,
    DSelectK,
    FiLMSharing,
    HardSharing,
    LearnedBranching,
    LowRankAdapters,
    MMoE,
    MultiInputSharing,
    OwnInputSharing,
    Sluice,
    SoftSharing,
    SparseLowRankSharing,
    TraceNormSharing,
    table_trunk,
)
from polytask.balancing import InverseProbability, balancer_by_name
from polytask.balancing.catalogue import balancer_entries
from polytask.balancing.methods import UPGrad
from polytask.checks import check_balancer, check_learner, check_source
from polytask.core import (
    Batch,
    Episode,
    EpisodicLearner,
    InputError,
    Learner,
    SharedModel,
    Sharing,
    Task,
    generator,
    jacobian,
    seeded,
)
from polytask.core.batch import join_batches
from polytask.core.learner import Execution, run_loop
from polytask.data import (
    ClassificationEpisodes,
    FunctionEpisodes,
    JointSource,
    LabelledExamples,
    Sinusoids,
    Source,
    TaskSampling,
    VariedEpisodes,
)
from polytask.data.episodes.multi_label_episodes import MultiLabelEpisodes
from polytask.data.steps.several_sources import SeveralSources
from polytask.execution import run_vmap
from polytask.execution.chunked import Chunked
from polytask.execution.forward import run_forward
from polytask.meta import ImageTask, conv4, conv4_classifier, learner_by_name, learner_names, mlp
from polytask.meta.catalogue import learner_entries
from polytask.meta.initialization import CAVIA, FOMAML, MAML
from polytask.meta.metric import (
    BDCSPN,
    LRD2,
    R2D2,
    GaussianProcessHead,
    LaplacianShot,
    Mahalanobis,
    MatchingNet,
    MetaOptNet,
    NearestMean,
    Prototypes,
    RidgeRegression,
    SimpleShot,
    TunedLogistic,
)
from polytask.meta.model import (
    CANP,
    CNP,
    MANN,
    NP,
    SNAIL,
    TNPD,
    ClassCNP,
    ConvCNP,
    PlasticNetwork,
    PriorFitted,
)
from polytask.meta.model.bar_distribution import bar_borders
from polytask.selection import ChosenLearner

TASKS = [
    Task(name="mass.kg", kind="regression"),
    Task(name="sick", kind="binary"),
    Task(name="type", kind="multiclass", n_outputs=3),
    Task(name="tags", kind="multilabel", n_outputs=2),
]


def table() -> Batch:
    draw = generator(0, "table")
    labels = {
        "mass.kg": torch.randn(12, generator=draw),
        "sick": (torch.rand(12, generator=draw) > 0.5).float(),
        "type": torch.randint(3, (12,), generator=draw),
        "tags": (torch.rand(12, 2, generator=draw) > 0.5).float(),
    }
    return Batch(
        inputs=torch.randn(12, 5, generator=draw),
        targets=labels,
        masks={"sick": torch.arange(12) % 3 != 0, "tags": torch.rand(12, 2, generator=draw) > 0.3},
    )


def images() -> LabelledExamples:
    return LabelledExamples(
        inputs=(torch.rand(60, 1, 20, 20, generator=generator(0, "images")) * 255).to(torch.uint8),
        labels=torch.arange(60) % 6,
        class_names=tuple("abcdef"),
        class_groups=("letters",) * 6,
    )


def joint_steps() -> list[Episode]:
    return [Episode(tasks=tuple(TASKS), query=table())]


def image_steps() -> list[Episode]:
    return list(ClassificationEpisodes(images(), n_way=3, n_shot=2, n_query=3, n_episodes=2).step(0))


def function_steps() -> list[Episode]:
    return list(FunctionEpisodes(Sinusoids(), n_support=5, n_query=6, n_episodes=3, seed=0).step(0))


def heads() -> dict[str, nn.Module]:
    return {task.name: nn.Linear(8, task.n_outputs) for task in TASKS}


def soft() -> SharedModel:
    return SharedModel(TASKS, SoftSharing([t.name for t in TASKS], lambda: table_trunk(5, [8])), heads())


def layer(n_in: int = 5) -> Callable[[], nn.Module]:
    return lambda: table_trunk(n_in, [8])


NAMES = [task.name for task in TASKS]
EXPERTS: dict[str, Callable[[], Sharing]] = {
    "branching tree": lambda: BranchingTree(
        NAMES, [layer(), layer(8)], groups=[[NAMES], [NAMES[:2], NAMES[2:3], NAMES[3:]]]
    ),
    "learned branching": lambda: LearnedBranching(NAMES, [layer(), layer(8)], n_candidates=[2, 3]),
    "multi-input by input": lambda: MultiInputSharing(
        {"x": table_trunk(5, [6])}, table_trunk(6, [8]), inputs={name: ["x"] for name in NAMES}
    ),
    "cross-stitch": lambda: CrossStitch(NAMES, [layer(), layer(8)], channels=[8, 8]),
    "sluice": lambda: Sluice(NAMES, [lambda: table_trunk(5, [4]), lambda: table_trunk(8, [4])]),
    "MMoE": lambda: MMoE(NAMES, layer(), 3, gate=5),
    "MMoE with a stem": lambda: MMoE(NAMES, layer(8), 3, gate=8, stem=table_trunk(5, [8])),
    "CGC": lambda: CGC(NAMES, layer(), gate=5, n_shared=2),
    "DSelect-k": lambda: DSelectK(NAMES, layer(), 3, n_selected=2),
    "DSelect-k by example": lambda: DSelectK(NAMES, layer(), 4, n_selected=2, gate=5),
    "MTAN": lambda: MTAN(NAMES, [table_trunk(5, [6]), table_trunk(6, [8])], channels=[6, 8]),
    "low-rank adapters": lambda: LowRankAdapters(NAMES, table_trunk(5, [8]), rank=2),
    "low-rank adapters on a tuned backbone": lambda: LowRankAdapters(
        NAMES, table_trunk(5, [8]), rank=2, tune_backbone=True
    ),
    "own input": lambda: OwnInputSharing(NAMES, lambda: table_trunk(5, [6]), table_trunk(6, [8])),
    "multi-input": lambda: MultiInputSharing(
        {name: table_trunk(5, [6]) for name in NAMES}, table_trunk(6, [8])
    ),
    "FiLM": lambda: FiLMSharing(NAMES, [table_trunk(5, [8]), table_trunk(8, [8])], channels=[8, 8]),
    "FiLM by embedding": lambda: FiLMSharing(
        NAMES, [table_trunk(5, [8]), table_trunk(8, [8])], channels=[8, 8], embedding_width=3
    ),
    "sparse and low rank": lambda: SparseLowRankSharing(NAMES, layer(), rank=2),
    "trace norm": lambda: TraceNormSharing(NAMES, layer()),
    "PLE": lambda: PLE(NAMES, [layer(), layer(8), layer(8)], gates=[5, 8, 8]),
}


def shared_by(name: str) -> Callable[[], Learner]:
    return lambda: SharedModel(TASKS, EXPERTS[name](), heads())


LEARNERS: dict[str, tuple[Callable[[], Learner], Callable[[], list[Episode]]]] = {
    "hard sharing": (lambda: SharedModel(TASKS, HardSharing(table_trunk(5, [8, 8])), heads()), joint_steps),
    "hard sharing with dropout": (
        lambda: SharedModel(TASKS, HardSharing(table_trunk(5, [8], dropout=0.5)), heads()),
        joint_steps,
    ),
    "soft sharing": (soft, joint_steps),
    **{name: (shared_by(name), joint_steps) for name in EXPERTS},
    "prototypes": (lambda: Prototypes(conv4(width=4, normalization="group")), image_steps),
    "prototypes with batch norm": (lambda: Prototypes(conv4(width=4)), image_steps),
    "prototypes by cosine": (
        lambda: Prototypes(conv4(width=4, normalization="layer"), distance="cosine"),
        image_steps,
    ),
    "MAML": (lambda: MAML(mlp([1, 8, 1], nn.Tanh), n_steps=2), function_steps),
    "MAML, images": (
        lambda: MAML(conv4_classifier(3, width=4, normalization="group"), n_steps=1),
        image_steps,
    ),
    "MAML, batch statistics": (
        lambda: MAML(conv4_classifier(3, width=4), normalization="batch"),
        image_steps,
    ),
    "FOMAML": (lambda: FOMAML(mlp([1, 8, 1], nn.Tanh), n_steps=2), function_steps),
    "CAVIA": (lambda: CAVIA(mlp([3, 8, 1], nn.Tanh), n_context=2), function_steps),
    "CNP": (lambda: CNP(1, width=8), function_steps),
    "CANP": (lambda: CANP(1, width=8, n_heads=2), function_steps),
    "NP": (lambda: NP(1, width=8, n_latent=4), function_steps),
    "attentive NP": (lambda: NP(1, width=8, n_latent=4, n_heads=2, attentive=True), function_steps),
    "ConvCNP": (lambda: ConvCNP(), function_steps),
    "TNP-D": (lambda: TNPD(1, width=8, n_heads=2, n_layers=2, feedforward=8), function_steps),
    "prior-fitted network": (
        lambda: PriorFitted(
            nn.Linear(1, 8), width=8, n_layers=2, n_heads=2, borders=bar_borders(torch.randn(500), 10)
        ),
        function_steps,
    ),
    "ridge regression": (lambda: RidgeRegression(mlp([1, 8, 4], nn.Tanh)), function_steps),
    "tuned logistic regression": (lambda: TunedLogistic(400), image_steps),
    "Gaussian process on features": (
        lambda: GaussianProcessHead(mlp([1, 8, 4], nn.Tanh), n_inputs=1),
        function_steps,
    ),
    "chosen learner": (
        lambda: ChosenLearner(
            {
                "means": Prototypes(nn.Sequential(nn.Flatten(), nn.Linear(400, 8))),
                "line": R2D2(nn.Sequential(nn.Flatten(), nn.Linear(400, 8))),
            }
        ),
        image_steps,
    ),
    "CNP for classes": (
        lambda: ClassCNP(nn.Linear(20, 6), n_features=6 * 20, n_classes=3, width=8),
        image_steps,
    ),
    "SNAIL": (
        lambda: SNAIL(nn.Flatten(), 400, n_classes=3, length=7, channels=4, attention=((8, 4), (8, 4))),
        image_steps,
    ),
    "MANN": (
        lambda: MANN(nn.Flatten(), 400, n_classes=3, n_hidden=8, n_slots=8, slot_width=4, n_heads=1),
        image_steps,
    ),
    "in-context transformer": (
        lambda: PriorFitted(
            nn.Sequential(nn.Flatten(), nn.Linear(400, 8)), width=8, n_classes=3, n_layers=2, n_heads=2
        ),
        image_steps,
    ),
    "plastic network, Oja's rule": (
        lambda: PlasticNetwork([400, 3], rule="oja", modulation="retroactive"),
        image_steps,
    ),
}

DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]

SOURCES: dict[str, Callable[[], Source]] = {
    "JointSource": lambda: JointSource(TASKS, table(), batch_size=5, seed=0),
    "SeveralSources": lambda: SeveralSources(
        [
            JointSource(TASKS[:2], table(), batch_size=5, seed=0),
            JointSource(TASKS[2:], table(), batch_size=4, seed=0),
        ]
    ),
    "TaskSampling": lambda: TaskSampling(
        {task.name: JointSource([task], table(), batch_size=5, seed=0) for task in TASKS},
        scheme="uniform",
        per_step=2,
    ),
    "ClassificationEpisodes": lambda: ClassificationEpisodes(
        images(), n_way=3, n_shot=1, n_query=2, n_episodes=2
    ),
    "VariedEpisodes in a tree": lambda: VariedEpisodes(
        images(), n_way=(2, 4), n_shot=(1, 2), n_query=2, within_groups="tree"
    ),
    "MultiLabelEpisodes": lambda: MultiLabelEpisodes(
        torch.rand(60, 4, generator=generator(0, "rows")),
        (torch.rand(60, 5, generator=generator(0, "labels")) < 0.4).float(),
        known=torch.rand(60, 5, generator=generator(0, "known")) < 0.8,
        n_labels=3,
        n_shot=2,
        n_query=2,
        n_without=1,
        n_episodes=2,
    ),
    "FunctionEpisodes": lambda: FunctionEpisodes(Sinusoids(), n_support=5, n_query=5, n_episodes=2, seed=0),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_keeps_the_contract(name, device):
    build, steps = LEARNERS[name]
    with seeded(0, "initialization"):
        learner = build()
    check_learner(learner.to(device), [episode.to(device) for episode in steps()])


VALUES_DECIDE = {"chosen learner"}
"""Learners that branch on values, which vmap cannot run."""


@pytest.mark.parametrize(
    "name",
    [name for name, (_, steps) in LEARNERS.items() if steps is not joint_steps and name not in VALUES_DECIDE],
)
def test_every_execution_gives_the_values_and_gradients_of_the_loop(name):
    build, steps = LEARNERS[name]
    with seeded(0, "initialization"):
        learner = build().double().eval()
    assert isinstance(learner, EpisodicLearner)
    episodes = [episode.to("cpu", torch.float64) for episode in steps()]
    parameters = [parameter for parameter in learner.parameters() if parameter.requires_grad]

    def found(execution: Execution) -> tuple[torch.Tensor, torch.Tensor]:
        values = learner.objectives(episodes, execution=execution).values
        return values.detach(), jacobian(values, parameters)

    executions = [Chunked(1), Chunked(2), run_vmap]
    for execution in executions if learner.inner_gradients else [*executions, run_forward]:
        torch.testing.assert_close(found(execution), found(run_loop))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", learner_names())
def test_every_learner_of_the_catalogue_keeps_the_contract(name, device):
    learner = built(name)
    for buffer_name, buffer in learner.named_buffers():
        if buffer_name.endswith("n_done"):
            buffer.fill_(1e6)  # MAML++'s objective changes from step to step until its annealing is over
    check_learner(learner.to(device), [episode.to(device) for episode in image_steps()])
    assert learner.transductive == learner_entries()[name].transductive


def built(name: str) -> EpisodicLearner:
    with seeded(0, "initialization"):
        return learner_by_name(name, ImageTask(n_way=3, size=20, width=4))


@pytest.mark.parametrize("name", learner_names())
def test_a_row_without_label_has_no_say_in_a_classifier_of_the_catalogue(name):
    learner, episode = built(name), image_steps()[0]
    assert episode.support is not None
    answers = [learner.adapt(episode.tasks, episode.support)(episode.query.inputs)["class"]]
    for label, image in ((0, 0.0), (2, 1.0), (99, 0.3)):
        strange = Batch(inputs=torch.full((4, 1, 20, 20), image), targets={"class": torch.full((4,), label)})
        support = join_batches([strange, episode.support])
        support = replace(support, masks={"class": torch.arange(len(support)) > 3})
        answers.append(learner.adapt(episode.tasks, support)(episode.query.inputs)["class"])
    torch.testing.assert_close(answers[1:], answers[:1] * 3, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("hidden", ["left out", "masked"])
@pytest.mark.parametrize("name", learner_names())
def test_a_support_without_an_example_of_a_class_is_refused_by_every_learner(name, hidden):
    learner, (episode, *_) = built(name), image_steps()
    assert episode.support is not None
    shown = episode.support.targets["class"] != 1
    support = episode.support.rows(shown)
    if hidden == "masked":
        support = replace(episode.support, masks={"class": shown})
    message = "`support` of task 'class' needs an example of every class, but 1 have none"
    with pytest.raises(InputError, match=message):
        learner.adapt(episode.tasks, support)
    strange = episode.support.targets["class"] + (episode.support.targets["class"] == 2)
    with pytest.raises(InputError, match="needs an example of every class, but 2 have none"):
        learner.adapt(episode.tasks, replace(episode.support, targets={"class": strange}))


@pytest.mark.parametrize("mixed", [True, False])
@pytest.mark.parametrize("name", learner_names())
def test_every_learner_of_the_catalogue_learns_in_16_bits(name, mixed, caplog):
    dtype = torch.float32 if mixed else torch.bfloat16
    learner = built(name).to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mixed):
        values = learner.objectives([episode.to("cpu", dtype) for episode in image_steps()]).values
    values.sum().backward()
    gradients = [p.grad for p in learner.parameters() if p.grad is not None]
    assert gradients or not [p for p in learner.parameters() if p.requires_grad]
    assert all(gradient.isfinite().all() and gradient.dtype == dtype for gradient in gradients)
    assert "as it failed" not in caplog.text  # an execution that torch has no rules for in 16 bits


@pytest.mark.parametrize(
    "build",
    [
        Prototypes,
        lambda encoder: Prototypes(encoder, distance="cosine"),
        lambda encoder: SimpleShot(encoder, transform="unit"),
        Mahalanobis,
        MatchingNet,
        R2D2,
        LRD2,
        MetaOptNet,
        BDCSPN,
        LaplacianShot,
    ],
)
def test_under_autocast_a_head_keeps_its_digits(build):
    learner = build(nn.Flatten()).eval()
    answers = []
    for enabled in (False, True):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            episode = image_steps()[0]
            answers.append(learner.adapt(episode.tasks, episode.support)(episode.query.inputs)["class"])
    torch.testing.assert_close(*answers)


def test_pixels_keep_the_contract_but_have_nothing_to_train():
    check_learner(NearestMean(), image_steps())


@pytest.mark.parametrize("name", balancer_entries())
def test_every_balancer_keeps_the_contract(name):
    check_balancer(lambda names: balancer_by_name(name, names), positive=not balancer_entries()[name].signed)


def test_the_balancer_of_sampled_tasks_keeps_the_contract():
    check_balancer(lambda names: InverseProbability(UPGrad(), dict.fromkeys(names, 0.5)))


@pytest.mark.parametrize("name", balancer_entries())
def test_the_catalogue_says_what_a_balancer_needs(name):
    entry = balancer_entries()[name]
    assert entry.build(["a", "b"]).needs == entry.needs


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_keeps_the_contract(name):
    check_source(SOURCES[name]())

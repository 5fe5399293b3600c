"""Few-shot classifiers of images by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import nn

from polytask.core import EpisodicLearner, InputError, by_door, name_problem
from polytask.meta.gradient_learner import GradientLearner
from polytask.meta.image_task import ImageTask
from polytask.meta.initialization import (
    ANIL,
    BOIL,
    FOMAML,
    IMAML,
    MAML,
    MAMLPlusPlus,
    ProtoMAML,
    Reptile,
)
from polytask.meta.inner.sgd import SGD
from polytask.meta.metric.baseline import Baseline, BaselinePlusPlus
from polytask.meta.metric.bd_cspn import BDCSPN
from polytask.meta.metric.cosine_head import CosineHead
from polytask.meta.metric.feat import FEAT
from polytask.meta.metric.laplacian_shot import LaplacianShot
from polytask.meta.metric.logistic import LRD2
from polytask.meta.metric.mahalanobis import Mahalanobis
from polytask.meta.metric.matching import MatchingNet
from polytask.meta.metric.prototypes import Prototypes
from polytask.meta.metric.pt_map import PTMAP
from polytask.meta.metric.relation import RelationNet, image_relation
from polytask.meta.metric.ridge import R2D2
from polytask.meta.metric.simple_shot import SimpleShot
from polytask.meta.metric.svm import MetaOptNet
from polytask.meta.metric.tim import TIM
from polytask.meta.model.film_generator import FiLMGenerator
from polytask.meta.networks import conv4
from polytask.meta.optimization import (
    ALFA,
    LSTMOptimizer,
    MetaCurvature,
    MetaLSTM,
    MetaSGD,
    MLPOptimizer,
    WarpGrad,
    with_warp_layers,
)

__all__ = ["LearnerEntry", "learner_by_name", "learner_entries", "learner_listing"]

Family: TypeAlias = Literal["initialization", "optimization", "model", "metric"]
InnerSetting: TypeAlias = Literal["inner_rate", "inner_steps"]


Builder: TypeAlias = Callable[[ImageTask], EpisodicLearner]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerEntry:
    """A method of the catalogue.

    Args:
        family: What of it is learned from known tasks: an initialization, the learning rule, a model that
            adapts by its forward pass, or a space in which to compare.
        source: Where it comes from.
        build: Makes it, untrained.
        fixed_way: Whether a trained one answers tasks of ``n_way`` classes only, or at most.
        transductive: Whether a query's answer depends on the other queries.
        pretraining_head: Where the method leaves the encoder as a classifier of all known classes made it,
            makes the head of that classifier, from numbers of features and of classes; None where the method
            trains by episodes.
        train_way: Classes of a training episode that do well, where it need not be those of the task.
        inner: Which of ``inner_rate`` and ``inner_steps`` it uses.
    """

    family: Family
    source: str
    build: Builder
    fixed_way: bool = False
    transductive: bool = False
    pretraining_head: Callable[[int, int], nn.Module] | None = None
    train_way: int = 20
    inner: tuple[InnerSetting, ...] = ()


def learner_by_name(name: str, task: ImageTask) -> EpisodicLearner:
    """Build an untrained learner of the catalogue.

    Args:
        name: See `learner_entries`.
        task: What it is built for.

    Raises:
        InputError: The name is unknown.

    Example:
        >>> learner_by_name("prototypes", ImageTask(n_way=5, width=8)).transductive
        False
    """
    if name not in _ENTRIES:
        what = f"There is no learner {name!r}"
        raise InputError(name_problem(what, name, _ENTRIES, listing=learner_listing()) + ".")
    return _ENTRIES[name].build(task)


def learner_entries() -> Mapping[str, LearnerEntry]:
    """Return the catalogue by name."""
    return dict(_ENTRIES)


def learner_listing() -> str:
    """Say what lists the names, where the message is read."""
    return by_door(python="`polytask.meta.learner_entries()`", command="`polytask methods`")


def _prototypes(task: ImageTask) -> EpisodicLearner:
    encoder = task.encoder()
    encoder.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - twice as fast on CPU
    return Prototypes(encoder)


def _relation(task: ImageTask) -> EpisodicLearner:
    halves = list(task.encoder().children())[:8]  # the first two blocks, which halve the image
    for _ in range(2):
        halves += [
            nn.Conv2d(task.width, task.width, 3, padding=1),
            nn.BatchNorm2d(task.width),
            nn.ReLU(),
        ]
    relation = image_relation(task.width, task.size // 4, width=task.width)
    return RelationNet(nn.Sequential(*halves), relation, execution="loop")


def _reptile(task: ImageTask) -> EpisodicLearner:
    return Reptile(task.classifier(), rule=SGD(task.rate(0.05)), n_steps=task.steps(5), execution="each")


def _imaml(task: ImageTask) -> EpisodicLearner:
    rule = SGD(task.rate(0.1))
    return IMAML(task.classifier(), strength=0.5, rule=rule, n_steps=task.steps(8), execution="each")


def _on_encoder(learner: Callable[..., EpisodicLearner], **options: object) -> Builder:
    """Return what puts a learner on the encoder."""
    return lambda task: learner(task.encoder(), execution="loop", **options)


def _by_gradients(
    learner: Callable[..., EpisodicLearner],
    *,
    rate: float,
    steps: int,
    network: Callable[[ImageTask], nn.Module] = ImageTask.classifier,
    **options: object,
) -> Builder:
    """Return what makes a learner that adapts a network, the classifier, by gradient steps."""

    def build(task: ImageTask) -> EpisodicLearner:
        return learner(
            network(task),
            inner_rate=task.rate(rate),
            n_steps=task.steps(steps),
            execution="each",
            **options,
        )

    return build


def _by_rule(rule: Callable[[], LSTMOptimizer | MLPOptimizer | MetaLSTM], steps: int) -> Builder:
    def build(task: ImageTask) -> EpisodicLearner:
        return GradientLearner(task.classifier(), rule=rule(), n_steps=task.steps(steps), execution="each")

    return build


def _film(task: ImageTask) -> EpisodicLearner:
    sizes = [task.in_channels, task.width, task.width, task.width]
    blocks = [
        nn.Sequential(
            nn.Conv2d(n_in, task.width, 3, padding=1),
            nn.GroupNorm(1, task.width),
            nn.MaxPool2d(2),
            nn.ReLU(),
        )
        for n_in in sizes
    ]
    reader = conv4(task.in_channels, task.width, normalization="layer", spatial="mean")
    return FiLMGenerator(reader, task.width, blocks, channels=[task.width] * 4)


_FINN = "Finn et al., ICML 2017, arXiv:1703.03400"
_BOTH: tuple[InnerSetting, ...] = ("inner_rate", "inner_steps")
_CHEN = "Chen et al., ICLR 2019, arXiv:1904.04232"
_ENTRIES: dict[str, LearnerEntry] = {
    "prototypes": LearnerEntry(
        family="metric", source="Snell et al., NeurIPS 2017, arXiv:1703.05175", build=_prototypes
    ),
    "matching": LearnerEntry(
        family="metric",
        source="Vinyals et al., NeurIPS 2016, arXiv:1606.04080",
        build=_on_encoder(MatchingNet),
    ),
    "relation": LearnerEntry(
        family="metric",
        source="Sung et al., CVPR 2018, arXiv:1711.06025",
        build=_relation,
        train_way=5,
    ),
    "ridge": LearnerEntry(
        family="metric",
        source="Bertinetto et al., ICLR 2019, arXiv:1805.08136 (R2D2)",
        build=_on_encoder(R2D2),
    ),
    "logistic": LearnerEntry(
        family="metric",
        source="Bertinetto et al., ICLR 2019, arXiv:1805.08136 (LR-D2)",
        build=_on_encoder(LRD2),
    ),
    "svm": LearnerEntry(
        family="metric",
        source="Lee et al., CVPR 2019, arXiv:1904.03758 (MetaOptNet)",
        build=_on_encoder(MetaOptNet),
    ),
    "mahalanobis": LearnerEntry(
        family="metric",
        source="Bateni et al., CVPR 2020, arXiv:1912.03432 (the head of Simple CNAPS)",
        build=_on_encoder(Mahalanobis),
    ),
    "feat": LearnerEntry(
        family="metric",
        source="Ye et al., CVPR 2020, arXiv:1812.03664",
        build=lambda task: FEAT(task.encoder(), task.n_features, temperature=1.0, execution="loop"),
    ),
    "simple-shot": LearnerEntry(
        family="metric",
        source="Wang et al., 2019, arXiv:1911.04623",
        build=_on_encoder(SimpleShot, transform="unit"),
        pretraining_head=nn.Linear,
    ),
    "fine-tuning": LearnerEntry(
        family="metric",
        source=f"{_CHEN} (Baseline: joint training on all known classes, then a new head)",
        build=_on_encoder(Baseline),
        pretraining_head=nn.Linear,
    ),
    "cosine-fine-tuning": LearnerEntry(
        family="metric",
        source=f"{_CHEN} (Baseline++)",
        build=_on_encoder(BaselinePlusPlus),
        pretraining_head=CosineHead,
    ),
    "tim": LearnerEntry(
        family="metric",
        source="Boudiaf et al., NeurIPS 2020, arXiv:2008.11297",
        build=lambda task: TIM(task.encoder(), n_steps=task.steps(100), execution="loop"),
        transductive=True,
        pretraining_head=nn.Linear,
        inner=("inner_steps",),
    ),
    "laplacian-shot": LearnerEntry(
        family="metric",
        source="Ziko et al., ICML 2020, arXiv:2006.15486",
        build=_on_encoder(LaplacianShot),
        transductive=True,
        pretraining_head=nn.Linear,
    ),
    "pt-map": LearnerEntry(
        family="metric",
        source="Hu et al., ICANN 2021, arXiv:2006.03806",
        build=_on_encoder(PTMAP),
        transductive=True,
        pretraining_head=nn.Linear,
    ),
    "bd-cspn": LearnerEntry(
        family="metric",
        source="Liu et al., ECCV 2020, arXiv:1911.10713",
        build=_on_encoder(BDCSPN),
        transductive=True,
        pretraining_head=nn.Linear,
    ),
    "maml": LearnerEntry(
        family="initialization",
        source=_FINN,
        build=_by_gradients(MAML, rate=0.1, steps=3),
        fixed_way=True,
        inner=_BOTH,
    ),
    "fomaml": LearnerEntry(
        family="initialization",
        source=f"{_FINN} (first order)",
        build=_by_gradients(FOMAML, rate=0.1, steps=3),
        fixed_way=True,
        inner=_BOTH,
    ),
    "maml++": LearnerEntry(
        family="initialization",
        source="Antoniou et al., ICLR 2019, arXiv:1810.09502",
        build=_by_gradients(MAMLPlusPlus, rate=0.1, steps=3, n_multi_step=100, per_step_normalization=False),
        fixed_way=True,
        inner=_BOTH,
    ),
    "anil": LearnerEntry(
        family="initialization",
        source="Raghu et al., ICLR 2020, arXiv:1909.09157",
        build=_by_gradients(ANIL, rate=0.1, steps=5),
        fixed_way=True,
        inner=_BOTH,
    ),
    "boil": LearnerEntry(
        family="initialization",
        source="Oh et al., ICLR 2021, arXiv:2008.08882",
        build=_by_gradients(BOIL, rate=0.1, steps=3),
        fixed_way=True,
        inner=_BOTH,
    ),
    "reptile": LearnerEntry(
        family="initialization",
        source="Nichol et al., 2018, arXiv:1803.02999",
        build=_reptile,
        fixed_way=True,
        inner=_BOTH,
    ),
    "imaml": LearnerEntry(
        family="initialization",
        source="Rajeswaran et al., NeurIPS 2019, arXiv:1909.04630",
        build=_imaml,
        fixed_way=True,
        inner=_BOTH,
    ),
    "proto-maml": LearnerEntry(
        family="initialization",
        source="Triantafillou et al., ICLR 2020, arXiv:1903.03096",
        build=_by_gradients(
            ProtoMAML, rate=0.01, steps=3, network=lambda task: task.encoder("group"), second_order=True
        ),
        inner=_BOTH,
    ),
    "meta-sgd": LearnerEntry(
        family="optimization",
        source="Li et al., 2017, arXiv:1707.09835",
        build=lambda task: MetaSGD(
            task.classifier(), rate=task.rate(0.1), n_steps=task.steps(3), execution="each"
        ),
        fixed_way=True,
        inner=_BOTH,
    ),
    "meta-curvature": LearnerEntry(
        family="optimization",
        source="Park and Oliva, NeurIPS 2019, arXiv:1902.03356",
        build=_by_gradients(MetaCurvature, rate=0.1, steps=3),
        fixed_way=True,
        inner=_BOTH,
    ),
    "alfa": LearnerEntry(
        family="optimization",
        source="Baik et al., NeurIPS 2020, arXiv:2011.00209",
        build=_by_gradients(ALFA, rate=0.1, steps=3),
        fixed_way=True,
        inner=_BOTH,
    ),
    "warp-grad": LearnerEntry(
        family="optimization",
        source="Flennerhag et al., ICLR 2020, arXiv:1909.00025",
        build=_by_gradients(
            WarpGrad, rate=0.1, steps=3, network=lambda task: with_warp_layers(task.classifier())
        ),
        fixed_way=True,
        inner=_BOTH,
    ),
    "lstm-optimizer": LearnerEntry(
        family="optimization",
        source="Andrychowicz et al., NeurIPS 2016, arXiv:1606.04474",
        build=_by_rule(LSTMOptimizer, 3),
        fixed_way=True,
        inner=("inner_steps",),
    ),
    "mlp-optimizer": LearnerEntry(
        family="optimization",
        source="Metz et al., CoLLAs 2022, arXiv:2203.11860",
        build=_by_rule(MLPOptimizer, 3),
        fixed_way=True,
        inner=("inner_steps",),
    ),
    "meta-lstm": LearnerEntry(
        family="optimization",
        source="Ravi and Larochelle, ICLR 2017",
        build=_by_rule(MetaLSTM, 3),
        fixed_way=True,
        inner=("inner_steps",),
    ),
    "cnaps": LearnerEntry(
        family="model", source="Requeima et al., NeurIPS 2019, arXiv:1906.07697", build=_film
    ),
}

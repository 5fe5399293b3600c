"""Few-shot classifiers of images by name; what there is to say of one stands at its class."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from polytask.core.catalogue import Catalogue
from polytask.core.doors import by_door

if TYPE_CHECKING:  # a list of names needs no torch
    from polytask.core import EpisodicLearner
    from polytask.meta.entry import LearnerEntry
    from polytask.meta.image_task import ImageTask

__all__ = ["learner_by_name", "learner_entries", "learner_entry", "learner_listing", "learner_names"]


def learner_listing() -> str:
    """Say what lists the names, where the message is read."""
    return by_door(python="`polytask.meta.learner_names()`", command="`polytask methods`")


LEARNERS: "Catalogue[LearnerEntry]" = Catalogue(
    "learner",
    "polytask.meta",
    {
        "prototypes": ".metric.prototypes:Prototypes",
        "varied-prototypes": ".metric.prototypes:Prototypes",
        "matching": ".metric.matching_net:MatchingNet",
        "relation": ".metric.relation_net:RelationNet",
        "ridge": ".metric.r2d2:R2D2",
        "logistic": ".metric.lrd2:LRD2",
        "svm": ".metric.metaopt_net:MetaOptNet",
        "mahalanobis": ".metric.mahalanobis:Mahalanobis",
        "feat": ".metric.feat:FEAT",
        "simple-shot": ".metric.simple_shot:SimpleShot",
        "fine-tuning": ".metric.baseline:Baseline",
        "cosine-fine-tuning": ".metric.baseline:BaselinePlusPlus",
        "tim": ".metric.tim:TIM",
        "laplacian-shot": ".metric.laplacian_shot:LaplacianShot",
        "pt-map": ".metric.pt_map:PTMAP",
        "bd-cspn": ".metric.bd_cspn:BDCSPN",
        "maml": ".initialization.maml:MAML",
        "fomaml": ".initialization.maml:FOMAML",
        "maml++": ".initialization.maml_plus_plus:MAMLPlusPlus",
        "anil": ".initialization.anil:ANIL",
        "boil": ".initialization.anil:BOIL",
        "reptile": ".initialization.reptile:Reptile",
        "imaml": ".initialization.imaml:IMAML",
        "proto-maml": ".initialization.proto_maml:ProtoMAML",
        "meta-sgd": ".optimization.meta_sgd:MetaSGD",
        "meta-curvature": ".optimization.meta_curvature:MetaCurvature",
        "alfa": ".optimization.alfa:ALFA",
        "warp-grad": ".optimization.warp_grad:WarpGrad",
        "lstm-optimizer": ".optimization.learned_optimizer:LSTMOptimizer",
        "mlp-optimizer": ".optimization.learned_optimizer:MLPOptimizer",
        "meta-lstm": ".optimization.meta_lstm:MetaLSTM",
        "cnaps": ".model.film_generator:FiLMGenerator",
    },
    listing=learner_listing,
)


def learner_names() -> tuple[str, ...]:
    """Return the names that `learner_by_name` knows, without loading any method.

    Example:
        >>> learner_names()[:2]
        ('prototypes', 'varied-prototypes')
    """
    return LEARNERS.names()


def learner_entries() -> "Mapping[str, LearnerEntry]":
    """Return the whole catalogue by name; this loads every method.

    Example:
        >>> learner_entries()["maml"].inner
        ('inner_rate', 'inner_steps')
    """
    return LEARNERS.entries()


def learner_entry(name: str) -> "LearnerEntry":
    """Return what the catalogue says of a learner; no other one is loaded.

    Raises:
        InputError: No learner has this name.
    """
    return LEARNERS.entry(name)


def learner_by_name(name: str, task: "ImageTask") -> "EpisodicLearner":
    """Build an untrained learner of the catalogue.

    Args:
        name: See `learner_names`.
        task: What it is built for.

    Raises:
        InputError: No learner has this name.

    Example:
        >>> from polytask.meta.image_task import ImageTask
        >>> learner_by_name("prototypes", ImageTask(n_way=5, width=8)).transductive
        False
    """
    return LEARNERS.entry(name).build(task)

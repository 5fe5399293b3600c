"""What is trained on which steps, so that a few-shot learner of images becomes one."""

from polytask.architectures import HardSharing
from polytask.core import EpisodicLearner, InputError, Learner, SharedModel, derive_seed, seeded
from polytask.data import ClassBatches, ClassificationEpisodes, KnownClasses, LabelledExamples, Source
from polytask.data.images.varied_images import ORIENTATIONS, drawn_on_black
from polytask.meta.catalogue import learner_entry
from polytask.meta.metric.feature_classifier import FeatureClassifier
from polytask.meta.metric.held_out_prototypes import HeldOutPrototypes
from polytask.meta.metric.prototypes import Prototypes
from polytask.models.few_shot_config import FewShotConfig

__all__ = ["to_train"]


def to_train(
    learner: EpisodicLearner, examples: LabelledExamples, config: FewShotConfig, *, seed: int
) -> tuple[Learner, Source]:
    """Return what is trained on which steps: the learner itself, or its encoder on all known classes."""
    seed_of_steps = derive_seed(seed, "training")
    entry = learner_entry(config.learner)
    if entry.held_out and isinstance(learner, Prototypes):
        return HeldOutPrototypes(learner), _varied(examples, config, seed=seed_of_steps)
    pretraining_head = entry.pretraining_head
    if pretraining_head is None:
        return learner, ClassificationEpisodes(
            examples,
            n_way=config.train_way,
            n_shot=config.shot,
            n_query=config.n_query,
            n_episodes=config.episodes,
            seed=seed_of_steps,
        )
    if not isinstance(learner, FeatureClassifier):
        raise InputError(f"The learner {config.learner!r} has no encoder that could be trained beforehand.")
    source = KnownClasses(examples, batch_size=config.batch_size, seed=seed_of_steps)
    with seeded(seed, "head of all known classes"):
        head = pretraining_head(config.image_task().n_features, examples.n_classes)
    return SharedModel(source.tasks, HardSharing(learner.encoder), {"class": head}), source


def _varied(examples: LabelledExamples, config: FewShotConfig, *, seed: int) -> ClassBatches:
    """Return batches of two images of each of many classes, of four groups where there are so many.

    Drawings on black are bent, as what is beyond the border of an image counts as black; others are not.
    """
    n_classes = max(2, min(config.batch_size // 2, ORIENTATIONS * examples.n_classes))
    strength = 1.0 if drawn_on_black(examples.inputs) else None
    return ClassBatches(
        examples, n_classes=n_classes, n_groups=min(4, n_classes), strength=strength, seed=seed
    )

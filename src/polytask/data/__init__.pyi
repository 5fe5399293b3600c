from .curriculum import Curriculum
from .episodes.associations import AssociationEpisodes
from .episodes.class_episodes import ClassificationEpisodes
from .episodes.class_leaks import check_new_classes
from .episodes.functions import FunctionEpisodes, Sinusoids
from .episodes.labelled_examples import LabelledExamples
from .episodes.task_episodes import TaskEpisodes
from .episodes.varied_episodes import VariedEpisodes
from .examples.examples import Examples
from .examples.reading import read_examples
from .examples.sounds import Sound
from .images.class_folders import image_folder, read_images
from .images.image_preparation import ImagePreparation
from .source import Source
from .steps.class_batches import ClassBatches
from .steps.joint import JointSource
from .steps.joint_examples import JointExamples
from .steps.known_classes import KnownClasses
from .steps.mixed_sources import MixedSources
from .steps.prefetch import steps_ahead
from .steps.standardization import Standardization
from .steps.task_sampling import TaskSampling
from .tables.features import TableEncoder
from .tables.leaks import check_leak
from .tables.splits import split_groups, split_rows, split_time
from .tables.table import read_table

__all__ = [
    "AssociationEpisodes",
    "ClassBatches",
    "ClassificationEpisodes",
    "Curriculum",
    "Examples",
    "FunctionEpisodes",
    "ImagePreparation",
    "JointExamples",
    "JointSource",
    "KnownClasses",
    "LabelledExamples",
    "MixedSources",
    "Sinusoids",
    "Sound",
    "Source",
    "Standardization",
    "TableEncoder",
    "TaskEpisodes",
    "TaskSampling",
    "VariedEpisodes",
    "check_leak",
    "check_new_classes",
    "image_folder",
    "read_examples",
    "read_images",
    "read_table",
    "split_groups",
    "split_rows",
    "split_time",
    "steps_ahead",
]

from .curriculum import Curriculum
from .episodes.associations import AssociationEpisodes, CompletionEpisodes
from .episodes.class_episodes import ClassificationEpisodes
from .episodes.class_leaks import check_new_classes
from .episodes.functions import FunctionEpisodes, FunctionFamily, Sinusoids
from .episodes.labelled_examples import LabelledExamples
from .episodes.multi_label_episodes import MultiLabelEpisodes
from .episodes.task_episodes import TaskEpisodes, tasks_by_group, tasks_by_target
from .episodes.varied_episodes import VariedEpisodes
from .images.class_folders import image_folder, read_images
from .images.image_preparation import ImagePreparation
from .source import Source
from .steps.joint import JointSource
from .steps.joint_examples import JointExamples
from .steps.known_classes import KnownClasses
from .steps.loss_curriculum import LossCurriculum
from .steps.mixed_sources import MixedSources
from .steps.prefetch import steps_ahead
from .steps.progress_curriculum import ProgressCurriculum
from .steps.several_sources import SeveralSources
from .steps.standardization import Standardization
from .steps.task_sampling import TaskSampling
from .tables.features import TableEncoder
from .tables.leaks import check_leak
from .tables.splits import Split, split_groups, split_rows, split_time
from .tables.table import read_table

__all__ = [
    "AssociationEpisodes",
    "ClassificationEpisodes",
    "CompletionEpisodes",
    "Curriculum",
    "FunctionEpisodes",
    "FunctionFamily",
    "ImagePreparation",
    "JointExamples",
    "JointSource",
    "KnownClasses",
    "LabelledExamples",
    "LossCurriculum",
    "MixedSources",
    "MultiLabelEpisodes",
    "ProgressCurriculum",
    "SeveralSources",
    "Sinusoids",
    "Source",
    "Split",
    "Standardization",
    "TableEncoder",
    "TaskEpisodes",
    "TaskSampling",
    "VariedEpisodes",
    "check_leak",
    "check_new_classes",
    "image_folder",
    "read_images",
    "read_table",
    "split_groups",
    "split_rows",
    "split_time",
    "steps_ahead",
    "tasks_by_group",
    "tasks_by_target",
]

from .curriculum import Curriculum
from .episodes.associations import AssociationEpisodes, CompletionEpisodes
from .episodes.class_episodes import ClassificationEpisodes
from .episodes.class_leaks import check_new_classes
from .episodes.examples import LabelledExamples
from .episodes.functions import FunctionEpisodes, FunctionFamily, Sinusoids
from .episodes.multi_label_episodes import MultiLabelEpisodes
from .episodes.task_episodes import TaskEpisodes, tasks_by_group, tasks_by_target
from .episodes.varied_episodes import VariedEpisodes
from .images.class_folders import image_folder, read_images
from .images.image_paths import image_files
from .images.image_preparation import ImagePreparation
from .source import Source
from .steps.joint import JointSource
from .steps.joint_examples import JointExamples, labelled_target
from .steps.known_classes import KnownClasses
from .steps.loss_curriculum import LossCurriculum
from .steps.mixed_sources import MixedSources
from .steps.prefetch import steps_ahead
from .steps.progress_curriculum import ProgressCurriculum
from .steps.several_sources import SeveralSources
from .steps.standardization import Standardization
from .steps.task_sampling import SamplingScheme, TaskSampling
from .tables.features import EncodingReport, TableEncoder
from .tables.label_split import Labels
from .tables.leaks import check_leak
from .tables.splits import Split, split_groups, split_rows, split_time
from .tables.table import fingerprint, read_table
from .tables.target_column import TargetColumn
from .tables.target_labels import label_guesses, split_labels, target_messages
from .tables.targets import fit_targets, parse_target

__all__ = [
    "AssociationEpisodes",
    "ClassificationEpisodes",
    "CompletionEpisodes",
    "Curriculum",
    "EncodingReport",
    "FunctionEpisodes",
    "FunctionFamily",
    "ImagePreparation",
    "JointExamples",
    "JointSource",
    "KnownClasses",
    "LabelledExamples",
    "Labels",
    "LossCurriculum",
    "MixedSources",
    "MultiLabelEpisodes",
    "ProgressCurriculum",
    "SamplingScheme",
    "SeveralSources",
    "Sinusoids",
    "Source",
    "Split",
    "Standardization",
    "TableEncoder",
    "TargetColumn",
    "TaskEpisodes",
    "TaskSampling",
    "VariedEpisodes",
    "check_leak",
    "check_new_classes",
    "fingerprint",
    "fit_targets",
    "image_files",
    "image_folder",
    "label_guesses",
    "labelled_target",
    "parse_target",
    "read_images",
    "read_table",
    "split_groups",
    "split_labels",
    "split_rows",
    "split_time",
    "steps_ahead",
    "target_messages",
    "tasks_by_group",
    "tasks_by_target",
]

"""Tasks from tables, arrays and image sets; sampling, splits and leak checks."""

from polytask.data.arff_file import ArffColumn, read_arff
from polytask.data.associations import AssociationEpisodes, CompletionEpisodes
from polytask.data.census import census_income
from polytask.data.class_leaks import check_new_classes
from polytask.data.clinc import Clinc, clinc
from polytask.data.curriculum import Curriculum
from polytask.data.episodes import ClassificationEpisodes
from polytask.data.examples import LabelledExamples
from polytask.data.fashion_titles import FASHION_LABELS, fashion_titles
from polytask.data.features import EncodingReport, TableEncoder
from polytask.data.feedback import Feedback
from polytask.data.functions import FunctionEpisodes, FunctionFamily, Sinusoids
from polytask.data.glyphs import glyphs
from polytask.data.heart import HeartSites, heart_sites
from polytask.data.image_files import image_files
from polytask.data.image_folder import image_folder, read_images
from polytask.data.image_preparation import ImagePreparation
from polytask.data.joint import JointSource
from polytask.data.joint_examples import JointExamples, labelled_target
from polytask.data.known_classes import KnownClasses
from polytask.data.label_split import Labels
from polytask.data.leaks import check_leak
from polytask.data.location import data_folder, fetch
from polytask.data.loss_curriculum import LossCurriculum
from polytask.data.mixed_sources import MixedSources
from polytask.data.mnist import mnist
from polytask.data.molecules import Molecules, chembl5, tox21, toxcast
from polytask.data.mulan import MULAN_TABLES, mulan_table
from polytask.data.multi_label_episodes import MultiLabelEpisodes
from polytask.data.multi_mnist import multi_mnist
from polytask.data.omniglot import omniglot
from polytask.data.parkinsons import Parkinsons, parkinsons
from polytask.data.penguins import penguins_table
from polytask.data.prefetch import steps_ahead
from polytask.data.progress_curriculum import ProgressCurriculum
from polytask.data.sarcos import sarcos_test
from polytask.data.school import School, SchoolSplit, school
from polytask.data.several_sources import SeveralSources
from polytask.data.source import Source
from polytask.data.splits import Split, split_groups, split_rows, split_time
from polytask.data.spoken_digits import SpokenDigits, spoken_digits
from polytask.data.standardization import Standardization
from polytask.data.table import fingerprint, read_table
from polytask.data.target_column import TargetColumn
from polytask.data.target_labels import label_guesses, split_labels, target_messages
from polytask.data.targets import fit_targets, parse_target
from polytask.data.task_episodes import TaskEpisodes, tasks_by_group, tasks_by_target
from polytask.data.task_sampling import SamplingScheme, TaskSampling
from polytask.data.varied_episodes import VariedEpisodes

__all__ = [
    "Clinc",
    "HeartSites",
    "Parkinsons",
    "clinc",
    "heart_sites",
    "parkinsons",
    "KnownClasses",
    "AssociationEpisodes",
    "CompletionEpisodes",
    "MixedSources",
    "MultiLabelEpisodes",
    "TaskEpisodes",
    "VariedEpisodes",
    "check_new_classes",
    "steps_ahead",
    "tasks_by_group",
    "tasks_by_target",
    "ArffColumn",
    "ClassificationEpisodes",
    "Curriculum",
    "EncodingReport",
    "FASHION_LABELS",
    "Feedback",
    "FunctionEpisodes",
    "FunctionFamily",
    "ImagePreparation",
    "JointExamples",
    "JointSource",
    "LabelledExamples",
    "Labels",
    "LossCurriculum",
    "MULAN_TABLES",
    "Molecules",
    "ProgressCurriculum",
    "SamplingScheme",
    "School",
    "SchoolSplit",
    "SeveralSources",
    "Sinusoids",
    "Source",
    "Split",
    "SpokenDigits",
    "Standardization",
    "TableEncoder",
    "TargetColumn",
    "TaskSampling",
    "census_income",
    "check_leak",
    "chembl5",
    "data_folder",
    "fashion_titles",
    "fetch",
    "fingerprint",
    "fit_targets",
    "glyphs",
    "image_files",
    "image_folder",
    "label_guesses",
    "labelled_target",
    "mnist",
    "mulan_table",
    "multi_mnist",
    "omniglot",
    "parse_target",
    "penguins_table",
    "read_arff",
    "read_images",
    "read_table",
    "sarcos_test",
    "school",
    "split_groups",
    "split_labels",
    "split_rows",
    "split_time",
    "spoken_digits",
    "target_messages",
    "tox21",
    "toxcast",
]

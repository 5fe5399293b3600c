"""Tasks from tables, arrays and image sets; sampling, splits and leak checks."""

from polytask.data.episodes import ClassificationEpisodes
from polytask.data.examples import LabelledExamples
from polytask.data.features import EncodingReport, TableEncoder
from polytask.data.functions import FunctionEpisodes, FunctionFamily, Sinusoids
from polytask.data.glyphs import glyphs
from polytask.data.image_folder import image_files, image_folder, read_images
from polytask.data.joint import JointSource
from polytask.data.leaks import check_leak
from polytask.data.location import data_folder, fetch
from polytask.data.mnist import mnist
from polytask.data.omniglot import omniglot
from polytask.data.penguins import penguins_table
from polytask.data.school import School, SchoolSplit, school
from polytask.data.source import Source
from polytask.data.splits import Split, split_groups, split_rows, split_time
from polytask.data.standardization import Standardization
from polytask.data.table import fingerprint, read_table
from polytask.data.target_column import TargetColumn
from polytask.data.targets import fit_targets, parse_target

__all__ = [
    "School",
    "SchoolSplit",
    "school",
    "Standardization",
    "ClassificationEpisodes",
    "EncodingReport",
    "FunctionEpisodes",
    "FunctionFamily",
    "JointSource",
    "LabelledExamples",
    "Sinusoids",
    "Source",
    "Split",
    "TableEncoder",
    "TargetColumn",
    "check_leak",
    "data_folder",
    "fetch",
    "fingerprint",
    "fit_targets",
    "glyphs",
    "image_files",
    "image_folder",
    "mnist",
    "omniglot",
    "parse_target",
    "penguins_table",
    "read_images",
    "read_table",
    "split_groups",
    "split_rows",
    "split_time",
]

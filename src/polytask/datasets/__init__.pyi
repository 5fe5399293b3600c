from .census import census_income
from .chembl5_activities import chembl5
from .clinc150 import Clinc, clinc
from .fashion import FASHION_LABELS, fashion_titles
from .formats.arff_file import ArffColumn, read_arff
from .formats.molecules_file import Molecules
from .free_spoken_digits import SpokenDigits, spoken_digits
from .glyph_images import glyphs
from .heart import HeartSites, heart_sites
from .location import data_folder, download, fetch
from .mnist_digits import mnist
from .mulan import MULAN_TABLES, mulan_table
from .multi_mnist_canvases import multi_mnist
from .omniglot_drawings import omniglot
from .parkinsons_voices import Parkinsons, parkinsons
from .penguins import penguins_table
from .registry import DATASETS, Dataset
from .sarcos import sarcos_test
from .school_exams import School, SchoolSplit, school
from .tox21_assays import tox21
from .toxcast_assays import toxcast

__all__ = [
    "ArffColumn",
    "Clinc",
    "DATASETS",
    "Dataset",
    "FASHION_LABELS",
    "HeartSites",
    "MULAN_TABLES",
    "Molecules",
    "Parkinsons",
    "School",
    "SchoolSplit",
    "SpokenDigits",
    "census_income",
    "chembl5",
    "clinc",
    "data_folder",
    "download",
    "fashion_titles",
    "fetch",
    "glyphs",
    "heart_sites",
    "mnist",
    "mulan_table",
    "multi_mnist",
    "omniglot",
    "parkinsons",
    "penguins_table",
    "read_arff",
    "sarcos_test",
    "school",
    "spoken_digits",
    "tox21",
    "toxcast",
]

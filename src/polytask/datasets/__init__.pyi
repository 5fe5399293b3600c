from .arff_file import ArffColumn, read_arff
from .census import census_income
from .clinc150 import Clinc, clinc
from .fashion import FASHION_LABELS, fashion_titles
from .free_spoken_digits import SpokenDigits, spoken_digits
from .glyph_images import glyphs
from .heart import HeartSites, heart_sites
from .location import data_folder, fetch
from .mnist_digits import mnist
from .molecules import Molecules, chembl5, tox21, toxcast
from .mulan import MULAN_TABLES, mulan_table
from .omniglot_drawings import omniglot
from .overlaid_digits import multi_mnist
from .parkinsons_voices import Parkinsons, parkinsons
from .penguins import penguins_table
from .sarcos import sarcos_test
from .school_exams import School, SchoolSplit, school

__all__ = [
    "ArffColumn",
    "Clinc",
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

from .census import census_income
from .chembl5_activities import chembl5
from .chick_growth import chick_weights
from .clinc150 import clinc
from .factor_worlds import FactorWorld, factor_world
from .fashion import fashion_titles
from .fetching import download
from .free_spoken_digits import spoken_digits
from .glyph_images import glyphs
from .glyph_traits import glyph_traits_table
from .heart import heart_sites
from .location import data_folder
from .making import make
from .mnist_digits import mnist
from .mulan import mulan_table
from .multi_mnist_canvases import multi_mnist
from .omniglot_drawings import omniglot
from .parkinsons_voices import parkinsons
from .penguins import penguins_table
from .registry import DATASETS
from .sarcos import sarcos_test
from .school_exams import school
from .toxicity_assays import tox21, toxcast

__all__ = [
    "DATASETS",
    "FactorWorld",
    "census_income",
    "chembl5",
    "chick_weights",
    "clinc",
    "data_folder",
    "download",
    "factor_world",
    "fashion_titles",
    "glyph_traits_table",
    "glyphs",
    "heart_sites",
    "make",
    "mnist",
    "mulan_table",
    "multi_mnist",
    "omniglot",
    "parkinsons",
    "penguins_table",
    "sarcos_test",
    "school",
    "spoken_digits",
    "tox21",
    "toxcast",
]

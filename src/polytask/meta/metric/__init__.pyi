from .baseline import Baseline, BaselinePlusPlus
from .bd_cspn import BDCSPN
from .centered import Centered
from .cosine_head import CosineHead
from .feat import FEAT
from .feature_classifier import FeatureClassifier
from .gaussian_process_head import GaussianProcessHead, tanimoto
from .held_out_prototypes import HeldOutPrototypes
from .laplacian_shot import LaplacianShot
from .lrd2 import LRD2
from .mahalanobis import Mahalanobis
from .matching_net import MatchingNet
from .metaopt_net import MetaOptNet
from .nearest_mean import NearestMean
from .prototypes import Prototypes
from .pt_map import PTMAP
from .r2d2 import R2D2
from .relation_net import RelationNet, image_relation, vector_relation
from .ridge_regression import RidgeRegression
from .simple_shot import SimpleShot
from .solved_head import SolvedHead
from .tim import TIM
from .transductive import TransductiveClassifier
from .tuned_logistic import TunedLogistic

__all__ = [
    "BDCSPN",
    "Baseline",
    "BaselinePlusPlus",
    "Centered",
    "CosineHead",
    "FEAT",
    "FeatureClassifier",
    "GaussianProcessHead",
    "HeldOutPrototypes",
    "LRD2",
    "LaplacianShot",
    "Mahalanobis",
    "MatchingNet",
    "MetaOptNet",
    "NearestMean",
    "PTMAP",
    "Prototypes",
    "R2D2",
    "RelationNet",
    "RidgeRegression",
    "SimpleShot",
    "SolvedHead",
    "TIM",
    "TransductiveClassifier",
    "TunedLogistic",
    "image_relation",
    "tanimoto",
    "vector_relation",
]

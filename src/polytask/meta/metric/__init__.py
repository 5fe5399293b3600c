"""Meta-learners that compare a query with the support in some space."""

from polytask.meta.metric.baseline import Baseline, BaselinePlusPlus
from polytask.meta.metric.bd_cspn import BDCSPN
from polytask.meta.metric.centered import Centered
from polytask.meta.metric.cosine_head import CosineHead
from polytask.meta.metric.feat import FEAT
from polytask.meta.metric.feature_classifier import FeatureClassifier
from polytask.meta.metric.gaussian_process_head import GaussianProcessHead, tanimoto
from polytask.meta.metric.laplacian_shot import LaplacianShot
from polytask.meta.metric.logistic import LRD2
from polytask.meta.metric.mahalanobis import Mahalanobis
from polytask.meta.metric.matching import MatchingNet
from polytask.meta.metric.pixels import NearestMean
from polytask.meta.metric.prototypes import Prototypes
from polytask.meta.metric.pt_map import PTMAP
from polytask.meta.metric.relation import RelationNet, image_relation, vector_relation
from polytask.meta.metric.ridge import R2D2
from polytask.meta.metric.ridge_regression import RidgeRegression
from polytask.meta.metric.simple_shot import SimpleShot
from polytask.meta.metric.solved_head import SolvedHead
from polytask.meta.metric.svm import MetaOptNet
from polytask.meta.metric.tim import TIM
from polytask.meta.metric.transductive import TransductiveClassifier

__all__ = [
    "GaussianProcessHead",
    "RidgeRegression",
    "tanimoto",
    "BDCSPN",
    "Baseline",
    "BaselinePlusPlus",
    "Centered",
    "CosineHead",
    "FEAT",
    "FeatureClassifier",
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
    "SimpleShot",
    "SolvedHead",
    "TIM",
    "TransductiveClassifier",
    "image_relation",
    "vector_relation",
]

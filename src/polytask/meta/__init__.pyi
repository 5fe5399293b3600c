from .adaptation.gradient_learner import GradientLearner, MetaObjective
from .adaptation.inner_options import InnerOptions
from .catalogue import learner_by_name, learner_entries, learner_entry, learner_names
from .entry import LearnerEntry, catalogued
from .image_task import ImageTask
from .initialization.anil import ANIL, BOIL
from .initialization.cavia import CAVIA, WithContext
from .initialization.imaml import IMAML
from .initialization.maml import FOMAML, MAML
from .initialization.maml_plus_plus import MAMLPlusPlus, MultiStepLoss
from .initialization.proto_maml import ProtoMAML
from .initialization.reptile import Reptile
from .layers.attention import Attention
from .layers.networks import MatrixConv2d, conv4, conv4_classifier, mlp
from .layers.normalization import (
    check_normalization,
    normalization_parameters,
    normalized,
    uses_batch_statistics,
)
from .layers.per_step import PerStepBatchNorm, with_per_step_normalization
from .metric.baseline import Baseline, BaselinePlusPlus
from .metric.bd_cspn import BDCSPN
from .metric.centered import Centered
from .metric.cosine_head import CosineHead
from .metric.feat import FEAT
from .metric.feature_classifier import FeatureClassifier
from .metric.gaussian_process_head import GaussianProcessHead, tanimoto
from .metric.laplacian_shot import LaplacianShot
from .metric.lrd2 import LRD2
from .metric.mahalanobis import Mahalanobis
from .metric.matching_net import MatchingNet
from .metric.metaopt_net import MetaOptNet
from .metric.nearest_mean import NearestMean
from .metric.prototypes import Prototypes
from .metric.pt_map import PTMAP
from .metric.r2d2 import R2D2
from .metric.relation_net import RelationNet, image_relation, vector_relation
from .metric.ridge_regression import RidgeRegression
from .metric.simple_shot import SimpleShot
from .metric.solved_head import SolvedHead
from .metric.tim import TIM
from .metric.transductive import TransductiveClassifier
from .model.anp import CANP
from .model.bar_distribution import BarDistribution, bar_borders
from .model.class_cnp import ClassCNP
from .model.cnp import CNP
from .model.conv_cnp import ConvCNP
from .model.film_generator import FiLMGenerator
from .model.gaussian import Gaussian, GaussianLearner
from .model.latent_np import NP
from .model.mann import MANN
from .model.plastic import PlasticNetwork
from .model.plastic_layer import PlasticLayer
from .model.prior_episodes import PriorEpisodes
from .model.prior_fitted import PriorFitted
from .model.snail import SNAIL
from .model.tnp import TNPD
from .optimization.alfa import ALFA, AdaptiveRates
from .optimization.coordinates import CoordinateRule
from .optimization.evolution import EvolvedObjective, PersistentEvolution
from .optimization.learned_optimizer import LSTMOptimizer, MLPOptimizer
from .optimization.learned_rates import LearnedRates
from .optimization.meta_curvature import KroneckerCurvature, MetaCurvature
from .optimization.meta_lstm import MetaLSTM
from .optimization.meta_sgd import MetaSGD
from .optimization.warp_grad import WarpGrad, with_warp_layers

__all__ = [
    "ALFA",
    "ANIL",
    "AdaptiveRates",
    "Attention",
    "BDCSPN",
    "BOIL",
    "BarDistribution",
    "Baseline",
    "BaselinePlusPlus",
    "CANP",
    "CAVIA",
    "CNP",
    "Centered",
    "ClassCNP",
    "ConvCNP",
    "CoordinateRule",
    "CosineHead",
    "EvolvedObjective",
    "FEAT",
    "FOMAML",
    "FeatureClassifier",
    "FiLMGenerator",
    "Gaussian",
    "GaussianLearner",
    "GaussianProcessHead",
    "GradientLearner",
    "IMAML",
    "ImageTask",
    "InnerOptions",
    "KroneckerCurvature",
    "LRD2",
    "LSTMOptimizer",
    "LaplacianShot",
    "LearnedRates",
    "LearnerEntry",
    "MAML",
    "MAMLPlusPlus",
    "MANN",
    "MLPOptimizer",
    "Mahalanobis",
    "MatchingNet",
    "MatrixConv2d",
    "MetaCurvature",
    "MetaLSTM",
    "MetaObjective",
    "MetaOptNet",
    "MetaSGD",
    "MultiStepLoss",
    "NP",
    "NearestMean",
    "PTMAP",
    "PerStepBatchNorm",
    "PersistentEvolution",
    "PlasticLayer",
    "PlasticNetwork",
    "PriorEpisodes",
    "PriorFitted",
    "ProtoMAML",
    "Prototypes",
    "R2D2",
    "RelationNet",
    "Reptile",
    "RidgeRegression",
    "SNAIL",
    "SimpleShot",
    "SolvedHead",
    "TIM",
    "TNPD",
    "TransductiveClassifier",
    "WarpGrad",
    "WithContext",
    "bar_borders",
    "catalogued",
    "check_normalization",
    "conv4",
    "conv4_classifier",
    "image_relation",
    "learner_by_name",
    "learner_entries",
    "learner_entry",
    "learner_names",
    "mlp",
    "normalization_parameters",
    "normalized",
    "tanimoto",
    "uses_batch_statistics",
    "vector_relation",
    "with_per_step_normalization",
    "with_warp_layers",
]

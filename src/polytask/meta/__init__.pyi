from .adaptation.gradient_learner import GradientLearner
from .catalogue import learner_names
from .initialization.anil import ANIL, BOIL
from .initialization.cavia import CAVIA
from .initialization.imaml import IMAML
from .initialization.maml import FOMAML, MAML
from .initialization.maml_plus_plus import MAMLPlusPlus
from .initialization.proto_maml import ProtoMAML
from .initialization.reptile import Reptile
from .layers.networks import conv4, conv4_classifier, mlp
from .metric.baseline import Baseline, BaselinePlusPlus
from .metric.bd_cspn import BDCSPN
from .metric.feat import FEAT
from .metric.gaussian_process_head import GaussianProcessHead
from .metric.laplacian_shot import LaplacianShot
from .metric.lrd2 import LRD2
from .metric.mahalanobis import Mahalanobis
from .metric.matching_net import MatchingNet
from .metric.metaopt_net import MetaOptNet
from .metric.nearest_mean import NearestMean
from .metric.prototypes import Prototypes
from .metric.pt_map import PTMAP
from .metric.r2d2 import R2D2
from .metric.relation_net import RelationNet
from .metric.ridge_regression import RidgeRegression
from .metric.simple_shot import SimpleShot
from .metric.tim import TIM
from .model.anp import CANP
from .model.class_cnp import ClassCNP
from .model.cnp import CNP
from .model.conv_cnp import ConvCNP
from .model.film_generator import FiLMGenerator
from .model.latent_np import NP
from .model.mann import MANN
from .model.plastic import PlasticNetwork
from .model.prior_fitted import PriorFitted
from .model.snail import SNAIL
from .model.tnp import TNPD
from .optimization.alfa import ALFA
from .optimization.evolution import PersistentEvolution
from .optimization.learned_optimizer import LSTMOptimizer, MLPOptimizer
from .optimization.meta_curvature import MetaCurvature
from .optimization.meta_lstm import MetaLSTM
from .optimization.meta_sgd import MetaSGD
from .optimization.warp_grad import WarpGrad

__all__ = [
    "ALFA",
    "ANIL",
    "BDCSPN",
    "BOIL",
    "Baseline",
    "BaselinePlusPlus",
    "CANP",
    "CAVIA",
    "CNP",
    "ClassCNP",
    "ConvCNP",
    "FEAT",
    "FOMAML",
    "FiLMGenerator",
    "GaussianProcessHead",
    "GradientLearner",
    "IMAML",
    "LRD2",
    "LSTMOptimizer",
    "LaplacianShot",
    "MAML",
    "MAMLPlusPlus",
    "MANN",
    "MLPOptimizer",
    "Mahalanobis",
    "MatchingNet",
    "MetaCurvature",
    "MetaLSTM",
    "MetaOptNet",
    "MetaSGD",
    "NP",
    "NearestMean",
    "PTMAP",
    "PersistentEvolution",
    "PlasticNetwork",
    "PriorFitted",
    "ProtoMAML",
    "Prototypes",
    "R2D2",
    "RelationNet",
    "Reptile",
    "RidgeRegression",
    "SNAIL",
    "SimpleShot",
    "TIM",
    "TNPD",
    "WarpGrad",
    "conv4",
    "conv4_classifier",
    "learner_names",
    "mlp",
]

"""Methods that learn where a few gradient steps should start."""

from polytask.meta.initialization.anil import ANIL, BOIL
from polytask.meta.initialization.cavia import CAVIA, WithContext
from polytask.meta.initialization.imaml import IMAML
from polytask.meta.initialization.maml import FOMAML, MAML
from polytask.meta.initialization.maml_plus_plus import MAMLPlusPlus, MultiStepLoss
from polytask.meta.initialization.proto_maml import ProtoMAML
from polytask.meta.initialization.reptile import Reptile

__all__ = [
    "ANIL",
    "BOIL",
    "CAVIA",
    "FOMAML",
    "IMAML",
    "MAML",
    "MAMLPlusPlus",
    "MultiStepLoss",
    "ProtoMAML",
    "Reptile",
    "WithContext",
]

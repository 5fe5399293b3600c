from .anil import ANIL, BOIL
from .cavia import CAVIA, WithContext
from .imaml import IMAML
from .maml import FOMAML, MAML
from .maml_plus_plus import MAMLPlusPlus, MultiStepLoss
from .proto_maml import ProtoMAML
from .reptile import Reptile

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

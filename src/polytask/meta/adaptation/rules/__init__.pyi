from .adam import Adam, AdamW, RMSprop
from .proximal import Proximal
from .rule import InnerStep, UpdateRule
from .sgd import SGD

__all__ = ["Adam", "AdamW", "InnerStep", "Proximal", "RMSprop", "SGD", "UpdateRule"]

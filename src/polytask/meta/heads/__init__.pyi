from .head_choice import HEADS, ChosenHead, choose_head, fit_head
from .linear_head import LinearHead

__all__ = ["HEADS", "ChosenHead", "LinearHead", "choose_head", "fit_head"]

"""Ways of sharing layers, weights and representations between tasks."""

from polytask.sharing.hard import HardSharing
from polytask.sharing.soft import SoftSharing

__all__ = ["HardSharing", "SoftSharing"]

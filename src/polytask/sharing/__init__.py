"""Ways of sharing layers, weights and representations between tasks."""

from polytask.sharing.hard import HardSharing
from polytask.sharing.soft import SoftSharing
from polytask.sharing.trunks import table_trunk

__all__ = ["HardSharing", "SoftSharing", "table_trunk"]

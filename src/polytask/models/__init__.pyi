from .few_shot_model import AdaptedModel, FewShotModel
from .saved import load
from .table_model import TableModel

__all__ = ["AdaptedModel", "FewShotModel", "TableModel", "load"]

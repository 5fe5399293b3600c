from .fit_table import fit
from .learn_few_shot import learn

__all__ = ["fit", "learn"]

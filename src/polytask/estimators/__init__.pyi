from .fit_table import fit
from .learn_few_shot import learn, train_few_shot

__all__ = ["fit", "learn", "train_few_shot"]

"""One training loop on Lightning Fabric."""

from polytask.train.checkpoint import load_checkpoint, save_checkpoint, write_atomically
from polytask.train.loop import Training, train
from polytask.train.validation import Validation

__all__ = ["Training", "Validation", "load_checkpoint", "save_checkpoint", "train", "write_atomically"]

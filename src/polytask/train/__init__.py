"""One training loop on Lightning Fabric."""

from polytask.train.checkpoint import load_checkpoint, save_checkpoint, write_atomically
from polytask.train.interrupts import interruptible
from polytask.train.loop import Training, train
from polytask.train.threads import single_threaded
from polytask.train.validation import Validation

__all__ = [
    "Training",
    "Validation",
    "interruptible",
    "load_checkpoint",
    "save_checkpoint",
    "single_threaded",
    "train",
    "write_atomically",
]

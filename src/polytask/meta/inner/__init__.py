"""Differentiable optimizers for inner loops: rules that turn gradients into new parameters."""

from polytask.meta.inner.adam import Adam, AdamW, RMSprop
from polytask.meta.inner.proximal import Proximal
from polytask.meta.inner.rule import InnerStep, UpdateRule
from polytask.meta.inner.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "InnerStep", "Proximal", "RMSprop", "UpdateRule"]

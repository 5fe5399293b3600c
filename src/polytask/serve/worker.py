"""What a server of ASGI imports in each of its worker processes."""

import logging
import os

import torch

from polytask.encoders.frozen_choice import share_encoders
from polytask.serve.app import create_app
from polytask.serve.settings import ServeSettings

__all__ = ["create"]


def create():
    """Return the application that the environment describes: ``uvicorn polytask.serve.worker:create``."""
    log = logging.getLogger("polytask.serve")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log.addHandler(handler)
        log.setLevel(os.environ.get("POLYTASK_SERVE_LOG", "INFO"))
        log.propagate = False
    torch.set_num_threads(1)
    share_encoders()
    return create_app(ServeSettings.from_environment())

"""What a server of ASGI imports in each of its worker processes."""

import logging
import os
import warnings
from typing import TYPE_CHECKING

from polytask.core.interrupts import ended_at_once

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["create"]


def create() -> "FastAPI":
    """Return the application that the environment describes: ``uvicorn polytask.serve.worker:create``."""
    with ended_at_once():  # a server would only note a signal, and go on to import torch and to load models
        return _created()


def _created() -> "FastAPI":
    import torch

    from polytask.encoders.frozen_choice import share_encoders
    from polytask.serve.app import create_app
    from polytask.serve.runtime_folder import hold_runtime_folder
    from polytask.serve.settings import ServeSettings

    log = logging.getLogger("polytask.serve")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log.addHandler(handler)
        log.setLevel(os.environ.get("POLYTASK_SERVE_LOG", "INFO"))
        log.propagate = False
    torch.set_num_threads(1)
    share_encoders()
    settings = ServeSettings.from_environment()
    hold_runtime_folder(settings.runtime)  # also where the process that started it is killed
    if settings.builtin:
        _warm_up()
    return create_app(settings)


def _warm_up() -> None:
    """Learn two classes and tell one, so that the first client does not wait for what is loaded once."""
    import numpy as np

    from polytask.core import DataWarning
    from polytask.estimators import adapt

    paper = np.full((28, 28, 3), 255, dtype=np.uint8)  # [height, width, channel]
    drawn = [paper.copy() for _ in range(4)]
    for index, image in enumerate(drawn):
        image[4 + index : 24, 4 : 8 + index] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        adapt(drawn, ["a", "a", "b", "b"], kind="image", encoder="drawings").predict(drawn[:1])

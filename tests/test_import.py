"""Importing polytask stays light."""

import subprocess
import sys

import pytest

HEAVY = ("pandas", "sklearn", "scipy", "torchmetrics", "lightning_fabric", "matplotlib", "typer", "torchjd")


def test_importing_polytask_imports_nothing_heavy_but_torch():
    code = f"import sys, polytask; print([name for name in {HEAVY!r} if name in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"


def test_every_promised_name_exists():
    import polytask

    assert all(hasattr(polytask, name) for name in polytask.__all__)
    assert set(polytask.__all__) <= set(dir(polytask))


def test_every_room_is_an_attribute_of_the_package():
    import polytask

    for name in polytask._ROOMS:
        assert polytask.__getattr__(name) is sys.modules[f"polytask.{name}"]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        polytask.__getattr__("nothing")


def test_train_can_be_called_after_its_room_was_imported():
    import polytask
    import polytask.train

    with pytest.raises(TypeError, match="learner"):
        polytask.train()

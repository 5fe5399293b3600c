"""What a run says of the device that it computes on."""

import warnings

import pytest

from polytask.train.fabric import fabric_for


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
def test_a_processor_without_instructions_for_16_bits_is_told_to_be_slow(precision, monkeypatch):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx2": True, "avx512_bf16": False})
    with pytest.warns(RuntimeWarning, match=rf"{precision}.* is slow on this processor.*'32-true'"):
        fabric_for("cpu", 1, precision)


@pytest.mark.parametrize(("precision", "has"), [("bf16-mixed", "amx_bf16"), ("32-true", "avx2")])
def test_nothing_is_said_where_it_is_not_slow(precision, has, monkeypatch):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {has: True})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fabric_for("cpu", 1, precision)

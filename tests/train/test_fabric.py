"""What a run says of the device that it computes on."""

import warnings

import pytest

from polytask.core import InputError
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


@pytest.mark.parametrize(
    ("devices", "nodes", "named"), [(0, 1, "devices"), (1, 0, "nodes"), (True, 1, "devices")]
)
def test_numbers_that_are_none_are_refused(devices, nodes, named):
    with pytest.raises(InputError, match=f"`{named}` must be a whole number from 1"):
        fabric_for("cpu", devices, "32-true", nodes=nodes)


def test_a_machine_that_knows_of_no_other_does_not_wait_for_them(monkeypatch):
    for name in ("TORCHELASTIC_RUN_ID", "SLURM_JOB_ID", "MASTER_ADDR"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="`nodes` is 2, but nothing says where the other machines are"):
        fabric_for("cpu", 1, "32-true", nodes=2)


def test_runs_of_one_process_have_one_fabric_for_each_precision():
    assert fabric_for("cpu", 1, "32-true") is fabric_for("cpu", 1, "32-true")
    assert fabric_for("cpu", 1, "64-true") is not fabric_for("cpu", 1, "32-true")

"""One thread inside, and what was set before is given back."""

import threading

import pytest
import torch

from polytask.core import seeded
from polytask.core.defaults import usual_defaults
from polytask.core.one_thread import single_threaded
from polytask.core.random import own_random_state


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_one_thread_inside_and_the_number_before_afterwards():
    with single_threaded():
        assert torch.get_num_threads() == 1
        with single_threaded():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    with single_threaded(when=False):
        assert torch.get_num_threads() == 2
    with pytest.raises(KeyError), single_threaded():
        raise KeyError
    assert torch.get_num_threads() == 2


def in_another_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    return thread


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("block", [single_threaded, usual_defaults])
def test_blocks_that_overlap_in_two_threads_give_back_what_was_before_both(block):
    entered, leave, found = threading.Event(), threading.Event(), []
    torch.set_default_dtype(torch.float64)
    try:

        def other() -> None:
            with block():
                entered.set()
                leave.wait(10)
            fresh = in_another_thread(
                lambda: found.append((torch.get_num_threads(), torch.get_default_dtype()))
            )
            fresh.join()

        with block():
            thread = in_another_thread(other)
            assert entered.wait(10)
        leave.set()
        thread.join()
    finally:
        torch.set_default_dtype(torch.float32)
    assert found == [(2, torch.float64)] and torch.get_num_threads() == 2


def test_the_default_type_stays_until_the_last_block_ends():
    torch.set_default_dtype(torch.float64)
    try:
        with usual_defaults():
            with usual_defaults(), torch.no_grad():
                pass
            assert torch.ones(1).dtype == torch.float32 and torch.is_grad_enabled()
        assert torch.ones(1).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_tensors_are_made_on_the_cpu_whatever_the_default_device():
    with torch.device("meta"):
        with usual_defaults():
            assert torch.ones(1).device.type == "cpu"
        assert torch.ones(1).device.type == "meta"


def test_one_thread_at_a_time_has_the_random_state():
    order = []
    with own_random_state():
        thread = in_another_thread(lambda: order.append(("other", draw())))
        thread.join(0.05)
        order.append(("first", draw()))
    thread.join()
    assert [name for name, _ in order] == ["first", "other"] and order[0][1] == order[1][1]


def draw() -> float:
    with seeded(3, "draw"):
        return torch.rand(1).item()

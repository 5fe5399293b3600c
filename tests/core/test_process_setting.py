"""The first block makes a setting, the last gives it back, in any thread; a fork forgets the others."""

import contextlib
import os
import threading
from collections.abc import Iterator

import pytest

from polytask.core.process_setting import ProcessSetting


def noted() -> tuple[ProcessSetting[str], list[str]]:
    """A setting, and what was done to it."""
    done: list[str] = []

    @contextlib.contextmanager
    def make() -> Iterator[str]:
        done.append("made")
        yield "value"
        done.append("given back")

    return ProcessSetting(make), done


def test_an_error_inside_gives_the_setting_back():
    setting, done = noted()
    with pytest.raises(KeyError), setting.block():
        raise KeyError
    assert done == ["made", "given back"]
    with setting.block() as value:
        assert value == "value"
    assert done == ["made", "given back"] * 2


def test_the_last_thread_to_leave_gives_the_setting_back():
    setting, done = noted()
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with setting.block():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with setting.block():
        thread.start()
        assert inside.wait(10)
    assert done == ["made"] and not setting.holds_here()
    leave.set()
    thread.join()
    assert done == ["made", "given back"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_forgets_the_blocks_of_other_threads():
    setting, done = noted()
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with setting.block():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(10)
    child = os.fork()
    if child == 0:
        os._exit(0 if done == ["made", "given back"] else 1)
    leave.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

"""Filters of warnings come and go with the blocks that need them, in threads, in any order."""

import threading
import warnings

import pytest

from polytask.core.quiet import filtered_warnings


class Noise(UserWarning):
    """Of another library."""


def test_filters_are_as_before_whatever_the_order_in_which_threads_leave():
    before = list(warnings.filters)
    entered, leave = threading.Event(), threading.Event()

    def first() -> None:
        with filtered_warnings(Noise):
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait(10)
    with filtered_warnings(Noise):
        leave.set()
        thread.join()  # it came first, and goes first
        warnings.warn("still of no use", Noise, stacklevel=1)
    assert list(warnings.filters) == before
    with pytest.warns(Noise):
        warnings.warn("shown again", Noise, stacklevel=1)


def test_what_an_error_ends_leaves_nothing_and_a_warning_can_be_raised():
    before = list(warnings.filters)
    with pytest.raises(Noise, match="odd"), filtered_warnings(Noise, "error"):
        warnings.warn("odd", Noise, stacklevel=1)
    assert list(warnings.filters) == before


def test_a_filter_of_the_user_stays():
    with warnings.catch_warnings():
        warnings.simplefilter("error", Noise)
        with filtered_warnings(Noise):
            warnings.warn("of no use", Noise, stacklevel=1)
        with pytest.raises(Noise):
            warnings.warn("as the user has it", Noise, stacklevel=1)


def test_many_threads_at_once_leave_no_filter_and_miss_no_warning():
    before, failed = list(warnings.filters), []

    def some() -> None:
        for _ in range(200):
            with filtered_warnings(Noise):
                try:
                    warnings.warn("of no use", Noise, stacklevel=1)
                except Noise:  # warnings are errors in tests
                    failed.append(1)

    threads = [threading.Thread(target=some) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and list(warnings.filters) == before

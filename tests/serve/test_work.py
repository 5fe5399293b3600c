"""The queue of work is never longer than stated, and nobody waits for longer than stated."""

import asyncio
import threading
import warnings

import pytest

from polytask.core import DataWarning
from polytask.serve.failures import Refused
from polytask.serve.work import WorkPool, taken_notes


def test_what_is_beyond_the_queue_is_refused_with_a_time_to_come_again():
    async def run() -> list[object]:
        pool, go = WorkPool(2, queue=3, patience=30), threading.Event()
        waiting = [asyncio.ensure_future(pool.run(go.wait, 20)) for _ in range(7)]
        await asyncio.sleep(0.05)
        go.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert pool.inside == 0
        pool.close()
        return list(found)

    found = asyncio.run(run())
    assert found[:5] == [True] * 5
    assert all(isinstance(one, Refused) and one.status == 503 and one.retry_after for one in found[5:])


def test_work_that_waits_for_too_long_is_dropped_but_not_what_runs():
    async def run() -> list[object]:
        pool, go = WorkPool(1, queue=3, patience=0.1), threading.Event()
        first = asyncio.ensure_future(pool.run(go.wait, 20))
        await asyncio.sleep(0.02)
        with pytest.raises(Refused):
            await pool.run(lambda: None)
        go.set()
        found = await first
        pool.close()
        return [found]

    assert asyncio.run(run()) == [True]


def test_an_error_of_the_work_comes_back():
    async def run() -> None:
        pool = WorkPool(1, queue=1, patience=5)
        try:
            await pool.run(int, "x")
        finally:
            pool.close()

    with pytest.raises(ValueError, match="invalid literal"):
        asyncio.run(run())


def test_every_thread_takes_its_own_notes():
    def work(name: str) -> list[str]:
        with taken_notes() as notes:
            ready.wait()
            warnings.warn(f"about {name}", DataWarning, stacklevel=1)
            ready.wait()
        return notes

    async def run() -> list[list[str]]:
        pool = WorkPool(4, queue=4, patience=30)
        found = await asyncio.gather(*(pool.run(work, str(index)) for index in range(4)))
        pool.close()
        return list(found)

    ready = threading.Barrier(4)
    assert asyncio.run(run()) == [[f"about {index}"] for index in range(4)]

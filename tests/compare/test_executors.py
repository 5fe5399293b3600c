"""Cells are done by whatever has `submit`: processes of ours, a Dask cluster, jobs of submitit."""

import multiprocessing
import os
import signal

import pytest
from sklearn.tree import DecisionTreeRegressor
from tests.compare.small import plan

from polytask.compare import runner
from polytask.compare.cells import read_record
from polytask.compare.runner import run_cells
from polytask.core import TrainingError


def _check(found):
    records = [read_record(found.folder / "cells", cell) for cell in found.cells]
    assert {record.status for record in records} == {"done"}
    return {record.process for record in records}


@pytest.mark.slow
def test_processes_share_the_cells(tmp_path):
    told = []
    found = plan(tmp_path, ["constant", "linear", DecisionTreeRegressor()])
    assert run_cells(found, workers=2, tell=told.append) == 0
    assert os.getpid() not in _check(found)
    assert told[0] == 0 and told[-1] == 9 and told == sorted(told)


def test_cells_are_done_by_a_dask_cluster(tmp_path):
    distributed = pytest.importorskip("distributed")
    found = plan(tmp_path, ["constant", "linear"])
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert run_cells(found, executor=client.get_executor()) == 0
    _check(found)


# In its place for debugging, in this process, submitit leaves its logs to be closed.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("cluster", ["debug", pytest.param("local", marks=pytest.mark.slow)])
def test_cells_are_done_by_jobs_of_submitit(tmp_path, cluster):
    submitit = pytest.importorskip("submitit")
    found = plan(tmp_path / "run", ["constant"], folds=2)
    executor = submitit.AutoExecutor(tmp_path / "jobs", cluster=cluster)
    executor.update_parameters(timeout_min=5)
    assert run_cells(found, executor=executor) == 0
    _check(found)


class _Dies:
    def submit(self, function, *arguments):
        from concurrent.futures import Future
        from concurrent.futures.process import BrokenProcessPool

        future = Future()
        future.set_exception(BrokenProcessPool("killed"))
        return future


def test_a_worker_that_died_is_told_with_a_remedy(tmp_path):
    with pytest.raises(TrainingError, match="lower `workers`"):
        run_cells(plan(tmp_path), executor=_Dies())


def test_processes_do_not_hear_ctrl_c_while_they_start(monkeypatch):
    masks = []

    class Pool:
        def __init__(self, *_, **__):
            pass

        def submit(self, *_):
            masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))

        def shutdown(self, **_):
            pass

    monkeypatch.setattr(runner, "ProcessPoolExecutor", Pool)
    with runner._submitting(None, 2) as submit:
        submit(print)
    assert signal.SIGINT in masks[0] and signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_processes_that_still_start_are_ended_with_the_comparison():
    others = multiprocessing.active_children()
    with pytest.raises(KeyboardInterrupt), runner._submitting(None, 2) as submit:
        submit(print)
        started = [process for process in multiprocessing.active_children() if process not in others]
        raise KeyboardInterrupt
    for process in started:
        process.join(60)
    assert [process.exitcode for process in started] == [-signal.SIGKILL]

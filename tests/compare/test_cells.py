"""Cells are done once, whoever works on them and whoever is killed; and belong to one plan."""

import errno
import itertools
import json
import os
import random
import signal
import time
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from tests.compare.small import plan, rows, table

from polytask.compare import Candidate, Fitted, candidates_of
from polytask.compare.cell_work import run_cell
from polytask.compare.cells import is_done, read_outputs, read_record
from polytask.compare.choice import relative_loss
from polytask.compare.claim import claimed
from polytask.compare.plan import open_plan, write_plan
from polytask.compare.runner import run_cells
from polytask.core import BundleError, InputError, derive_seed
from polytask.core.files import write_atomically, write_folder_atomically


class Traced(Candidate):
    """Predicts zeros, slowly, and writes down when it begins."""

    words = "zeros"
    per_target = False

    def __init__(self, name, log):
        self.name, self.log = name, log

    def fit(self, rows, settings, *, seed):
        with self.log.open("a") as file:
            file.write(f"{self.name} {seed} {os.getpid()} {time.time()}\n")
        time.sleep(0.003)
        kinds = {task.name: task.kind for task in rows.tasks}
        return Fitted(
            predict=lambda others: {
                name: np.zeros(len(others)) if kind == "regression" else np.full((len(others), 2), 0.5)
                for name, kind in kinds.items()
            }
        )


def test_all_cells_are_done_and_a_second_run_has_nothing_to_do(tmp_path):
    found = plan(tmp_path)
    assert run_cells(found, workers=1) == 0
    before = {cell: read_record(tmp_path / "cells", cell) for cell in found.cells}
    assert len(before) == 6 and {record.status for record in before.values()} == {"done"}
    assert run_cells(open_plan(tmp_path), workers=1) == 0
    assert before == {cell: read_record(tmp_path / "cells", cell) for cell in found.cells}
    assert not list((tmp_path / "claims").iterdir())


def test_a_cell_holds_what_the_candidate_predicts_for_held_out_rows(tmp_path):
    found = plan(tmp_path, ["linear"])
    run_cells(found, workers=1)
    cell = found.cells[1]
    fold = found.fold(cell)
    train = found.rows.rows(fold.train).only(["size"])
    by_hand = Ridge().fit(train.features, train.labels("size")).predict(found.rows.features[fold.held_out])
    outputs = read_outputs(tmp_path / "cells", cell, {"size": 1, "rich": 1}, len(fold.held_out))
    np.testing.assert_allclose(outputs["size"][:, 0], by_hand, rtol=1e-4, atol=1e-5)


def test_killed_workers_lose_no_cell_and_do_none_twice(tmp_path):
    log = tmp_path / "log"
    log.touch()
    found = plan(tmp_path / "run", [Traced(name, log) for name in "abcd"])
    draw, inodes, killed = random.Random(0), {}, {}
    cells = found.folder / "cells"
    for _ in range(6):
        n_begun = len(log.read_text().splitlines())
        workers = [_forked(found) for _ in range(2)]
        while len(log.read_text().splitlines()) < n_begun + 2 and not all(map(_has_ended, workers)):
            time.sleep(0.001)  # both are at work, unless little is left
        time.sleep(draw.uniform(0, 0.01))
        for worker in workers:
            killed[worker] = time.time()
            os.kill(worker, signal.SIGKILL)
            os.waitpid(worker, 0)
        for cell in found.cells:
            if is_done(cells, cell):
                inodes.setdefault(cell, (cells / cell.folder).stat().st_ino)
    assert run_cells(found, workers=1) == 0
    records = {cell: read_record(cells, cell) for cell in found.cells}
    assert {record.status for record in records.values()} == {"done"}
    assert all((cells / cell.folder).stat().st_ino == inode for cell, inode in inodes.items())
    assert sorted(path.name for path in cells.iterdir()) == sorted(cell.folder for cell in found.cells)
    begun = _begun(log)
    for cell, record in records.items():
        tries = begun[cell.candidate, derive_seed(found.seed, "cell", cell.repeat, cell.fold)]
        assert tries[-1][0] < record.finished, "begun after it was done"
        for (_, process), (began, _) in itertools.pairwise(tries):
            assert killed[process] < began, "begun while another was at it"


def _begun(log):
    """Return for each cell when it was begun, and by which process."""
    begun = defaultdict(list)
    for line in log.read_text().splitlines():
        name, seed, process, began = line.split()
        begun[name, int(seed)].append((float(began), int(process)))
    return begun


def _forked(found):
    process = os.fork()
    if process == 0:
        try:
            run_cells(found, workers=1)
        finally:
            os._exit(0)
    return process


def _has_ended(process):
    """Tell whether it has, and leave it to be waited for."""
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def test_a_claimed_cell_is_left_to_its_holder(tmp_path):
    found = plan(tmp_path)
    with claimed(tmp_path / "claims" / found.cells[0].folder) as ours:
        assert ours
        assert run_cell(str(tmp_path), 0) == "busy"
        holder = json.loads((tmp_path / "claims" / found.cells[0].folder).read_text())
        assert holder["process"] == os.getpid()
        assert run_cells(found, workers=1, wait=False) == 1
    assert run_cells(found, workers=1) == 0


def test_a_cell_that_was_done_while_its_claim_was_waited_for_is_not_done_again(tmp_path, monkeypatch):
    found = plan(tmp_path)
    looks = iter([False, True])
    monkeypatch.setattr("polytask.compare.cell_work.is_done", lambda *_: next(looks))
    assert run_cell(str(tmp_path), 0) == "done"
    assert not is_done(tmp_path / "cells", found.cells[0])


def test_a_dead_holder_leaves_its_claim_free(tmp_path):
    path = tmp_path / "claim"
    process = os.fork()
    if process == 0:
        with claimed(path):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(process, 0)
    assert path.exists()
    with claimed(path) as ours:
        assert ours
    assert not path.exists()


@pytest.mark.parametrize("full_at", ["claim", "rows.npz", "plan.json"])
def test_a_full_disk_is_told_with_the_file_and_nothing_is_left(tmp_path, monkeypatch, full_at):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def written(path, write):
        write_atomically(path, full if path.name == full_at else write)

    monkeypatch.setattr("polytask.compare.plan.write_atomically", written)
    if full_at == "claim":
        monkeypatch.setattr("os.write", full)
    with pytest.raises(InputError, match=f"new.*{full_at}.*No space left on device. Free some space."):
        plan(tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_no_cell_is_begun_when_time_is_up(tmp_path):
    assert run_cell(str(tmp_path), 0, deadline=0.0) == "late" if plan(tmp_path) else None
    assert run_cells(open_plan(tmp_path), workers=1, deadline=0.0) == 6


def test_a_candidate_that_fails_is_written_down_and_the_others_go_on(tmp_path):
    class Broken(Candidate):
        name = words = "broken"

        def fit(self, rows, settings, *, seed):
            raise KeyError("nothing")

    found = plan(tmp_path, ["constant", Broken()])
    assert run_cells(found, workers=1) == 0
    records = [read_record(tmp_path / "cells", cell) for cell in found.cells]
    assert {record.error for record in records} == {None, "KeyError: 'nothing'"}


def test_candidates_without_a_recipe_are_left_by_other_processes(tmp_path):
    plan(tmp_path, ["constant", Traced("traced", tmp_path / "log")])
    again = open_plan(tmp_path)
    assert again.candidates["traced"] is None
    assert run_cells(again, workers=1) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, "`seed` was 0, is 1"),
        ({"trials": 2}, "`trials` was 1, is 2"),
        ({"data": {"fingerprint": "y"}}, "`fingerprint` was x, is y"),
        ({"candidates": candidates_of(["constant"])}, "`candidates.linear"),
    ],
)
def test_another_plan_is_refused(tmp_path, change, said):
    plan(tmp_path)
    found, repeats = rows(table(), ["size", "rich"])
    usual = {
        "candidates": candidates_of(["constant", "linear"]),
        "trials": 1,
        "seed": 0,
        "data": {"fingerprint": "x"},
    }
    given = usual | change
    with pytest.raises(BundleError, match=f"another comparison: .*{said}"):
        write_plan(tmp_path, found, repeats, given.pop("candidates"), **given)


def test_other_settings_of_an_estimator_are_another_plan(tmp_path):
    plan(tmp_path, [Ridge(alpha=2.0)])
    with pytest.raises(BundleError, match=r"alpha` was 2\.0, is 3\.0"):
        plan(tmp_path, [Ridge(alpha=3.0)])


def test_other_rows_are_another_plan(tmp_path):
    plan(tmp_path)
    found, repeats = rows(table(seed=1), ["size", "rich"])
    with pytest.raises(BundleError, match="the encoded table was"):
        write_plan(
            tmp_path,
            found,
            repeats,
            candidates_of(["constant", "linear"]),
            trials=1,
            seed=0,
            data={"fingerprint": "x"},
        )


def test_a_folder_of_other_things_is_refused(tmp_path):
    (tmp_path / "letters").mkdir()
    with pytest.raises(InputError, match="holds no comparison, but letters"):
        plan(tmp_path)
    with pytest.raises(BundleError, match="holds no comparison"):
        open_plan(tmp_path)


def test_a_beginning_that_was_killed_is_begun_again(tmp_path):
    for name in ("cells", "claims"):
        (tmp_path / name).mkdir()
    (tmp_path / "rows.npz").write_bytes(b"half")
    assert run_cells(plan(tmp_path), workers=1) == 0


@pytest.mark.parametrize("name", ["plan.json", "rows.npz"])
def test_a_damaged_plan_is_refused(tmp_path, name):
    plan(tmp_path)
    (tmp_path / name).write_bytes(b"{}")
    os.utime(tmp_path / "plan.json", ns=(1, 1))  # what is known of it is read anew
    with pytest.raises(BundleError, match="is damaged"):
        open_plan(tmp_path)


def test_a_damaged_cell_is_named(tmp_path):
    found = plan(tmp_path)
    run_cells(found, workers=1)
    cells, cell = tmp_path / "cells", found.cells[0]
    (cells / cell.folder / "outputs.npz").write_bytes(b"")
    with pytest.raises(BundleError, match="Delete this folder"):
        read_outputs(cells, cell, {"size": 1, "rich": 1}, 1)
    (cells / cell.folder / "cell.json").write_text("{}")
    with pytest.raises(BundleError, match="of another cell"):
        read_record(cells, cell)


def test_settings_are_chosen_inside_the_training_part(tmp_path):
    class Chooses(Traced):
        grids = (({"right": True},), ({"right": True},))

        def fit(self, rows, settings, *, seed):
            self.lengths.append(len(rows))
            values = rows.labels("size")
            constant = np.nanmean(values) if settings.get("right") else 9.0
            return Fitted(
                predict=lambda others: {
                    "size": np.full(len(others), constant),
                    "rich": np.full((len(others), 2), 0.5),
                }
            )

    candidate = Chooses("chooses", tmp_path / "log")
    candidate.lengths = []
    found = plan(tmp_path / "run", [candidate], trials=5)
    run_cells(found, workers=1)
    for cell in found.cells:
        assert read_record(found.folder / "cells", cell).settings["size"] == {"right": True}
    assert max(candidate.lengths) <= max(len(fold.train) for fold in found.repeats[0])


def test_a_folder_is_written_once(tmp_path):
    assert write_folder_atomically(tmp_path / "a", lambda folder: (folder / "x").write_text("1"))
    assert not write_folder_atomically(tmp_path / "a", lambda folder: (folder / "x").write_text("2"))
    assert (tmp_path / "a" / "x").read_text() == "1"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_the_loss_is_finite_where_the_constant_prediction_is_perfect():
    found, _ = rows(table(), ["size"])
    one = replace(found, batch=found.batch.rows(slice(1, 2)))
    right = one.batch.targets["size"][:, None].double()
    assert relative_loss(one, {"size": right}) == 0
    assert 0 < relative_loss(one, {"size": right + 1}) < float("inf")

"""Vectors on disk: whole or absent, in bounded space, for several processes."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from polytask.encoders.frozen_store import FeatureStore

DIGESTS = [bytes([index]) * 32 for index in range(200)]
ROWS = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def store(tmp_path) -> FeatureStore:
    return FeatureStore(tmp_path, "print", width=4)


def test_what_is_saved_is_loaded_by_its_digest_alone(store, tmp_path):
    assert store.load(DIGESTS) == {}
    store.save(DIGESTS[:3], ROWS[:3])
    store.save(DIGESTS[3:5], ROWS[3:5])
    found = FeatureStore(tmp_path, "print", width=4).load([DIGESTS[4], DIGESTS[0], DIGESTS[9]])
    assert set(found) == {DIGESTS[4], DIGESTS[0]}
    assert torch.equal(found[DIGESTS[4]], ROWS[4]) and torch.equal(found[DIGESTS[0]], ROWS[0])
    assert FeatureStore(tmp_path, "other", width=4).load(DIGESTS) == {}


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "width"])
def test_a_damaged_file_is_removed_and_the_rest_serves(store, tmp_path, damage):
    store.save(DIGESTS[:2], ROWS[:2])
    (shard,) = store.folder.iterdir()
    content = bytearray(shard.read_bytes())
    if damage == "flip":
        content[-1] ^= 1
    shard.write_bytes({"flip": bytes(content), "cut": content[:-5], "empty": b"", "width": content}[damage])
    if damage == "width":
        store = FeatureStore(tmp_path, "print", width=5)
    assert store.load(DIGESTS) == {} and not shard.exists()


def test_many_small_files_are_joined_and_nothing_is_lost(store):
    for index, digest in enumerate(DIGESTS[:80]):
        store.save([digest], ROWS[index : index + 1])
    assert len(list(store.folder.iterdir())) <= 33
    found = store.load(DIGESTS)
    assert len(found) == 80
    assert all(torch.equal(found[digest], ROWS[index]) for index, digest in enumerate(DIGESTS[:80]))


def test_what_was_used_longest_ago_goes_first(tmp_path):
    old, used, new = (FeatureStore(tmp_path, name, width=4, limit=2 * 80 + 40) for name in ("a", "b", "c"))
    for age, store in ((300, old), (200, used)):
        store.save(DIGESTS[:1], ROWS[:1])  # 32 + 32 + 16 bytes
        (shard,) = store.folder.iterdir()
        os.utime(shard, (1e9 - age, 1e9 - age))
    used.load(DIGESTS[:1])
    (shard,) = used.folder.iterdir()
    assert shard.stat().st_mtime > 1e9
    new.save(DIGESTS[:1], ROWS[:1])
    assert [bool(store.load(DIGESTS[:1])) for store in (old, used, new)] == [False, True, True]


def test_a_file_that_another_process_removes_meanwhile_is_no_failure(store, monkeypatch):
    store.save(DIGESTS[:1], ROWS[:1])
    shards = store._shards()
    shards[0].unlink()
    monkeypatch.setattr(store, "_shards", lambda: shards)
    assert store.load(DIGESTS[:1]) == {}


def test_several_writers_and_readers_at_once_lose_nothing(tmp_path):
    def write(start: int) -> int:
        own = FeatureStore(tmp_path, "print", width=4)  # as another process has it
        for index in range(start, start + 50):
            own.save([DIGESTS[index]], ROWS[index : index + 1])
        found = own.load(DIGESTS)
        assert all(torch.equal(found[digest], ROWS[DIGESTS.index(digest)]) for digest in found)
        return len(found)

    with ThreadPoolExecutor(4) as pool:
        assert min(pool.map(write, range(0, 200, 50))) >= 1
    assert len(FeatureStore(tmp_path, "print", width=4).load(DIGESTS)) == 200
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".features"]


def test_a_damaged_file_that_cannot_be_removed_is_passed_over(store, monkeypatch):
    store.save(DIGESTS[:2], ROWS[:2])
    (shard,) = store.folder.iterdir()
    shard.write_bytes(b"damaged")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.unlink", refused)
    assert store.load(DIGESTS) == {}


def test_a_folder_in_the_place_of_a_file_is_passed_over(store):
    for index in range(40):
        (store.folder / f"{index}.features").mkdir(parents=True)
    store.save(DIGESTS[:1], ROWS[:1])
    assert set(store.load(DIGESTS)) == {DIGESTS[0]}

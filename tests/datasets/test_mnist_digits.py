import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from polytask.core import DataError
from polytask.datasets.mnist_digits import mnist

needs_data = pytest.mark.skipif(
    not (Path(os.environ.get("POLYTASK_DATA") or "/nonexistent") / "mnist").is_dir(),
    reason="POLYTASK_DATA names no folder with mnist",
)

IMAGES = np.arange(3 * 28 * 28, dtype=np.uint8).reshape(3, 28, 28)
LABELS = np.array([7, 0, 9], dtype=np.uint8)


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}i", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mnist").mkdir()
    return tmp_path / "mnist"


def write_idx(folder: Path, stem: str = "train", packed: bool = True) -> None:
    for name, array in (("images-idx3", IMAGES), ("labels-idx1", LABELS)):
        content = idx(array)
        path = folder / f"{stem}-{name}-ubyte{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(content) if packed else content)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(("part", "stem"), [("train", "train"), ("test", "t10k")])
def test_the_official_files_are_read_as_they_were_written(folder, part, stem, packed):
    write_idx(folder, stem, packed)
    examples = mnist(part, folder.parent)
    assert torch.equal(examples.inputs, torch.from_numpy(IMAGES)[:, None])
    assert examples.labels.tolist() == [7, 0, 9]
    assert examples.class_names == tuple("0123456789")


def test_the_npz_file_is_read_as_it_was_written(folder):
    np.savez(folder / "mnist.npz", x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:1], y_test=LABELS[:1])
    assert torch.equal(mnist("train", folder.parent).inputs, torch.from_numpy(IMAGES)[:, None])
    assert mnist("test", folder.parent).labels.tolist() == [7]


def test_an_unknown_part_is_refused(folder):
    with pytest.raises(DataError, match="'train' and 'test'"):
        mnist("validation", folder.parent)  # pyright: ignore[reportArgumentType]


def test_every_missing_file_is_named(folder):
    with pytest.raises(DataError, match=r"neither mnist.npz nor train-images.* and train-labels.*Get the"):
        mnist("train", folder.parent)


def test_a_truncated_gz_file_is_reported(folder):
    write_idx(folder)
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz is damaged"):
        mnist("train", folder.parent)


def test_a_truncated_plain_file_is_reported(folder):
    write_idx(folder, packed=False)
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match=r"announces \(3, 28, 28\), 2352 values, but has 2347"):
        mnist("train", folder.parent)


@pytest.mark.parametrize("content", [b"", b"\0\0\x0d\x03", b"<html>"])
def test_what_is_no_idx_file_of_bytes_is_refused(folder, content):
    write_idx(folder, packed=False)
    (folder / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(DataError, match="is no idx file"):
        mnist("train", folder.parent)


def test_images_and_labels_of_different_length_are_refused(folder):
    write_idx(folder, packed=False)
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(LABELS[:2]))
    with pytest.raises(DataError, match=r"labels \(2,\)"):
        mnist("train", folder.parent)


@pytest.mark.parametrize("content", [b"PK\x03\x04 broken", b"no archive"])
def test_a_damaged_npz_file_is_reported(folder, content):
    (folder / "mnist.npz").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as MNIST"):
        mnist("train", folder.parent)


def test_an_npz_file_without_the_arrays_is_reported(folder):
    np.savez(folder / "mnist.npz", images=IMAGES)
    with pytest.raises(DataError, match="should hold x_train"):
        mnist("train", folder.parent)


@needs_data
@pytest.mark.parametrize(("part", "count", "ones"), [("train", 60_000, 6_742), ("test", 10_000, 1_135)])
def test_the_real_set_has_the_published_counts(part, count, ones):
    examples = mnist(part)
    assert examples.inputs.shape == (count, 1, 28, 28)
    assert int((examples.labels == 1).sum()) == ones

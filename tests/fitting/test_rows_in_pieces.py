import numpy as np
import pytest
import torch
from tests.large_samples import TARGETS, sample_table

from polytask.data.tables.large_table import FrameTable
from polytask.fitting import rows_in_pieces
from polytask.fitting.large_preparation import prepare_large_table
from polytask.fitting.rows_in_pieces import RowsInPieces
from polytask.fitting.stacked_losses import StackedLosses
from polytask.fitting.stacked_plan import Members
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import PreparedTable
from polytask.models.number_bins import NumberBins
from polytask.models.table_config import TableConfig


@pytest.fixture
def prepared() -> PreparedTable:
    frame = sample_table(2000)
    return prepare_large_table(FrameTable(frame), Columns.of(TARGETS), seed=0)


def in_pieces(prepared: PreparedTable, members: Members, *, batch_size: int = 64) -> RowsInPieces:
    assert prepared.large is not None
    device = torch.device("cpu")
    return RowsInPieces(
        prepared.large,
        prepared.rows,
        members,
        NumberBins([0] * prepared.encoder.n_features),
        TableConfig(batch_size=batch_size),
        losses=StackedLosses(prepared.tasks, prepared.rows, None, device),
        seed=0,
        device=device,
        dtype=torch.float32,
    )


def taken(rows: RowsInPieces, network: int, n_rows: int) -> np.ndarray:
    return rows.streams[network].take(n_rows).numpy()


def test_a_pass_goes_once_through_the_training_rows_of_a_network(prepared: PreparedTable) -> None:
    members = Members.joint(prepared.repeats, 3)
    rows = in_pieces(prepared, members)
    assert prepared.large is not None
    for network in range(3):
        expected = np.flatnonzero(prepared.large.dealt.trains(0, network, slice(None)))
        pieces = [taken(rows, network, 100) for _ in range(len(expected) // 100)]
        pieces.append(taken(rows, network, len(expected) % 100))
        assert sorted(np.concatenate(pieces).tolist()) == expected.tolist()
        again = taken(rows, network, len(expected))
        assert sorted(again.tolist()) == expected.tolist()
        assert again.tolist() != np.concatenate(pieces).tolist()


def test_a_network_of_one_target_sees_rows_with_its_label_alone(prepared: PreparedTable) -> None:
    known = torch.stack([prepared.rows.masks[task.name] for task in prepared.tasks], dim=1).numpy()
    members = Members.baselines(prepared.repeats, known)
    rows = in_pieces(prepared, members)
    assert prepared.large is not None
    labels = prepared.large.rows.targets[:, 0]
    for network in range(3):  # those of the first target
        seen = taken(rows, network, 3000)
        assert not bool(labels[seen].isnan().any())
        assert prepared.large.dealt.trains(0, network, seen).all()


def test_a_batch_has_features_and_labels_of_the_rows_that_each_network_took(
    prepared: PreparedTable,
) -> None:
    members = Members.joint(prepared.repeats, 3)
    rows, twin = in_pieces(prepared, members), in_pieces(prepared, members)
    inputs = rows.batch(0)
    picked = torch.from_numpy(np.stack([taken(twin, network, 64) for network in range(3)]))
    assert prepared.large is not None
    assert torch.equal(inputs, prepared.large.rows.inputs(picked.flatten()).view(3, 64, -1))
    outputs = torch.zeros(3, 64, 5)
    everything = torch.ones(3, 3, dtype=torch.bool)
    labels = prepared.large.rows.targets[picked]
    known = ~labels[..., 0].isnan()
    of_numbers = (labels[..., 0].nan_to_num(0.0).square() * known).sum(1) / known.sum(1)
    expected = (of_numbers + np.log(2) + np.log(3)) / 3
    assert torch.allclose(rows.loss(outputs, everything), expected, atol=1e-5)


def test_an_epoch_ends_after_so_many_rows(prepared: PreparedTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_in_pieces, "MOST_ROWS_AN_EPOCH", 300)
    assert in_pieces(prepared, Members.joint(prepared.repeats, 3)).n_steps == 300 // 64


def test_a_network_goes_on_where_its_state_was_taken(prepared: PreparedTable) -> None:
    members = Members.joint(prepared.repeats, 3)
    rows, other = in_pieces(prepared, members), in_pieces(prepared, members)
    for _ in range(40):
        rows.batch(0)
    other.load_state_dict(rows.state_dict())
    assert torch.equal(rows.batch(0), other.batch(0))

"""Parts of a bundle's tensors come back, and are nobody else's where they are copied."""

import pytest
import torch

from polytask.models.tensor_parts import named_part, other_parts, taken_part

WEIGHTS = {"weight": torch.tensor([1.0]), "tasks": torch.tensor([2.0])}
KNOWN = {"labels": torch.tensor([3.0]), "tasks.labels": torch.tensor([4.0])}
SPREAD = {"": torch.tensor([5.0])}
WHOLE = WEIGHTS | named_part("tasks.", KNOWN) | named_part("spread/", SPREAD)


def test_each_part_comes_back_under_its_own_names() -> None:
    assert len(WHOLE) == 5
    assert taken_part("tasks.", WHOLE) == KNOWN
    assert taken_part("spread/", WHOLE) == SPREAD
    assert other_parts(("tasks.", "spread/"), WHOLE) == WEIGHTS
    assert other_parts("tasks.", WHOLE) == WEIGHTS | named_part("spread/", SPREAD)


@pytest.mark.parametrize("copied", [False, True])
def test_a_copy_shares_no_memory(copied: bool) -> None:
    for name, tensor in taken_part("tasks.", WHOLE, copied=copied).items():
        assert torch.equal(tensor, KNOWN[name])
        assert (tensor.data_ptr() == KNOWN[name].data_ptr()) is not copied

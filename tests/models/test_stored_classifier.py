"""A bundle that does not hold what a classifier consists of is refused before it is used."""

import pytest
import torch
from torch import Tensor

from polytask.core import InputError
from polytask.models.stored_classifier import check_head, check_tensors, stored_examples

HEAD = {"asked": "auto", "name": "ridge", "strength": 1.0, "sharpness": 2.0}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": "auto"}, "no head 'auto'"),
        ({"asked": "?"}, r"no head '\?'"),
        ({"strength": 0.0}, "strength of the head is 0.0"),
        ({"sharpness": float("nan")}, "sharpness of the head is nan"),
        ({"sharpness": -1.0}, "sharpness of the head is -1.0"),
    ],
)
def test_a_head_that_cannot_be_is_refused(change: dict[str, object], problem: str) -> None:
    check_head(**HEAD)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match=problem):
        check_head(**{**HEAD, **change})  # pyright: ignore[reportArgumentType]


def tensors() -> dict[str, Tensor]:
    doubles = torch.zeros(4, dtype=torch.float64)
    return {"weight": torch.ones(2, 3), "bias": torch.ones(2), "references": doubles, "losses": doubles}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("weight", torch.ones(3, 2)),
        ("weight", torch.full((2, 3), torch.nan)),
        ("bias", torch.ones(2, dtype=torch.float64)),
        ("references", torch.zeros(4, dtype=torch.bfloat16)),
        ("losses", torch.zeros(1, 4, dtype=torch.float64)),
        ("losses", None),
    ],
)
def test_a_tensor_of_another_form_is_refused(name: str, wrong: Tensor | None) -> None:
    check_tensors(tensors(), 2, 3)
    changed = {key: tensor for key, tensor in (tensors() | {name: wrong}).items() if tensor is not None}
    with pytest.raises(InputError, match=name):
        check_tensors(changed, 2, 3)


def test_examples_are_put_together_by_their_class() -> None:
    held = stored_examples(["a", "b"], [["1"], ["2", "3"]], torch.eye(3), torch.tensor([1, 0, 1]), 3)
    assert held.features["a"].tolist() == [[0, 1, 0]]
    assert held.features["b"].tolist() == [[1, 0, 0], [0, 0, 1]]
    assert held.names == {"a": ("1",), "b": ("2", "3")}


@pytest.mark.parametrize(
    "change",
    [
        {"classes": ["a", "a"]},
        {"classes": ["a", 1]},
        {"classes": None},
        {"names": [["1"], []]},
        {"names": [["1"], "23"]},
        {"names": 7},
        {"labels": torch.tensor([0, 1, 10**9])},  # of which nothing is allocated
        {"labels": torch.tensor([0, 0, 1])},
        {"labels": torch.tensor([-1, 1, 1])},
        {"labels": torch.tensor([0.0, 1, 1])},
        {"features": torch.eye(3).bfloat16()},
        {"features": torch.ones(3, 2)},
    ],
)
def test_examples_that_do_not_fit_together_are_refused(change: dict[str, object]) -> None:
    whole = {
        "classes": ["a", "b"],
        "names": [["1"], ["2", "3"]],
        "features": torch.eye(3),
        "labels": torch.tensor([0, 1, 1]),
        "width": 3,
    }
    with pytest.raises(InputError):
        stored_examples(**{**whole, **change})  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("texts", [["a cat"], {"1": 3}, None])
def test_beginnings_that_are_no_texts_are_refused(texts: object) -> None:
    with pytest.raises(InputError, match="beginnings of texts must be texts by name"):
        stored_examples(["a", "b"], [["1"], ["2"]], torch.eye(2), torch.arange(2), 2, texts=texts)

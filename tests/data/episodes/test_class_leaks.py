"""Classes for evaluation are not known from training."""

import pytest
import torch

from polytask.core import DataError
from polytask.data import LabelledExamples, check_new_classes


def letters(first: float = 0.0) -> LabelledExamples:
    return LabelledExamples(
        inputs=first + torch.arange(120.0).unsqueeze(1),
        labels=torch.arange(120) % 12,
        class_names=tuple(f"{first}-{index}" for index in range(12)),
        class_groups=("latin",) * 3 + ("greek",) * 4 + ("tamil",) * 5,
    )


def test_new_classes_are_new_by_name_group_and_example() -> None:
    check_new_classes(letters(), letters(1000.0))
    with pytest.raises(DataError, match=r"class '0\.0-0' is known; .* and 8 more from training"):
        check_new_classes(letters(), letters())
    with pytest.raises(DataError, match="group 'greek' is known"):
        check_new_classes(letters(), letters(1000.0), groups=True)
    renamed = LabelledExamples(
        inputs=letters().inputs[:3], labels=torch.zeros(3).long(), class_names=("z",), class_groups=("z",)
    )
    with pytest.raises(DataError, match="3 examples are known"):
        check_new_classes(letters(), renamed)

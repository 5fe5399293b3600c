"""What no target can be learned from is refused with the number of rows."""

import numpy as np
import pytest

from polytask.core import DataError
from polytask.data.tables.label_faults import LARGEST_LABEL, check_finite


def test_the_largest_number_of_32_bits_is_the_last_that_is_taken() -> None:
    check_finite("Target 'y'", np.array([LARGEST_LABEL, -LARGEST_LABEL, 0.0, np.nan]))
    for numbers in ([np.inf, 0.0, -np.inf], [1e39, np.nan, -1e39]):
        with pytest.raises(DataError, match=r"Target 'y' is infinite or beyond 3\.4e38 in 2 rows"):
            check_finite("Target 'y'", np.array(numbers))

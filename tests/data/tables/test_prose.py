import hashlib
import string
import uuid

import numpy as np
import pytest

from polytask.data.tables.prose import is_prose, n_words

_DRAW = np.random.default_rng(0)
_ADJECTIVES = ("red", "old", "tiny", "soft", "loud", "round", "cheap", "green")
_THINGS = ("chair", "lamp", "table", "shelf", "carpet", "mirror", "clock")


def _texts() -> list[str]:
    return [f"A {one}, {two} for room {index}." for index, one in enumerate(_ADJECTIVES) for two in _THINGS]


@pytest.mark.parametrize(
    "values",
    [
        [hashlib.sha256(str(index).encode()).hexdigest() for index in range(200)],
        [str(uuid.UUID(int=index**7)) for index in range(200)],
        [f"{('ENG', 'HR', 'OPS')[index % 3]}-{index:05}" for index in range(200)],
        [f"{('anna', 'bob')[index % 2]}.{index}@example.com" for index in range(200)],
        [f"https://example.com/shop/{index}" for index in range(200)],
        [f"+49 {index + 100} 555{index}" for index in range(200)],
        [f"row {index} of table" for index in range(200)],
        ["".join(_DRAW.choice(list(string.ascii_letters), 20)) for _ in range(200)],
    ],
    ids=["hash", "uuid", "department", "e-mail", "address", "phone", "row", "letters"],
)
def test_what_only_tells_rows_apart_is_no_prose(values: list[str]) -> None:
    assert not is_prose(values)


def test_sentences_and_names_are_prose() -> None:
    assert is_prose(_texts())
    assert is_prose([f"{first.title()} {last.title()}" for first in _ADJECTIVES for last in _THINGS])


def test_long_words_with_parts_in_common_are_prose() -> None:
    heads, tails = (
        ("Kinder", "Garten", "Sommer", "Winter", "Arbeits"),
        ("schuhe", "moebel", "kleidung", "lampe"),
    )
    assert is_prose(
        [f"{head}{middle}{tail}" for head in heads for middle in ("holz", "gross") for tail in tails]
    )


def test_words_are_counted_by_their_median() -> None:
    assert n_words(["a", "a b c", "a b"]) == 2 and n_words([]) == 0

import pytest

from polytask.core import DataError
from polytask.datasets.chick_growth import chick_weights

HEAD = "weight,time,chick,diet\n"


def folder(tmp_path, content: str):
    (tmp_path / "chick_weights").mkdir()
    (tmp_path / "chick_weights" / "chick-weights.csv").write_text(content)
    return tmp_path


def test_weighings_have_their_chick_and_diet_as_text(tmp_path):
    table = chick_weights(folder(tmp_path, HEAD + "42,0,1,1\n51,2,1,1\n40,0,2,3\n"))
    assert table["weight"].tolist() == [42, 51, 40] and table["time"].tolist() == [0, 2, 0]
    assert table["chick"].tolist() == ["1", "1", "2"]
    assert table["diet"].tolist() == ["diet 1", "diet 1", "diet 3"]


@pytest.mark.parametrize("content", ["", HEAD, HEAD + "a,0,1,1\n", "weight,time\n1,2\n"])
def test_another_file_is_refused(tmp_path, content):
    with pytest.raises(DataError, match=r"chick-weights\.csv"):
        chick_weights(folder(tmp_path, content))


def test_a_missing_file_is_named(tmp_path):
    (tmp_path / "chick_weights").mkdir()
    with pytest.raises(DataError, match="is missing"):
        chick_weights(tmp_path)
    with pytest.raises(DataError, match="there is no folder"):
        chick_weights(tmp_path / "elsewhere")

import json

import numpy as np
import pandas as pd
import pytest

from polytask.core import DataError
from polytask.data.tables.delimited import read_delimited
from polytask.data.tables.features import TableEncoder
from polytask.data.tables.number_form import NumberForm
from polytask.data.tables.reading import column_reading
from polytask.data.tables.target_column import TargetColumn
from polytask.data.tables.target_labels import split_labels, target_messages
from polytask.data.tables.targets import fit_targets


def _prices(n_rows: int = 40) -> pd.DataFrame:
    texts = [
        f"{1000 + index * 37 % 900}".replace("1", "1.", 1) + f",{index % 100:02} €" for index in range(n_rows)
    ]
    return pd.DataFrame({"price": texts})


def test_numbers_with_a_unit_are_features_in_that_unit() -> None:
    frame = _prices()
    encoder = TableEncoder.fit(frame, columns=["price"], train_rows=np.arange(30))
    assert encoder.feature_names == ("price",)
    assert encoder.notes["price"] == "its text is read as numbers in the unit '€' and with a decimal comma"
    numbers = frame["price"].str.replace(r"[. €]", "", regex=True).str.replace(",", ".").astype(float)
    plain = TableEncoder.fit(numbers.to_frame(), columns=["price"], train_rows=np.arange(30))
    assert encoder.transform(frame)[0].equal(plain.transform(numbers.to_frame())[0])
    again = TableEncoder.from_json(json.loads(json.dumps(encoder.to_json())))
    assert again == encoder
    with pytest.raises(
        DataError, match=r"has '3 \$' \(1 row\)\. Write numbers like those in training, in '€'"
    ):
        again.transform(pd.DataFrame({"price": ["3 $", "4 €"]}))


def test_words_among_numbers_with_a_unit_are_missing() -> None:
    values = pd.Series([*_prices()["price"], "on request", None])
    reading = column_reading(values)
    assert reading.words == ("on request",) and reading.form == NumberForm(decimal=",", unit="€")


def test_a_file_with_decimal_commas_is_learned_as_numbers() -> None:
    text = "size;mass\n" + "".join(f"{index},5;{index * 2},{index % 10}\n" for index in range(30))
    frame = read_delimited(text, "t")
    encoder = TableEncoder.fit(frame, columns=["size"], train_rows=np.arange(30))
    assert encoder.notes["size"] == "its text is read as numbers with a decimal comma"
    (mass,) = fit_targets(frame, ["mass"], train_rows=np.arange(30))
    assert mass.task.kind == "regression"
    assert mass.mean == pytest.approx(np.mean([index * 2 + index % 10 / 10 for index in range(30)]))
    assert "mass" in split_labels(frame, ["mass"])
    assert any("with a decimal comma" in message for message in target_messages(frame, [mass]))
    assert TargetColumn.from_json(json.loads(json.dumps(mass.to_json()))) == mass
    standardized, known = mass.encode(pd.Series(["3,5", None]))
    assert standardized[0] == pytest.approx((3.5 - mass.mean) / mass.scale) and known.tolist() == [
        True,
        False,
    ]


def test_a_target_with_a_unit_answers_in_numbers() -> None:
    (price,) = fit_targets(_prices(), ["price"], train_rows=np.arange(40))
    assert price.task.kind == "regression" and price.numbers(pd.Series(["1.000,50 €"])).tolist() == [1000.5]


def test_several_units_are_categories_with_a_note() -> None:
    texts = [f"{index % 15} {('kg', 'g')[index % 2]}" for index in range(90)]
    frame = pd.DataFrame({"mass": texts, "x": range(90)})
    encoder = TableEncoder.fit(frame, columns=["mass", "x"], train_rows=np.arange(90))
    assert "its numbers have several units, 'kg', 'g'" in encoder.notes["mass"]
    assert "mass=3 g" in encoder.feature_names


def test_columns_of_codes_stay_categories() -> None:
    for values in (["007", "12", "13"] * 9, ["171 234 567", "160 111 222", "151 000 999"] * 9):
        assert column_reading(pd.Series(values)).kind == "category"
    assert column_reading(pd.Series(pd.Categorical(["1,5", "2,5", "3,5"]))).kind == "category"

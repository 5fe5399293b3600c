"""What a model tells of itself, also one that means harm."""

import json
from dataclasses import replace

import pytest
import torch

from polytask.core import BundleError
from polytask.models.bundle import Bundle
from polytask.models.model_record import ModelRecord
from polytask.models.report_details import Item, ReportDetails

PLAIN = Bundle(
    kind="table",
    config={"model": {"width": 4}},
    tensors={"a": torch.ones(3), "calibration.0.scores": torch.ones(9)},
    data={"fingerprint": "abc"},
    files={
        "config.toml": "# Written\n#   polytask fit t.csv --target y\n\nwidth = 4\n",
        "results.json": '{"a": 1}',
    },
)


def test_it_holds_description_results_and_the_command():
    found = ModelRecord.of(PLAIN)
    assert (found.command, found.settings, found.results) == (
        "polytask fit t.csv --target y",
        {"width": 4},
        {"a": 1},
    )
    assert (found.n_parameters, found.fingerprint, found.details) == (3, "abc", ReportDetails())


def test_details_are_read_field_by_field():
    details = ReportDetails(misses=(Item(truth="a", predicted="b"),), notes=("n",))
    found = ModelRecord.of(replace(PLAIN, files={"report.json": json.dumps(details.to_json())}))
    assert found.details == details


@pytest.mark.parametrize(
    "files",
    [
        {"results.json": "[]"},
        {"results.json": "{"},
        {"report.json": '{"misses": 1}'},
        {"report.json": '{"misses": [{"truth": 1}]}'},
        {"report.json": '{"script": "x"}'},
        {"report.json": "null"},
    ],
)
def test_what_is_no_report_of_polytask_is_refused_by_name(files):
    with pytest.raises(BundleError, match=r"The results of my model are not as polytask writes them"):
        ModelRecord.of(replace(PLAIN, files=files, source="my model"))

"""The card of a model: what the hub asks in front, then what it is for, how good it is, and its limits."""

import json
import re
from dataclasses import replace

import pytest
from tests.report.figures import fit_results, task_result

from polytask.core import BundleError
from polytask.models.bundle import Bundle
from polytask.models.model_card import model_card
from polytask.models.model_record import ModelRecord

hub = pytest.importorskip("huggingface_hub")
NAME = "mass `x` | <b>kg</b>\n## no heading"
FIT = ModelRecord.of(
    Bundle(
        kind="table",
        config={
            "targets": [{"name": NAME, "kind": "regression"}, {"name": "sold", "kind": "binary"}],
            "encoder": {"columns": [{"name": "a_b", "kind": "number"}]},
        },
        tensors={},
        data={"fingerprint": "f00", "rows": 10},
        files={
            "results.json": json.dumps(
                fit_results(
                    task_result(NAME),
                    task_result("sold", better_than_constant=False),
                    messages=("A *note*.",),
                ).to_json()
            ),
            "config.toml": "#   polytask fit t.csv\n",
        },
    )
)


def test_the_hub_reads_library_tags_task_and_figures():
    data = hub.ModelCard(model_card(FIT, name="sales: 2")).data
    assert (data.library_name, data.model_name) == ("polytask", "sales: 2")
    assert {"polytask", "multi-task-learning", "tabular"} <= set(data.tags)
    assert data.pipeline_tag == "tabular-classification"
    figures = {(one.task_name, one.metric_type): one.metric_value for one in data.eval_results}
    assert figures["sold", "rmse"] == 1.21 and len(figures) == 4
    assert all(one.dataset_type and one.dataset_name for one in data.eval_results)


def test_it_has_the_sections_that_a_reader_looks_for_in_order():
    text = model_card(FIT)
    titles = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert titles == ["Intended use", "Data", "Evaluation", "Limits", "How to use"]
    assert "polytask fit t.csv" in text and "`f00`" in text and 'polytask.load("folder' in text
    assert "not clearly better than a constant answer for sold" in text


def test_names_are_text_and_break_neither_table_nor_front_matter():
    text = model_card(FIT)
    body = text.partition("\n---\n")[2]
    assert "<b>" not in body and "\n## no heading" not in body
    rows = [line for line in body.splitlines() if line.startswith("| mass")]
    assert len(rows) == 2 and all(len(re.findall(r"(?<!\\)\|", row)) == 5 for row in rows)
    assert r"A \*note\*\." in body or r"A \*note\*." in body


def test_other_kinds_of_model_have_cards_too():
    figure = {"mean": 0.9, "half_width": 0.02, "transductive": False}
    learned = ModelRecord(
        kind="few-shot",
        config={"model": {}},
        data={"source": "glyphs"},
        results={"way": 5, "shot": 1, "accuracy": figure, "verdict": "helped"},
    )
    data = hub.ModelCard(model_card(learned)).data
    assert data.pipeline_tag == "image-classification" and data.eval_results[0].metric_value == 0.9
    told = replace(
        learned,
        kind="few-shot-classifier",
        results=None,
        config={"space": {"kind": "text"}, "classes": ["a", "b"]},
        data={"left_out_accuracy": 0.75},
    )
    data = hub.ModelCard(model_card(told)).data
    assert data.pipeline_tag == "text-classification" and data.eval_results[0].metric_value == 0.75
    assert "It tells 2 classes apart: a, b." in model_card(told)


def test_results_that_are_none_are_refused():
    with pytest.raises(BundleError, match="are not as polytask writes them"):
        model_card(replace(FIT, results={"tasks": [1]}))


def test_the_card_of_a_model_that_reads_rows_speaks_of_rows_and_tasks():
    record = ModelRecord.of(
        Bundle(kind="in-context", config={}, tensors={}, data={}, files={"results.json": "{}"})
    )
    text = model_card(record, name="shops")
    assert "pipeline_tag: tabular-regression" in text
    assert "predicts a number of a new task by reading the rows that are known of it" in text
    assert "results.json" in text and "images" not in text


def test_the_card_of_learned_features_names_what_they_are_of():
    config = {"space": {"kind": "text", "views": []}}
    record = ModelRecord.of(Bundle(kind="learned-features", config=config, tensors={}, data={}, files={}))
    text = model_card(record, name="intents")
    assert "pipeline_tag: text-classification" in text
    assert "a few labelled texts of each" in text and "model.adapt(" in text

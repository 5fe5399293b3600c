"""The demo, with an epoch and a step where it has many; most of its questions are made up."""

import json
from unittest.mock import create_autospec

import pytest
from markupsafe import escape
from tests.report.figures import fit_results, task_result

import polytask
from polytask.datasets import glyphs
from polytask.demo import both_halves as demo
from polytask.demo import run_demo
from polytask.demo.table_questions import Question
from polytask.fitting.few_shot_source import class_split


@pytest.mark.trains
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_it_leaves_a_report_and_its_models(tmp_path, monkeypatch):
    for name, told in (
        ("ask_helping_world", "kindred tasks"),
        ("ask_about_traits", "traits of letters"),
        ("ask_about_chicks", "chicks"),
    ):
        results = fit_results(task_result("y"))
        made_up = Question(name=told, asked=f"What of {told}?", conclusion="Much.", results=results)
        monkeypatch.setattr(demo, name, create_autospec(getattr(demo, name), return_value=made_up))
    few = class_split(glyphs("validation"), seed=0, way=5)
    monkeypatch.setattr(demo, "class_split", create_autospec(demo.class_split, return_value=few))
    found = run_demo(
        tmp_path,
        repeats=1,
        steps=1,
        n_episodes=4,
        n_tasks=4,
        n_drawings=60,
        n_splits=1,
        epochs=1,
        width=4,
        folds=2,
        command="polytask demo -o here",
    )
    assert found.report == tmp_path / "report.html"
    page = found.report.read_text()
    for text in (
        "body_mass_g",
        "One episode, answered by simple-shot",
        "polytask demo -o here",
        *(str(escape(one.asked)) for one in found.questions),
    ):
        assert text in page
    assert page.count("<svg") >= 2
    assert [one.name for one in found.questions] == [
        "kindred tasks",
        "penguins",
        "traits of letters",
        "chicks",
    ]
    assert [task.task for task in found.questions[1].results.tasks] == [
        "species", "sex", "island", "body_mass_g",
    ]  # fmt: skip
    assert [result.learner for result in found.few_shot] == ["simple-shot", "prototypes", "maml"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "glyphs-maml", "glyphs-prototypes", "glyphs-simple-shot", "penguins", "report.html",
    ]  # fmt: skip
    polytask.load(tmp_path / "glyphs-maml")
    written = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert written["report"] == str(found.report) and len(written["glyphs"]) == 3
    assert set(written["tables"]) == {"kindred tasks", "penguins", "traits of letters", "chicks"}


def test_a_place_for_a_model_that_is_taken_is_found_before_any_training(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "ask_helping_world", lambda *_, **__: pytest.fail("trained"))
    (tmp_path / "glyphs-maml").mkdir()
    (tmp_path / "glyphs-maml" / "thesis.tex").write_text("years of work")
    with pytest.raises(polytask.PolytaskError, match=r"thesis\.tex"):
        run_demo(tmp_path)

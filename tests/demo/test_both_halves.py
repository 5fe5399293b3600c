"""The demo, with an epoch and a step where it has many."""

import json
import re

import pytest
import torch
from markupsafe import escape

import polytask
from polytask.core import derive_seed
from polytask.data import ClassificationEpisodes
from polytask.demo import both_halves as demo
from polytask.demo import run_demo
from polytask.fitting.few_shot_source import class_split
from polytask.meta import ImageTask, learner_by_name
from polytask.models import FewShotModel
from polytask.models.few_shot_config import FewShotConfig


@pytest.mark.trains
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_it_leaves_a_report_and_its_models(tmp_path):
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
    )
    assert found.report == tmp_path / "report.html"
    page = found.report.read_text()
    for text in (
        "Palmer penguins",
        "One episode of unseen scripts",
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


def test_the_picture_of_an_episode_shows_its_drawings_and_counts_its_answers(monkeypatch):
    drawn = {}

    def figure(support, queries, answers, truth):
        drawn.update(support=support, queries=queries, answers=answers, truth=truth)
        return "picture"

    monkeypatch.setattr(demo, "episode_plot", figure)
    classes = class_split("glyphs", size=28, seed=0)
    learner = learner_by_name("prototypes", ImageTask(n_way=5, size=28, width=8))
    model = FewShotModel(learner, config=FewShotConfig(width=8), data={})
    picture, caption = demo._one_episode(model, classes)
    (episode,) = ClassificationEpisodes(
        classes.test, n_way=5, n_shot=1, n_query=6, seed=derive_seed(0, "picture")
    ).step(0)
    assert episode.support is not None and picture == "picture"
    truth = episode.query.targets["class"]
    with torch.no_grad():
        answers = model.learner.adapt(episode.tasks, episode.support)(episode.query.inputs)["class"].argmax(1)
    assert drawn["truth"] == truth.tolist() and drawn["answers"] == answers.tolist()
    in_order = episode.support.inputs[episode.support.targets["class"].argsort()]
    torch.testing.assert_close(drawn["support"], 255 * in_order)
    torch.testing.assert_close(drawn["queries"], 255 * episode.query.inputs)
    counted = re.search(r"\((\d+) of (\d+) right\)", caption)
    assert counted is not None
    assert [int(number) for number in counted.groups()] == [int((answers == truth).sum()), 30]

"""The report of the demo, from results that are made up."""

import re
from dataclasses import replace
from typing import Any

import pytest
from tests.report.figures import fit_results, interval, task_result

from polytask.core import mean_interval
from polytask.core.episode_score import EpisodeScore
from polytask.demo.page import demo_page
from polytask.demo.table_questions import Question
from polytask.models.few_shot_results import FewShotResults
from polytask.models.report_details import Episode, Item


def learned(learner: str, mean: float) -> FewShotResults:
    def score(mean: float) -> EpisodeScore:
        values = (mean - 0.1, mean, mean + 0.1)
        return EpisodeScore(
            interval=mean_interval(values), metric="accuracy", transductive=False, values=values
        )

    return FewShotResults(
        source="glyphs",
        learner=learner,
        way=5,
        shot=1,
        score=score(mean),
        baseline=score(0.5),
        n_classes={"train": 3, "validation": 2, "test": 2},
        n_parameters=1234567,
        seconds=75.0,
    )


QUESTIONS = (
    Question(
        name="kin",
        asked="Does <it> help?",
        conclusion="It does.",
        results=fit_results(task_result("mass <kg>"), task_result("kind", gain=2.0, p_value=0.3)),
        scores={"ridge": 0.25, "polytask.fit": 0.875},
        measured="R²",
    ),
    Question(
        name="chicks",
        asked="And chicks?",
        conclusion="They, too.",
        scores={"a line": 30.0, "polytask.fit": 12.34},
        measured="error of chicks",
        unit="g",
    ),
)
EPISODE = Episode(
    support=(Item(truth="alpha", image="data:image/png;base64,AAAA"),),
    queries=(Item(truth="alpha", predicted="beta", probability=0.4, image="data:image/png;base64,AAAA"),),
)


def page(questions=QUESTIONS, **others: Any) -> str:
    given: dict[str, Any] = {"episode": EPISODE, "seconds": 75.0, "command": "polytask demo", **others}
    made = demo_page(questions, [learned("prototypes", 0.8), learned("maml", 0.9)], **given)
    return made.render().replace("\N{NO-BREAK SPACE}", " ").replace("<wbr>", "")


def test_the_answer_stands_on_top():
    top = page().split("<h2")[0]
    assert "it helps 1 of 2 (kin); it hurts none." in top
    assert "After 1 example of each of 5 letters" in top and "maml names 90.0 % of new drawings" in top
    assert "comparing pixels names 50.0 %" in top
    for card in ("+11.0 %", "helps 1, hurts 0 of 2", "12.3 g", "error of chicks", "by maml, of 5 classes"):
        assert card in top, card


def test_what_hurts_is_named_on_top():
    worse = replace(QUESTIONS[0], results=fit_results(task_result("y", gain=-9.0)))
    assert "it helps 0 of 1 (kin); it hurts 1 of 1 (kin)." in page([worse, *QUESTIONS[1:]])


def test_it_holds_every_question_with_its_answer_and_figures():
    text = page()
    titles = [re.sub(r"<.*?>", "", title) for title in re.findall(r"<h2[^>]*>(.*?)</h2>", text)]
    assert titles == [
        "Together or apart?",
        "Does &lt;it&gt; help?",
        "And chicks?",
        "Letters of scripts that were never seen",
        "How it was made",
    ]
    for part in ("It does.", "They, too.", "mass &lt;kg&gt;", "1.21 ± 0.02", "ridge", "0.875"):
        assert part in text, part
    assert text.count("<svg") == 5
    assert "1,234,567" in text and "1 min 15 s" in text and "taken for beta, 40 %; it is alpha" in text


def test_it_is_one_file_without_outside_references():
    links = re.findall(r"""(?:src|href)=["']([^"'#][^"']*)""", page())
    assert links and all(link.startswith("data:image/png;base64,") for link in links)


@pytest.mark.parametrize("command", [None, "polytask demo -o here"])
def test_without_an_episode_or_a_command_it_is_a_page_too(command):
    text = page(episode=None, command=command)
    assert "One episode" not in text and ("polytask demo -o here" in text) == (command is not None)


def test_the_same_results_give_the_same_bytes():
    assert page() == page()


def test_a_learner_that_does_not_help_is_said():
    score = replace(learned("a", 0.5).score, interval=interval(0.5, 0.3))
    poor = replace(learned("maml", 0.5), score=score)
    made = demo_page(QUESTIONS, [poor], episode=None, seconds=1.0).render()
    assert "What maml learned is not clearly better than comparing raw pixels" in made

"""The words of a comparison on many tasks."""

from polytask.compare.results import Contrast
from polytask.compare.task_verdict import sentence_of
from polytask.core import Interval

WORDS = {"mixed": "the model", "own": "own models", "pooled": "pooled networks", "constant": "a constant"}


def against(baseline: str, mean: float, p_value: float) -> Contrast:
    return Contrast(
        target="y",
        candidate="mixed",
        baseline=baseline,
        joint=False,
        gain=Interval(mean=mean, half_width=1.5, n=20),
        p_value=p_value,
    )


def said(*contrasts: Contrast) -> str:
    return sentence_of(contrasts, "new tasks", "the model", WORDS)


def test_a_model_that_beats_all_others_is_to_be_taken() -> None:
    text = said(against("own", 20, 0.001), against("pooled", 12, 0.001))
    assert text == (
        "for new tasks, take the model: it is better than all other models, by 12.0 % ± 1.5 where that is "
        "least, than pooled networks."
    )


def test_what_is_clear_is_said_and_no_more() -> None:
    assert said(against("own", 20, 0.001), against("pooled", 2, 0.4)) == (
        "for new tasks, take the model: it is better than own models, by 20.0 % ± 1.5."
    )
    assert said(against("own", 2, 0.4)) == "for new tasks, nothing is clearly better or worse than the model."


def test_a_better_one_is_to_be_taken_instead() -> None:
    assert said(against("own", -20, 0.001), against("pooled", 9, 0.001)) == (
        "for new tasks, take own models: the model loses 20.0 % ± 1.5 against it."
    )


def test_a_model_that_is_not_clearly_better_than_a_constant_is_said_to_be_so() -> None:
    assert said(against("own", 20, 0.001), against("constant", 0.4, 0.6)) == (
        "for new tasks, take the model: it is better than own models, by 20.0 % ± 1.5. The model is not "
        "clearly better than a constant."
    )
    assert said(against("own", 2, 0.4), against("constant", 0.4, 0.6)) == (
        "for new tasks, nothing is clearly better or worse than the model, a constant included."
    )
    assert said(against("own", -9, 0.001), against("constant", 0.4, 0.6)).endswith(
        "The model is not clearly better than a constant."
    )


def test_a_constant_that_is_better_is_to_be_taken() -> None:
    assert said(against("own", -9, 0.001), against("constant", -20, 0.001)) == (
        "for new tasks, take a constant: the model loses 20.0 % ± 1.5 against it."
    )
    assert "it is better than all other models" in said(
        against("own", 9, 0.001), against("constant", 20, 0.001)
    )


def test_each_of_several_that_are_beaten_is_named_with_its_distance() -> None:
    text = said(against("own", 20, 0.001), against("pooled", 12, 0.001), against("constant", 1, 0.5))
    assert "it is better than own models (by 20.0 % ± 1.5) and pooled networks (by 12.0 % ± 1.5)." in text

"""MOML against finite differences."""

import torch
from tests.balancing.methods.held_out import LOGITS, NAMES, ROWS, held_out, seen, validation_losses
from torch import Tensor

from polytask.balancing.methods.moml import MOML
from polytask.balancing.solvers import shortest_in_hull


def moml_at(logits: Tensor = LOGITS, **options) -> MOML:
    moml = MOML(NAMES, **options)
    moml.logits.copy_(logits)
    return moml


def moml_slopes(logits: Tensor, lookahead: float) -> Tensor:
    """Differentiate every validation loss after the step by the logits, by finite differences."""

    def after(at: Tensor) -> Tensor:
        return validation_losses(-lookahead * 3 * at.softmax(0) @ ROWS)

    steps = torch.eye(3).double() * 1e-5
    return torch.stack([(after(logits + e) - after(logits - e)) / 2e-5 for e in steps], 1)


def test_moml_moves_by_the_shortest_mixture_of_the_derivatives_after_the_step():
    moml = moml_at(lookahead=0.2, rate=1e-3)
    moml(seen())
    slopes = moml_slopes(LOGITS, 0.2)
    expected = shortest_in_hull(slopes @ slopes.T) @ slopes
    torch.testing.assert_close(moml.adam.moments[:, 0], 0.1 * expected, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(moml.logits, LOGITS - 1e-3 * expected.sign())  # Adam's first step


def test_moml_lowers_every_validation_loss():
    moml = moml_at(lookahead=0.2, rate=1e-2)
    before = validation_losses(-0.2 * moml(seen()).values @ ROWS)
    for _ in range(30):
        moml(seen())
    after = validation_losses(-0.2 * moml(seen()).values @ ROWS)
    assert bool((after < before).all())


def test_moml_answers_with_the_weights_that_the_step_was_looked_at_with():
    moml = moml_at()
    found = moml(seen())
    torch.testing.assert_close(found.values, 3 * LOGITS.softmax(0))
    torch.testing.assert_close(moml(seen()).values, 3 * moml_at(moml_first()).logits.softmax(0))


def moml_first() -> Tensor:
    moml = moml_at()
    moml(seen())
    return moml.logits.clone()


def test_moml_looks_at_the_step_that_its_weights_would_take():
    places = []

    def note(displacement: Tensor) -> dict[str, Tensor]:
        places.append(displacement)
        return held_out(displacement)

    moml_at(lookahead=0.5)(seen(validation=note))
    torch.testing.assert_close(places[0], -0.5 * 3 * LOGITS.softmax(0) @ ROWS)

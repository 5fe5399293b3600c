"""The check of meta-gradients: it must find what is wrong, and say so."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from polytask.core import Batch, Episode, EpisodicLearner, InputError, Task, TrainingError, generator, seeded
from polytask.core.batch import Inputs
from polytask.core.learner import States, run_loop
from polytask.execution import check_meta_gradient
from polytask.meta import mlp
from polytask.meta.initialization import FOMAML, MAML

NUMBER = Task(name="y", kind="regression")


def episode(index: int = 0) -> Episode:
    draw = generator(0, index)

    def batch(n_rows: int) -> Batch:
        x = torch.randn(n_rows, 2, generator=draw)
        return Batch(inputs=x, targets={"y": x.prod(1)})

    return Episode(tasks=(NUMBER,), support=batch(5), query=batch(6))


def smooth() -> nn.Sequential:
    with seeded(0):
        return mlp([2, 5, 1], nn.Tanh)


class FirstOrderByAccident(EpisodicLearner):
    """Detaches its inner gradient and does not say so."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.ones(2))

    def learn(self, tasks: Sequence[Task], support: Batch) -> States:
        assert isinstance(support.inputs, Tensor)
        error = support.inputs @ self.theta - support.targets["y"]
        gradient = support.inputs.T @ error
        return {"y": {"theta": self.theta - 0.1 * gradient.detach()}}

    def predict(self, state: States, tasks: Sequence[Task], inputs: Inputs) -> dict[str, Tensor]:
        assert isinstance(inputs, Tensor)
        return {"y": (inputs @ state["y"]["theta"]).unsqueeze(1)}


def test_a_right_gradient_passes_and_the_report_says_what_was_compared() -> None:
    report = check_meta_gradient(MAML(smooth(), inner_rate=0.1), episode())
    assert report.ok
    report.raise_if_wrong()
    assert "is right (float64, 21 parameters, 2 episodes" in str(report)
    assert "vmap against the loop: off by" in str(report)
    assert "loop against finite differences, 7 directions" in str(report)


def test_a_detached_inner_gradient_is_found() -> None:
    report = check_meta_gradient(FirstOrderByAccident(), [episode(0), episode(1)])
    assert not report.ok
    with pytest.raises(
        TrainingError, match=r"is WRONG(.|\n)*finite differences, 4 directions: off by [0-9.e+-]+"
    ):
        report.raise_if_wrong()


def test_an_execution_that_is_off_by_a_hundredth_is_found() -> None:
    def scaled(learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
        return 1.01 * run_loop(learner, episodes)

    report = check_meta_gradient(MAML(smooth()), episode(), executions={"scaled": scaled})
    assert not report.ok
    assert report.errors["scaled"] == pytest.approx(0.01)


def test_a_first_order_learner_is_not_held_against_finite_differences() -> None:
    report = check_meta_gradient(FOMAML(smooth(), inner_rate=0.5), episode())
    assert report.ok
    assert report.finite_difference_error is None
    assert "not taken, the method is first-order by design" in str(report)


def test_an_execution_that_fails_is_reported_with_its_reason() -> None:
    class Peeking(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:
            return super().forward(input) * float(input.sum() > -1e9)  # reads a value: not under vmap

    with seeded(0):
        report = check_meta_gradient(MAML(Peeking(2, 1)), episode())
    assert not report.ok
    assert report.errors["loop"] == 0
    assert (
        "vmap against the loop: failed: TrainingError: torch cannot run several episodes of MAML at once"
        in str(report)
    )


def test_dropout_is_off_during_the_check() -> None:
    with seeded(0):
        net = nn.Sequential(nn.Linear(2, 5), nn.Dropout(0.5), nn.Linear(5, 1))
    learner = MAML(net, inner_rate=0.1)
    check_meta_gradient(learner, episode()).raise_if_wrong()
    assert learner.training


def test_the_learner_is_not_changed() -> None:
    learner = MAML(smooth(), inner_rate=0.1)
    before = {name: tensor.clone() for name, tensor in learner.state_dict().items()}
    check_meta_gradient(learner, episode())
    for name, tensor in learner.state_dict().items():
        assert torch.equal(tensor, before[name])
        assert tensor.dtype == torch.float32
    assert all(parameter.grad is None for parameter in learner.parameters())


def test_what_only_shows_in_training_mode_is_found() -> None:
    def careless(learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
        return run_loop(learner, episodes) * (1.01 if learner.training else 1.0)

    report = check_meta_gradient(
        MAML(smooth(), inner_rate=0.1), [episode(0), episode(1)], executions={"careless": careless}
    )
    assert report.errors["careless"] == 0
    assert report.training_errors["careless"] == pytest.approx(0.01)
    assert "careless against the loop in training mode: off by 1.0e-02" in str(report)
    assert not report.ok


def test_a_learner_that_is_random_in_training_is_not_compared_there() -> None:
    class Noise(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + torch.randn_like(x) if self.training else x

    report = check_meta_gradient(MAML(nn.Sequential(Noise(), nn.Linear(2, 1)), inner_rate=0.1), episode())
    assert report.random_in_training
    assert report.training_errors == {}
    assert "in training mode: not compared, the learner is random there" in str(report)
    assert report.ok


def test_an_error_in_one_small_tensor_is_found_and_the_tensor_named() -> None:
    class Small(nn.Module):
        """Its scale acts little, and its gradient is a hundredth off."""

        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, x: Tensor) -> Tensor:
            tiny = 1e-4 * self.scale
            return x * (1 + tiny + 0.01 * (tiny - tiny.detach()))

    with seeded(0):
        net = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), Small(), nn.Linear(4, 1))
    report = check_meta_gradient(MAML(net, inner_rate=0.1), [episode(0), episode(1)])
    assert report.finite_difference_error == pytest.approx(0.0099, rel=0.2)
    assert "at model.2.scale" in str(report)


def test_a_learner_that_contradicts_itself_is_not_right() -> None:
    class Centred(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x - x.mean(0)

    with seeded(0):
        net = nn.Sequential(nn.Linear(2, 4), Centred(), nn.Linear(4, 1))
    report = check_meta_gradient(MAML(net, inner_rate=0.1), episode())
    assert not report.ok
    assert "a forward pass reduces over the batch" in str(report)


def test_a_parametrization_that_rounds_is_told_and_its_other_numbers_are_compared() -> None:
    with seeded(0):
        layer = nn.utils.parametrizations.orthogonal(nn.Linear(2, 2), orthogonal_map="householder")
        model = nn.Sequential(layer, nn.Tanh(), nn.Linear(2, 1))
    report = check_meta_gradient(MAML(model, inner_rate=0.1), episode(), executions=["loop"])
    name = "model.0.parametrizations.weight.original"
    assert report.ok and report.jumps == (name,)
    assert f"the objective jumps along {name}" in str(report)
    assert report.finite_difference_errors is not None and name in report.finite_difference_errors


def test_no_episode_and_nothing_to_train_are_refused() -> None:
    with pytest.raises(InputError, match=r"`episodes` is empty.*Give one episode or more"):
        check_meta_gradient(MAML(smooth()), [])
    with pytest.raises(InputError, match="MAML has no parameter that is trained"):
        check_meta_gradient(MAML(smooth()).requires_grad_(False), episode())

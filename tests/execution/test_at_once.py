"""Where torch cannot run episodes at once, the error says so, and what to do; others stay as they are."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from polytask.core import Batch, Episode, Task, TrainingError, generator, seeded
from polytask.execution import named_execution, run_vmap
from polytask.execution.forward import run_forward
from polytask.meta.initialization import MAML
from polytask.meta.metric import Prototypes

CLASSES = Task(name="class", kind="multiclass", n_outputs=2)


class LastOutput(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.GRU(2, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.recurrent(x)[0][:, -1]


def episodes(n_rows: int = 4) -> list[Episode]:
    def batch(*path: str | int) -> Batch:
        x = torch.randn(n_rows, 3, 2, generator=generator(0, *path))
        return Batch(inputs=x, targets={"class": torch.arange(n_rows) % 2})

    return [Episode(tasks=(CLASSES,), support=batch("support", i), query=batch("query", i)) for i in range(2)]


def encoder(*layers: Callable[[], nn.Module]) -> nn.Sequential:
    with seeded(0):
        return nn.Sequential(*(layer() for layer in layers))


NORMED = (nn.Flatten, lambda: nn.Linear(6, 4), lambda: nn.BatchNorm1d(4))


@pytest.mark.parametrize("run", [run_vmap, run_forward])
def test_running_statistics_are_named_with_what_does_instead(run: Callable[..., Tensor]) -> None:
    learner = Prototypes(encoder(*NORMED))
    before = {name: buffer.clone() for name, buffer in learner.named_buffers() if "running" in name}
    with pytest.raises(TrainingError, match="several episodes of Prototypes at once") as caught:
        run(learner, episodes())
    assert 'Use `execution="loop"`, or a layer without running statistics' in str(caught.value)
    assert "in place of `encoder.2`." in str(caught.value)
    assert all(torch.equal(learner.get_buffer(name), buffer) for name, buffer in before.items())
    assert named_execution("loop", learner)(learner, episodes()).shape == (2,)


def test_the_same_learner_runs_at_once_in_evaluation() -> None:
    learner = Prototypes(encoder(*NORMED)).eval()
    assert torch.allclose(
        run_vmap(learner, episodes()), named_execution("loop", learner)(learner, episodes())
    )


def test_a_recurrent_layer_is_named() -> None:
    learner = MAML(encoder(LastOutput, lambda: nn.Linear(4, 2)))
    with pytest.raises(TrainingError, match=r"or a cell such as `nn.GRUCell`, .* of `model.0.recurrent`\."):
        run_vmap(learner, episodes())


def test_an_error_that_the_loop_has_too_stays_as_it_is() -> None:
    learner = Prototypes(encoder(nn.Flatten, lambda: nn.Linear(7, 4)))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied") as caught:
        run_vmap(learner, episodes())
    assert not isinstance(caught.value, TrainingError)

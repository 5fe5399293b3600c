"""Meta-gradients without backpropagation: by evolution strategies, whole or over truncated runs."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from polytask.core import Batch, InputError, Task, generator
from polytask.core.copied_module import module_copy
from polytask.core.learner import State
from polytask.meta.adaptation.gradient_learner import GradientLearner, MetaObjective
from polytask.meta.adaptation.surrogate import with_gradient

__all__ = ["EvolvedObjective", "PersistentEvolution"]


class EvolvedObjective(MetaObjective):
    r"""The loss on the query, with an estimate of its gradient that needs values only.

    For antithetic pairs of Gaussian perturbations :math:`\pm \epsilon_i` of all trainable parameters,
    :math:`\hat g = \frac{1}{2 n \sigma^2} \sum_i (L(\theta + \epsilon_i) - L(\theta - \epsilon_i))
    \epsilon_i`: the gradient of the loss smoothed over a distance :math:`\sigma`. For inner loops that are
    too long, too rough or cannot be differentiated.

    Args:
        sigma: Standard deviation of the perturbations.
        n_pairs: Pairs for each episode.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> learner = GradientLearner(nn.Linear(1, 1), objective=EvolvedObjective(n_pairs=4), n_steps=3)
        >>> learner.exact_gradient
        False

    References:
        Salimans et al. Evolution Strategies as a Scalable Alternative to Reinforcement Learning. 2017,
        arXiv:1703.03864; Metz et al. Understanding and correcting pathologies in the training of learned
        optimizers. ICML 2019, arXiv:1810.10180.
    """

    def __init__(self, *, sigma: float = 0.01, n_pairs: int = 8) -> None:
        if not sigma > 0 or n_pairs < 1:
            raise InputError(f"`sigma` must be above 0 and `n_pairs` at least 1, got {sigma}, {n_pairs}.")
        super().__init__(exact=False)
        self.sigma = sigma
        self.n_pairs = n_pairs

    def forward(
        self, learner: GradientLearner, tasks: Sequence[Task], support: Batch, query: Batch
    ) -> Tensor:
        """Return the loss of an episode, a scalar, with the estimated gradient."""
        plain = _Plain(learner)
        parameters = {name: p for name, p in learner.named_parameters() if p.requires_grad}
        estimate: State = {name: torch.zeros_like(p) for name, p in parameters.items()}
        with torch.no_grad():
            value = plain(tasks, support, query)
            for _ in range(self.n_pairs):
                noise = {name: self.sigma * torch.randn_like(p) for name, p in parameters.items()}
                above, below = (
                    module_copy(
                        plain, {f"learner.{name}": p + sign * noise[name] for name, p in parameters.items()}
                    )(tasks, support, query)
                    for sign in (1, -1)
                )
                weight = (above - below) / (2 * self.n_pairs * self.sigma**2)
                estimate = {name: total + weight * noise[name] for name, total in estimate.items()}
        return with_gradient(value, parameters, estimate)


class _Plain(nn.Module):
    """The loss on the query after the inner loop."""

    def __init__(self, learner: GradientLearner) -> None:
        super().__init__()
        self.learner = learner

    def forward(self, tasks: Sequence[Task], support: Batch, query: Batch) -> Tensor:
        end = self.learner.trajectory(tasks, support, n_differentiated=0)[-1]
        return self.learner.loss(end, tasks, query, self.learner.n_steps)


Unroll = Callable[[State, State], tuple[State, Tensor]]
"""From meta-parameters and the inner state to the state some steps later, and the loss of that window."""


class PersistentEvolution:
    r"""Unbiased meta-gradients from truncated runs of an inner problem.

    Each particle is a pair of runs that continue from window to window with perturbations
    :math:`\pm \epsilon_t`. The loss of a window is weighted by all perturbations of the run so far,
    :math:`\xi_t = \sum_{s \le t} \epsilon_s`: :math:`\hat g_t = \frac{1}{2 n \sigma^2} \sum_i \xi_t^{(i)}
    (L^+ - L^-)`. Over a whole run these sum to the gradient of the sum of its losses, where plain truncation
    is biased.

    Args:
        unroll: Runs one window; every random number in it should be the same for both runs of a pair.
        start: Makes the inner state of a new run.
        n_windows: Windows of a run; then all runs begin anew.
        n_particles: Pairs of runs.
        sigma: Standard deviation of the perturbations.
        seed: Of the perturbations.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> def unroll(theta, state):
        ...     position = state["x"] + theta["step"]
        ...     return {"x": position}, position.square().sum()
        >>> evolution = PersistentEvolution(
        ...     unroll, lambda: {"x": torch.zeros(1)}, n_windows=3, n_particles=2000, sigma=0.1
        ... )
        >>> theta = {"step": torch.ones(1)}
        >>> total = sum(evolution.gradient(theta)[0]["step"] for _ in range(3))  # of 1 + 4 + 9, times theta^2
        >>> abs(float(total) - 28) < 3
        True

    References:
        Vicol, Metz, Sohl-Dickstein. Unbiased Gradient Estimation in Unrolled Computation Graphs with
        Persistent Evolution Strategies. ICML 2021, arXiv:2112.13835, algorithm 2. Differs: all particles
        begin their runs together.
    """

    def __init__(
        self,
        unroll: Unroll,
        start: Callable[[], State],
        *,
        n_windows: int,
        n_particles: int = 16,
        sigma: float = 0.01,
        seed: int = 0,
    ) -> None:
        if n_windows < 1 or n_particles < 1 or not sigma > 0:
            raise InputError(
                "`n_windows` and `n_particles` must be at least 1 and `sigma` above 0, got "
                f"{n_windows}, {n_particles}, {sigma}."
            )
        self.unroll = unroll
        self.start = start
        self.n_windows = n_windows
        self.n_particles = n_particles
        self.sigma = sigma
        self.draws = generator(seed, "persistent evolution")
        self.window = 0
        self._runs: list[tuple[State, State, State]] = []

    def gradient(self, parameters: Mapping[str, Tensor]) -> tuple[State, Tensor]:
        """Run one window and return the estimated gradient, by name, and the mean loss of the window."""
        if self.window == 0:
            zeros = {name: torch.zeros_like(p) for name, p in parameters.items()}
            self._runs = [(self.start(), self.start(), zeros) for _ in range(self.n_particles)]
        found: State = {name: torch.zeros_like(p) for name, p in parameters.items()}
        losses: list[Tensor] = []
        runs: list[tuple[State, State, State]] = []
        with torch.no_grad():
            for up, down, gathered in self._runs:
                noise = {name: self._noise(p) for name, p in parameters.items()}
                gathered = {name: total + noise[name] for name, total in gathered.items()}
                up, above = self.unroll({name: p + noise[name] for name, p in parameters.items()}, up)
                down, below = self.unroll({name: p - noise[name] for name, p in parameters.items()}, down)
                weight = (above - below) / (2 * self.n_particles * self.sigma**2)
                found = {name: total + weight * gathered[name] for name, total in found.items()}
                losses.append((above + below) / 2)
                runs.append((up, down, gathered))
        self._runs = runs
        self.window = (self.window + 1) % self.n_windows
        return found, torch.stack(losses).mean()

    def _noise(self, parameter: Tensor) -> Tensor:
        drawn = torch.randn(parameter.shape, generator=self.draws, dtype=parameter.dtype)
        return self.sigma * drawn.to(parameter.device)

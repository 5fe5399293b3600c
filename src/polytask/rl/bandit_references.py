"""What is known about Bernoulli bandits: Gittins indices, Thompson sampling, UCB1, and chance."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from polytask.core import InputError

__all__ = [
    "BanditRule",
    "gittins_indices",
    "gittins_rule",
    "play",
    "random_rule",
    "thompson_rule",
    "ucb_rule",
]

BanditRule = Callable[[Tensor, Tensor, int, torch.Generator], Tensor]
"""From successes and failures ``[task, arm]``, pulls left and a generator to the arms to pull, ``[task]``."""


def gittins_indices(horizon: int, *, resolution: int = 400) -> Tensor:
    r"""Return the index of a Bernoulli arm by pulls left, successes and failures.

    The index of an arm with a flat prior is the sure payment per pull :math:`\lambda` at which one is
    indifferent between the arm (with the right to change to the payment later) and the payment, for all pulls
    left. It is found by dynamic programming on a grid of payments.

    Args:
        horizon: Most pulls.
        resolution: Steps of the grid between 0 and 1.

    Returns:
        ``[horizon + 1, horizon + 1, horizon + 1]``; entry (n, s, f) for n pulls left after s successes and f
        failures. Entries with more pulls in all than the horizon are 0.

    Raises:
        InputError: A number is below 1.

    Example:
        >>> round(float(gittins_indices(2)[1, 0, 0]), 3)  # one pull left: the mean
        0.5

    References:
        Gittins. Bandit Processes and Dynamic Allocation Indices. Journal of the Royal Statistical Society B
        41(2), 1979. For a finite horizon without discount the rule that takes the largest index is a good
        heuristic, not the optimum.
    """
    if horizon < 1 or resolution < 1:
        raise InputError(f"`horizon` and `resolution` must be at least 1, got {horizon}, {resolution}.")
    payments = torch.linspace(0, 1, resolution + 1, dtype=torch.float64)  # [payment]
    counts = torch.arange(horizon + 1, dtype=torch.float64)
    successes, failures = counts.view(-1, 1, 1), counts.view(1, -1, 1)
    mean = (successes + 1) / (successes + failures + 2)  # of the posterior, [success, failure, 1]
    value = torch.zeros(horizon + 1, horizon + 1, resolution + 1, dtype=torch.float64)  # with no pull left
    found = torch.zeros(horizon + 1, horizon + 1, horizon + 1, dtype=torch.float64)
    for left in range(1, horizon + 1):
        won, lost = torch.zeros_like(value), torch.zeros_like(value)
        won[:-1], lost[:, :-1] = value[1:], value[:, 1:]
        pull = mean * (1 + won) + (1 - mean) * lost
        stop = payments * left
        worth = pull > stop + 1e-12  # falls with the payment
        found[left] = payments[worth.sum(-1).clamp(max=resolution)]
        value = torch.maximum(pull, stop)
    possible = (counts.view(-1, 1, 1) + counts.view(1, -1, 1) + counts) <= horizon
    return torch.where(possible, found, 0.0).float()


def gittins_rule(horizon: int) -> BanditRule:
    """Return the rule that pulls the arm of the largest Gittins index."""
    table = gittins_indices(horizon)

    def rule(successes: Tensor, failures: Tensor, left: int, generator: torch.Generator) -> Tensor:
        indices = table[left][successes.long(), failures.long()]
        return (indices + 1e-6 * torch.rand(indices.shape, generator=generator)).argmax(1)

    return rule


def thompson_rule(successes: Tensor, failures: Tensor, left: int, generator: torch.Generator) -> Tensor:  # noqa: ARG001
    """Pull the arm that is best in a draw from the posterior of a flat prior.

    References:
        Thompson. On the likelihood that one unknown probability exceeds another. Biometrika 25, 1933.
    """
    seed = int(torch.randint(2**62, (1,), generator=generator))  # torch's own draw takes no generator
    drawn = np.random.default_rng(seed).beta(successes.double() + 1, failures.double() + 1)
    return torch.from_numpy(drawn).argmax(1)


def ucb_rule(successes: Tensor, failures: Tensor, left: int, generator: torch.Generator) -> Tensor:  # noqa: ARG001
    """Pull the arm of the largest upper confidence bound, UCB1.

    References:
        Auer, Cesa-Bianchi, Fischer. Finite-time Analysis of the Multiarmed Bandit Problem. Machine Learning
        47, 2002.
    """
    pulls = successes + failures
    bound = (
        successes / pulls.clamp(min=1) + (2 * pulls.sum(1, keepdim=True).clamp(min=1).log() / pulls).sqrt()
    )
    bound = torch.where(pulls == 0, torch.inf, bound)
    return (bound + torch.rand(bound.shape, generator=generator) * 1e-6).argmax(1)


def random_rule(successes: Tensor, failures: Tensor, left: int, generator: torch.Generator) -> Tensor:  # noqa: ARG001
    """Pull any arm."""
    return torch.randint(successes.shape[1], (len(successes),), generator=generator)


def play(rule: BanditRule, means: Tensor, horizon: int, generator: torch.Generator) -> Tensor:
    """Play Bernoulli bandits by a rule and return the rewards, ``[task, pull]``.

    Args:
        rule: Chooses the arms.
        means: Of the arms, ``[task, arm]``.
        horizon: Pulls.
        generator: The only source of randomness.
    """
    successes, failures = torch.zeros_like(means), torch.zeros_like(means)
    rewards = []
    for left in range(horizon, 0, -1):
        arm = rule(successes, failures, left, generator).unsqueeze(1)  # [task, 1]
        won = (torch.rand(len(means), 1, generator=generator) < means.gather(1, arm)).float()
        successes = successes.scatter_add(1, arm, won)
        failures = failures.scatter_add(1, arm, 1 - won)
        rewards.append(won.squeeze(1))
    return torch.stack(rewards, dim=1)

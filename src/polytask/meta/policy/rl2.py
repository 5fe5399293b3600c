"""RL2: a recurrent policy whose memory is the learning algorithm."""

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent, Normal
from torch.nn import functional

from polytask.core import InputError
from polytask.meta.policy.advantages import generalized_advantages
from polytask.meta.policy.environment import Environment
from polytask.meta.policy.rollout import Rollout

__all__ = ["RL2"]


class RL2(nn.Module):
    r"""A gated recurrent policy that sees its last action, reward and whether the episode ended.

    One trial is several episodes, or pulls, of one task; the hidden state lasts for the whole trial and
    begins anew with another task. What is learned by gradient descent across trials (slow) makes the
    recurrent network learn within one (fast). The objective of a trial is an actor-critic's: :math:`-\log
    \pi(a_t) A_t + c_v (V_t - A_t - \bar V_t)^2 - c_e H(\pi_t)`, with generalized advantages over the whole
    trial, across the ends of episodes.

    Args:
        environment: Where it will act; only the numbers of observations and actions are used.
        width: Of the recurrent state.
        discount: Of rewards to come.
        decay: Of generalized advantages.
        value_weight: The factor :math:`c_v`.
        entropy_weight: The factor :math:`c_e`.

    Raises:
        InputError: The width is below 1.

    Example:
        >>> from polytask.meta.policy import Bandits
        >>> bandits, draw = Bandits(3), torch.Generator().manual_seed(0)
        >>> learner = RL2(bandits, width=8)
        >>> loss, rollout = learner.objective(bandits, bandits.tasks(5, draw), n_steps=10, generator=draw)
        >>> rollout.rewards.shape
        torch.Size([5, 10])

    References:
        Duan et al. RL2: Fast Reinforcement Learning via Slow Reinforcement Learning. 2016, arXiv:1611.02779.
        Wang et al. Learning to reinforcement learn. 2016, arXiv:1611.05763, whose actor-critic this is; the
        former uses TRPO.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        width: int = 48,
        discount: float = 0.99,
        decay: float = 0.95,
        value_weight: float = 0.5,
        entropy_weight: float = 0.01,
    ) -> None:
        if width < 1:
            raise InputError(f"`width` must be at least 1, got {width}.")
        super().__init__()
        n_actions = environment.n_actions
        self.continuous = environment.continuous
        self.n_actions = n_actions
        self.discount = discount
        self.decay = decay
        self.value_weight = value_weight
        self.entropy_weight = entropy_weight
        self.cell = nn.GRUCell(environment.n_observations + n_actions + 2, width)
        self.policy = nn.Linear(width, n_actions)
        self.value = nn.Linear(width, 1)
        self.log_scale = nn.Parameter(torch.full((n_actions,), -1.0)) if self.continuous else None
        nn.init.zeros_(self.policy.bias)
        nn.init.normal_(self.policy.weight, std=0.01)

    def objective(
        self, environment: Environment, tasks: Tensor, *, n_steps: int, generator: torch.Generator
    ) -> tuple[Tensor, Rollout]:
        """Play one trial of every task and return the loss, a scalar, and what happened.

        Args:
            environment: Where to act.
            tasks: As drawn by the environment, ``[task, ...]``.
            n_steps: Actions of a trial.
            generator: Of actions and of the environment.
        """
        state, observation = environment.reset(tasks, generator)
        hidden = observation.new_zeros(len(tasks), self.cell.hidden_size)
        last = observation.new_zeros(len(tasks), self.n_actions + 2)  # action, reward, done
        seen, actions, rewards, ends, logs, values, entropies = [], [], [], [], [], [], []
        for _ in range(n_steps):
            hidden = self.cell(torch.cat([observation, last], dim=1), hidden)
            chosen = self.distribution(hidden)
            action = _drawn(chosen, generator)
            logs.append(chosen.log_prob(action))
            entropies.append(chosen.entropy())
            values.append(self.value(hidden).squeeze(1))
            after = environment.step(tasks, state, action, generator)
            seen.append(observation)
            actions.append(action)
            rewards.append(after.reward)
            ends.append(after.done)
            state, observation = after.state, after.observation
            shown = action if self.continuous else functional.one_hot(action, self.n_actions)
            last = torch.cat([shown, after.reward.unsqueeze(1), after.done.unsqueeze(1)], dim=1).to(
                hidden.dtype
            )
        rollout = Rollout(
            observations=torch.stack(seen, 1),
            actions=torch.stack(actions, 1),
            rewards=torch.stack(rewards, 1),
            done=torch.stack(ends, 1),
        )
        return self._loss(rollout.rewards, *(torch.stack(x, 1) for x in (logs, values, entropies))), rollout

    def distribution(self, hidden: Tensor) -> Distribution:
        """Return the policy for hidden states ``[task, width]``."""
        found = self.policy(hidden)
        if self.log_scale is None:
            return Categorical(logits=found)
        return Independent(Normal(0.1 * found, self.log_scale.exp() * 0.1), 1)

    def _loss(self, rewards: Tensor, logs: Tensor, values: Tensor, entropies: Tensor) -> Tensor:
        last = torch.zeros_like(values[:, :1])  # a trial ends for good
        known = torch.cat([values.detach(), last], dim=1)
        never = torch.zeros_like(rewards, dtype=torch.bool)
        advantages = generalized_advantages(rewards, known, never, discount=self.discount, decay=self.decay)
        targets = advantages + values.detach()
        scaled = (advantages - advantages.mean()) / (advantages.std() + 1e-6)
        critic = (values - targets).square().mean()
        return -(logs * scaled).mean() + self.value_weight * critic - self.entropy_weight * entropies.mean()


def _drawn(chosen: Distribution, generator: torch.Generator) -> Tensor:
    """Draw actions by a generator, which torch's distributions do not take."""
    if isinstance(chosen, Categorical):
        return torch.multinomial(chosen.probs.detach(), 1, generator=generator).squeeze(1)
    mean, scale = chosen.mean.detach(), chosen.stddev.detach()
    return mean + scale * torch.randn(mean.shape, generator=generator)

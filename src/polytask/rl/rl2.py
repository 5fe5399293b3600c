"""RL2: a recurrent policy whose memory is the learning algorithm."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent, Normal
from torch.nn import functional

from polytask.core import InputError
from polytask.rl.advantages import generalized_advantages
from polytask.rl.environment import Environment
from polytask.rl.proximal import PolicyLearner, clipped_gain
from polytask.rl.rollout import Rollout

__all__ = ["RL2"]


class RL2(PolicyLearner):
    r"""A gated recurrent policy that sees its last action, reward and whether the episode ended.

    One trial is several episodes, or pulls, of one task; the hidden state lasts for the whole trial and
    begins anew with another task. What is learned by gradient descent across trials (slow) makes the
    recurrent network learn within one (fast). The objective of a trial is an actor-critic's,
    :math:`-\min(\rho_t A_t, \mathrm{clip}(\rho_t) A_t) + c_v (v_t - \bar R_t)^2 - c_e H(\pi_t)`, with
    generalized advantages over the whole trial, across the ends of episodes.

    The critic :math:`v_t` has to find only how a trial differs from the others: :math:`\bar R_t` is the
    return to come, centred and scaled by time over the trials at hand, so that neither the size of rewards
    nor the length of a trial matters.

    Args:
        environment: Where it will act; only the numbers of observations and actions are used.
        width: Of the recurrent state.
        discount: Of rewards to come.
        decay: Of generalized advantages.
        clip: The most that the clipped ratio :math:`\rho_t` of probabilities differs from 1.
        value_weight: The factor :math:`c_v`.
        entropy_weight: The factor :math:`c_e`.
        scale: The unit of continuous actions: their standard deviation at first.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> from polytask.rl.bandits import Bandits
        >>> bandits, draw = Bandits(3), torch.Generator().manual_seed(0)
        >>> learner = RL2(bandits, width=8)
        >>> rollout = learner.collect(bandits, bandits.tasks(5, draw), n_steps=10, generator=draw)
        >>> rollout.rewards.shape
        torch.Size([5, 10])
        >>> learner.objective(rollout).backward()  # or `ProximalTraining(...).step(rollout, ...)`

    References:
        Duan et al. RL2: Fast Reinforcement Learning via Slow Reinforcement Learning. 2016, arXiv:1611.02779.
        Wang et al. Learning to reinforcement learn. 2016, arXiv:1611.05763. Differs: the former makes steps
        by TRPO, here they are those of arXiv:1707.06347; the critic shares the memory of the policy.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        width: int = 48,
        discount: float = 0.99,
        decay: float = 0.3,
        clip: float = 0.2,
        value_weight: float = 0.25,
        entropy_weight: float = 0.01,
        scale: float = 1.0,
    ) -> None:
        problems = []
        if width < 1:
            problems.append(f"`width` must be at least 1, got {width}")
        if not clip > 0 or not scale > 0:
            problems.append(f"`clip` and `scale` must be above 0, got {clip}, {scale}")
        if problems:
            raise InputError("; ".join(problems) + ".")
        super().__init__()
        n_actions = environment.n_actions
        self.continuous = environment.continuous
        self.n_actions = n_actions
        self.discount = discount
        self.decay = decay
        self.clip = clip
        self.value_weight = value_weight
        self.entropy_weight = entropy_weight
        self.scale = scale
        self.memory = nn.GRU(environment.n_observations + n_actions + 2, width, batch_first=True)
        self.policy = nn.Linear(width, n_actions)
        self.value = nn.Linear(width, 1)
        self.log_scale = nn.Parameter(torch.zeros(n_actions)) if self.continuous else None
        self._initialize()

    def collect(
        self,
        environment: Environment,
        tasks: Tensor,
        *,
        n_steps: int,
        generator: torch.Generator,
        greedy: bool = False,
    ) -> Rollout:
        """Play one trial of every task and return what happened, ``[task, time, ...]``.

        Args:
            environment: Where to act.
            tasks: As drawn by the environment, ``[task, ...]``.
            n_steps: Actions of a trial.
            generator: Of actions and of the environment.
            greedy: Whether to take the likeliest action: to judge, not to learn from.
        """
        state, observation = environment.reset(tasks, generator)
        hidden = observation.new_zeros(1, len(tasks), self.memory.hidden_size)
        last = observation.new_zeros(len(tasks), self.n_actions + 2)  # action, reward, done
        seen, actions, rewards, ends, logs = [], [], [], [], []
        with torch.no_grad():
            for _ in range(n_steps):
                features, hidden = self.memory(torch.cat([observation, last], 1).unsqueeze(1), hidden)
                chosen = self._chosen(features[:, 0])
                action = chosen.mode if greedy else _drawn(chosen, generator)
                after = environment.step(tasks, state, action, generator)
                seen.append(observation)
                actions.append(action)
                rewards.append(after.reward)
                ends.append(after.done)
                logs.append(chosen.log_prob(action))
                state, observation = after.state, after.observation
                last = self._shown(action, after.reward, after.done)
        return Rollout(
            observations=torch.stack(seen, 1),
            actions=torch.stack(actions, 1),
            rewards=torch.stack(rewards, 1),
            done=torch.stack(ends, 1),
            log_probabilities=torch.stack(logs, 1),
        )

    def replay(self, rollout: Rollout) -> tuple[Distribution, Tensor]:
        """Go through recorded trials in one pass; return the policies and values ``[task, time]``."""
        last = self._shown(rollout.actions, rollout.rewards, rollout.done)[:, :-1]
        last = functional.pad(last, (0, 0, 1, 0))  # nothing came before the first action
        features, _ = self.memory(torch.cat([rollout.observations, last], dim=-1))
        return self._chosen(features), self.value(features).squeeze(-1)

    def objective(self, rollout: Rollout) -> Tensor:
        """Return the loss of recorded trials, a scalar."""
        chosen, values = self.replay(rollout)
        advantages, targets = self._judged(rollout, values.detach())
        logs = chosen.log_prob(rollout.actions)
        gain = clipped_gain(logs, rollout.log_probabilities, advantages, self.clip).mean()
        critic = (values - targets).square().mean()
        return self.value_weight * critic - gain - self.entropy_weight * chosen.entropy().mean()

    def _judged(self, rollout: Rollout, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return scaled advantages, and the returns to come centred and scaled by time, ``[task, time]``."""
        trial = replace(rollout, done=torch.zeros_like(rollout.done))  # memory outlasts an episode
        returns = trial.returns(self.discount)
        centre, spread = returns.mean(0), returns.std(0, correction=0) + 1e-6  # [time]
        known = functional.pad(centre + spread * values, (0, 1))  # nothing follows a trial
        found = generalized_advantages(
            trial.rewards, known, trial.done, discount=self.discount, decay=self.decay
        )
        return (found - found.mean()) / (found.std(correction=0) + 1e-6), (returns - centre) / spread

    def _chosen(self, features: Tensor) -> Distribution:
        found = self.policy(features)
        if self.log_scale is None:
            return Categorical(logits=found)
        return Independent(Normal(self.scale * found, self.scale * self.log_scale.exp()), 1)

    def _shown(self, action: Tensor, reward: Tensor, done: Tensor) -> Tensor:
        shown = action / self.scale if self.continuous else functional.one_hot(action, self.n_actions)
        return torch.cat([shown, reward.unsqueeze(-1), done.unsqueeze(-1)], dim=-1).to(reward.dtype)

    def _initialize(self) -> None:
        """Begin with orthogonal gates and with a policy and values that are almost constant."""
        for name, parameter in self.named_parameters():
            if "bias" in name:
                nn.init.zeros_(parameter)
            elif name.startswith("memory"):
                for gate in parameter.chunk(3):
                    nn.init.orthogonal_(gate)
            elif "weight" in name:
                nn.init.orthogonal_(parameter, gain=0.01)


def _drawn(chosen: Distribution, generator: torch.Generator) -> Tensor:
    """Draw actions by a generator, which torch's distributions do not take."""
    if isinstance(chosen, Categorical):
        return torch.multinomial(chosen.probs, 1, generator=generator).squeeze(1)
    return chosen.mean + chosen.stddev * torch.randn(chosen.mean.shape, generator=generator)

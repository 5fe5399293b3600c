"""MAML for reinforcement learning: a policy from which one policy-gradient step leads far."""

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import grad, grad_and_value, vmap

from polytask.core import InputError
from polytask.core.copied_module import module_copy
from polytask.core.learner import State
from polytask.meta.adaptation.surrogate import with_gradient
from polytask.rl.environment import Environment
from polytask.rl.proximal import PolicyLearner, clipped_gain
from polytask.rl.rollout import Rollout

__all__ = ["MAMLPolicy"]


class MAMLPolicy(PolicyLearner):
    r"""A policy that adapts to a task by policy gradients on what it tried there.

    From experience :math:`\tau` of :math:`\pi_\theta` the inner loop makes steps
    :math:`\phi = \theta + \alpha \nabla \hat J(\theta; \tau)`; the meta-gradient is that of the return of
    :math:`\pi_\phi`, whose gain is clipped when a batch serves several steps. Returns are centred by the mean
    over a task's rollouts at the same time, leaving the rollout itself out; :math:`\hat J` sums over time, so
    longer episodes and a smaller ``scale`` want a smaller :math:`\alpha`.

    A meta-gradient is taken for each task by itself, all at once by ``vmap(grad(...))``, and averaged.

    Args:
        policy: Maps observations ``[..., n_observations]`` to logits ``[..., n_actions]``, or for continuous
            actions to their means.
        continuous: Whether actions are vectors of real numbers, drawn around the mean with a standard
            deviation ``scale``.
        inner_rate: The rate :math:`\alpha`.
        n_steps: Inner steps; each has rollouts of its own.
        discount: Of rewards to come.
        scale: Standard deviation of continuous actions.
        learn_rate: Whether the logarithm of :math:`\alpha` is meta-learned as well.
        explore: Whether the return after adaptation also rewards the actions before it (E-MAML's term). The
            inner objective is then :math:`\sum_t A_t \log \pi(a_t)`: with the term, the meta-gradient is that
            of the expected return after steps on just so many rollouts.
        second_order: Whether the meta-gradient goes through the inner gradients.
        estimator: Of the inner objective: ``"ratio"``, :math:`\sum_t \rho_t A_t` with the ratio
            :math:`\rho_t` of each action's probability to the one recorded, which leaves the terms between
            actions out of second derivatives and varies little; or ``"dice"``, whose derivatives of any order
            are unbiased and vary much over long episodes. They agree for episodes of one action.
        clip: The most that the clipped ratio after adaptation differs from 1.

    Raises:
        InputError: A number is out of range, the policy has no parameter, or the estimator is unknown.

    Example:
        >>> from polytask.rl.bandits import Bandits
        >>> bandits, draw = Bandits(3), torch.Generator().manual_seed(0)
        >>> learner = MAMLPolicy(nn.Linear(1, 3), inner_rate=1.0)
        >>> tasks = bandits.tasks(4, draw)
        >>> rollout = learner.collect(bandits, tasks, n_rollouts=6, horizon=5, generator=draw)
        >>> rollout.rewards.shape  # after adaptation; `rollout.before` has what was tried first
        torch.Size([4, 6, 5])
        >>> learner.objective(rollout).backward()  # or `ProximalTraining(...).step(rollout, ...)`

    References:
        Finn, Abbeel, Levine. Model-Agnostic Meta-Learning. ICML 2017, arXiv:1703.03400, algorithm 3. Rothfuss
        et al. ProMP: Proximal Meta-Policy Search. ICLR 2019, arXiv:1810.06784, for the ratio and the clipped
        steps. Foerster et al. DiCE: The Infinitely Differentiable Monte-Carlo Estimator. ICML 2018,
        arXiv:1802.05098. Stadie et al. Some Considerations on Learning to Explore via Meta-Reinforcement
        Learning. 2018, arXiv:1803.01118. Differs: the first paper makes meta-updates by TRPO, with a linear
        baseline in place of the other rollouts; ProMP's penalty on the inner step's divergence is left out.
    """

    def __init__(
        self,
        policy: nn.Module,
        *,
        continuous: bool = False,
        inner_rate: float = 0.1,
        n_steps: int = 1,
        discount: float = 0.99,
        scale: float = 0.05,
        learn_rate: bool = False,
        explore: bool = False,
        second_order: bool = True,
        estimator: Literal["ratio", "dice"] = "ratio",
        clip: float = 0.2,
    ) -> None:
        problems = []
        if not inner_rate > 0 or not scale > 0 or not clip > 0:
            problems.append(
                f"`inner_rate`, `scale` and `clip` must be above 0, got {inner_rate}, {scale}, {clip}"
            )
        if estimator not in ("ratio", "dice"):
            problems.append(f"`estimator` is {estimator!r}; use 'ratio' or 'dice'")
        if n_steps < 0:
            problems.append(f"`n_steps` must be 0 or more, got {n_steps}")
        if not any(p.requires_grad for p in policy.parameters()):
            problems.append("`policy` has no trainable parameter")
        if problems:
            raise InputError("; ".join(problems) + ".")
        super().__init__()
        self.policy = policy
        self.continuous = continuous
        self.log_rate = nn.Parameter(torch.tensor(inner_rate).log(), requires_grad=learn_rate)
        self.n_steps = n_steps
        self.discount = discount
        self.scale = scale
        self.explore = explore
        self.second_order = second_order
        self.clip = clip
        self.estimator = estimator

    @property
    def inner_rate(self) -> Tensor:
        r"""The rate :math:`\alpha`."""
        return self.log_rate.exp()

    def collect(
        self,
        environment: Environment,
        tasks: Tensor,
        *,
        n_rollouts: int,
        horizon: int,
        generator: torch.Generator,
    ) -> Rollout:
        """Adapt to every task and return what was done after it, and in ``before`` what was tried first.

        Args:
            environment: Where to act.
            tasks: As drawn by the environment, ``[task, ...]``.
            n_rollouts: Rollouts for each task before each inner step and at the end, 2 or more.
            horizon: Actions of a rollout.
            generator: Of actions and of the environment.

        Returns:
            Tensors ``[task, rollout, time, ...]``.
        """
        experience, adapted = self.adapt(
            environment, tasks, n_rollouts=n_rollouts, horizon=horizon, generator=generator
        )
        after = self.act(
            environment, tasks, adapted, n_rollouts=n_rollouts, horizon=horizon, generator=generator
        )
        return replace(after, before=tuple(experience))

    def objective(self, rollout: Rollout) -> Tensor:
        """Return the loss, a scalar: minus the clipped gain after adaptation, the mean over tasks."""
        parameters = {name: p for name, p in self.named_parameters() if p.requires_grad}
        data = [self._data(part) for part in (*rollout.before, rollout)]
        with torch.no_grad():
            gradients, losses = vmap(grad_and_value(self._loss), in_dims=(None, 0))(
                {name: p.detach() for name, p in self.named_parameters()}, data
            )
        mean = {name: gradients[name].mean(0) for name in parameters}
        return with_gradient(losses.mean(), parameters, mean)

    def adapt(
        self,
        environment: Environment,
        tasks: Tensor,
        *,
        n_rollouts: int,
        horizon: int,
        generator: torch.Generator,
    ) -> tuple[list[Rollout], State]:
        """Try every task and adapt to it.

        Returns:
            The rollouts before each inner step, tensors ``[task, rollout, time, ...]``, and the adapted
            parameters of the policy by name, ``[task, ...]``.
        """
        if n_rollouts < 2 or horizon < 1:
            raise InputError(
                f"`n_rollouts` must be at least 2 and `horizon` at least 1, got {n_rollouts}, {horizon}."
            )
        found = {name: p.detach().expand(len(tasks), *p.shape) for name, p in self.policy.named_parameters()}
        experience = []
        for _ in range(self.n_steps):
            tried = self.act(
                environment, tasks, found, n_rollouts=n_rollouts, horizon=horizon, generator=generator
            )
            experience.append(tried)
            with torch.no_grad():
                found = vmap(self._stepped, in_dims=(0, 0, None))(
                    found, self._data(tried), self.inner_rate.detach()
                )
        return experience, found

    def act(
        self,
        environment: Environment,
        tasks: Tensor,
        parameters: State,
        *,
        n_rollouts: int,
        horizon: int,
        generator: torch.Generator,
    ) -> Rollout:
        """Act in every task with parameters of its own, ``[task, ...]``, and return what happened."""
        shape = (len(tasks), n_rollouts)
        repeated = tasks.repeat_interleave(n_rollouts, dim=0)
        outputs_of = vmap(lambda own, seen: module_copy(self.policy, own)(seen))
        state, observation = environment.reset(repeated, generator)
        seen, actions, rewards, ends, logs = [], [], [], [], []
        for _ in range(horizon):
            with torch.no_grad():
                outputs = outputs_of(parameters, observation.unflatten(0, shape)).flatten(0, 1)
            if self.continuous:
                action = outputs + self.scale * torch.randn(outputs.shape, generator=generator)
            else:
                action = torch.multinomial(outputs.softmax(-1), 1, generator=generator).squeeze(1)
            after = environment.step(repeated, state, action, generator)
            seen.append(observation)
            actions.append(action)
            rewards.append(after.reward)
            ends.append(after.done)
            logs.append(self._log_probability(outputs, action))
            state, observation = after.state, after.observation
        return Rollout(
            observations=torch.stack(seen, 1).unflatten(0, shape),
            actions=torch.stack(actions, 1).unflatten(0, shape),
            rewards=torch.stack(rewards, 1).unflatten(0, shape),
            done=torch.stack(ends, 1).unflatten(0, shape),
            log_probabilities=torch.stack(logs, 1).unflatten(0, shape),
        )

    def _loss(self, parameters: State, data: list[dict[str, Tensor]]) -> Tensor:
        """Return the loss of one task, from what was tried before each inner step and at the end."""
        adapted = {name.removeprefix("policy."): p for name, p in parameters.items() if name != "log_rate"}
        *before, after = data
        explored = after["logs"].new_zeros(())
        for tried in before:
            explored = explored + (self._logs(adapted, tried) - tried["logs"]).sum()
            adapted = self._stepped(adapted, tried, parameters["log_rate"].exp())
        gain = clipped_gain(self._logs(adapted, after), after["logs"], after["advantages"], self.clip)
        value = gain.sum(1).mean()
        if self.explore:
            value = value + explored * after["surplus"]
        return -value

    def _stepped(self, parameters: State, tried: dict[str, Tensor], rate: Tensor) -> State:
        gradients = grad(self._gain)(parameters, tried)
        if not self.second_order:
            gradients = {name: g.detach() for name, g in gradients.items()}
        return {name: p + rate * gradients[name] for name, p in parameters.items()}

    def _gain(self, parameters: State, tried: dict[str, Tensor]) -> Tensor:
        r"""Return the inner objective of one task.

        DiCE weights each reward by the ratio of probabilities of all actions so far in the episode; the
        baseline enters by :math:`(1 - \rho_t) b_t`, which is 0 and whose derivatives centre the others.
        """
        logs = self._logs(parameters, tried)  # [rollout, time]
        if self.explore:
            # The ratio's second derivative would count once more how the actions depend on the parameters.
            return (logs * tried["advantages"]).sum(1).mean()
        changes = logs - tried["logs"]
        if self.estimator == "ratio":
            return (changes.exp() * tried["advantages"]).sum(1).mean()
        value = _cumulated(changes, tried["done"]).exp() * tried["rewards"]
        control = (1 - changes.exp()) * tried["baseline"]
        return (tried["discounts"] * (value + control)).sum(1).mean()

    def _logs(self, parameters: State, tried: dict[str, Tensor]) -> Tensor:
        outputs = module_copy(self.policy, parameters)(tried["observations"])
        return self._log_probability(outputs, tried["actions"])

    def _log_probability(self, outputs: Tensor, actions: Tensor) -> Tensor:
        """Return it up to a constant where actions are continuous."""
        if self.continuous:
            return -((actions - outputs) / self.scale).square().sum(-1) / 2
        return outputs.log_softmax(-1).gather(-1, actions.unsqueeze(-1)).squeeze(-1)

    def _data(self, rollout: Rollout) -> dict[str, Tensor]:
        """Return what the objective needs, ``[task, rollout, time, ...]``."""
        returns = rollout.returns(self.discount)
        others = (returns.sum(1, keepdim=True) - returns) / (returns.shape[1] - 1)
        total = returns[..., 0].mean(1)  # [task]
        return {
            "surplus": total - total.mean(),
            "observations": rollout.observations,
            "actions": rollout.actions,
            "logs": rollout.log_probabilities,
            "advantages": returns - others,
            "rewards": rollout.rewards,
            "done": rollout.done,
            "baseline": others,
            "discounts": self.discount ** _ages(rollout.done),
        }


def _ages(done: Tensor) -> Tensor:
    """Return how many actions the episode had before each one, ``[task, rollout, time]``."""
    age = torch.zeros(done.shape, device=done.device)
    for time in range(1, done.shape[-1]):
        age[..., time] = torch.where(done[..., time - 1], 0.0, age[..., time - 1] + 1)
    return age


def _cumulated(logs: Tensor, done: Tensor) -> Tensor:
    """Sum over the actions of the episode so far, ``[rollout, time]``."""
    pieces: list[Tensor] = []
    total = torch.zeros_like(logs[:, 0])
    for time in range(logs.shape[1]):
        total = total + logs[:, time]
        pieces.append(total)
        total = torch.where(done[:, time], torch.zeros_like(total), total)
    return torch.stack(pieces, dim=1)

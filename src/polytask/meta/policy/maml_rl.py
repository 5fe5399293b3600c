"""MAML for reinforcement learning: a policy from which one policy-gradient step leads far."""

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from polytask.core import InputError, State
from polytask.meta.policy.environment import Environment
from polytask.meta.policy.rollout import Rollout
from polytask.meta.surrogate import with_gradient

__all__ = ["MAMLPolicy"]


class MAMLPolicy(nn.Module):
    r"""A policy that adapts to a task by policy gradients on what it tried there.

    From experience :math:`\tau` of :math:`\pi_\theta` the inner loop makes steps
    :math:`\phi = \theta + \alpha \nabla \hat J(\theta; \tau)`; the meta-gradient is that of the return of
    :math:`\pi_\phi`. :math:`\hat J` is the DiCE objective, whose derivatives of any order are unbiased
    estimates, so the meta-gradient goes through the inner policy gradient as it should. Returns are centred
    by the mean over a task's rollouts at the same time, leaving the rollout itself out.

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
        learn_rate: Whether :math:`\alpha` is meta-learned as well.
        explore: Whether the return after adaptation also rewards the actions before it (E-MAML's term).
        second_order: Whether the meta-gradient goes through the inner gradients.

    Raises:
        InputError: A number is out of range, or the policy has no parameter.

    Example:
        >>> from polytask.meta.policy import Bandits
        >>> bandits, draw = Bandits(3), torch.Generator().manual_seed(0)
        >>> learner = MAMLPolicy(nn.Linear(1, 3), inner_rate=1.0)
        >>> loss, rollout = learner.objective(bandits, bandits.tasks(4, draw), n_rollouts=6, horizon=5,
        ...                                   generator=draw)
        >>> rollout.rewards.shape  # after adaptation, tasks times rollouts
        torch.Size([24, 5])

    References:
        Finn, Abbeel, Levine. Model-Agnostic Meta-Learning. ICML 2017, arXiv:1703.03400, algorithm 3. Foerster
        et al. DiCE: The Infinitely Differentiable Monte-Carlo Estimator. ICML 2018, arXiv:1802.05098. Stadie
        et al. Some Considerations on Learning to Explore via Meta-Reinforcement Learning. 2018,
        arXiv:1803.01118. Differs: the meta-update is any optimizer's on the plain policy gradient, where the
        first paper uses TRPO.
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
    ) -> None:
        problems = []
        if not inner_rate > 0 or not scale > 0:
            problems.append(f"`inner_rate` and `scale` must be above 0, got {inner_rate}, {scale}")
        if n_steps < 0:
            problems.append(f"`n_steps` must be 0 or more, got {n_steps}")
        if not any(p.requires_grad for p in policy.parameters()):
            problems.append("`policy` has no trainable parameter")
        if problems:
            raise InputError("; ".join(problems) + ".")
        super().__init__()
        self.policy = policy
        self.continuous = continuous
        self.inner_rate = nn.Parameter(torch.tensor(inner_rate), requires_grad=learn_rate)
        self.n_steps = n_steps
        self.discount = discount
        self.scale = scale
        self.explore = explore
        self.second_order = second_order

    def objective(
        self,
        environment: Environment,
        tasks: Tensor,
        *,
        n_rollouts: int,
        horizon: int,
        generator: torch.Generator,
    ) -> tuple[Tensor, Rollout]:
        """Adapt to every task and return the loss, a scalar, and the rollouts after adaptation.

        Args:
            environment: Where to act.
            tasks: As drawn by the environment, ``[task, ...]``.
            n_rollouts: Rollouts for each task and inner step, 2 or more.
            horizon: Actions of a rollout.
            generator: Of actions and of the environment.
        """
        experience, adapted = self.adapt(
            environment, tasks, n_rollouts=n_rollouts, horizon=horizon, generator=generator
        )
        after = self.act(environment, tasks, adapted, n_rollouts, horizon, generator)
        flat = _flat(after)
        parameters = {name: p for name, p in self.named_parameters() if p.requires_grad}
        with torch.no_grad():
            gradients = vmap(grad(self._loss), in_dims=(None, 0, 0))(
                dict(self.named_parameters()), [self._data(part) for part in experience], self._data(after)
            )
        mean = {name: gradients[name].mean(0) for name in parameters}
        return with_gradient(-flat.rewards.sum(1).mean(), parameters, mean), flat

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
            tried = self.act(environment, tasks, found, n_rollouts, horizon, generator)
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
        n_rollouts: int,
        horizon: int,
        generator: torch.Generator,
    ) -> Rollout:
        """Act in every task with parameters of its own: tensors ``[task, rollout, time, ...]``."""
        repeated = tasks.repeat_interleave(n_rollouts, dim=0)
        state, observation = environment.reset(repeated, generator)
        seen, actions, rewards, ends = [], [], [], []
        for _ in range(horizon):
            with torch.no_grad():
                outputs = vmap(lambda p, x: functional_call(self.policy, p, (x,)))(
                    parameters, observation.unflatten(0, (len(tasks), n_rollouts))
                ).flatten(0, 1)
            if self.continuous:
                action = outputs + self.scale * torch.randn(outputs.shape, generator=generator)
            else:
                action = torch.multinomial(outputs.softmax(-1), 1, generator=generator).squeeze(1)
            after = environment.step(repeated, state, action, generator)
            seen.append(observation)
            actions.append(action)
            rewards.append(after.reward)
            ends.append(after.done)
            state, observation = after.state, after.observation
        shape = (len(tasks), n_rollouts)
        return Rollout(
            observations=torch.stack(seen, 1).unflatten(0, shape),
            actions=torch.stack(actions, 1).unflatten(0, shape),
            rewards=torch.stack(rewards, 1).unflatten(0, shape),
            done=torch.stack(ends, 1).unflatten(0, shape),
        )

    def _loss(self, parameters: State, before: list[dict[str, Tensor]], after: dict[str, Tensor]) -> Tensor:
        """Return the negative return after adaptation of one task, whose gradient is the meta-gradient."""
        start = {name.removeprefix("policy."): p for name, p in parameters.items() if name != "inner_rate"}
        adapted = start
        logs_before = []
        for tried in before:
            logs_before.append(self._logs(start if not logs_before else adapted, tried).sum())
            adapted = self._stepped(adapted, tried, parameters["inner_rate"])
        value = self._dice(adapted, after)
        if self.explore and logs_before:
            total = after["returns"][:, 0].mean()
            value = value + torch.stack(logs_before).sum() * (total - after["baseline"][:, 0].mean()).detach()
        return -value

    def _stepped(self, parameters: State, tried: dict[str, Tensor], rate: Tensor) -> State:
        gradients = grad(self._dice)(parameters, tried)
        if not self.second_order:
            gradients = {name: g.detach() for name, g in gradients.items()}
        return {name: p + rate * gradients[name] for name, p in parameters.items()}

    def _dice(self, parameters: State, tried: dict[str, Tensor]) -> Tensor:
        r"""Return the DiCE objective of one task: its value is the mean return, whatever the derivative.

        Each reward is weighted by :math:`\exp(c_t - \bar c_t)`, with :math:`c_t` the log-probability of all
        actions so far in the episode; the baseline enters by :math:`(1 - \exp(l_t - \bar l_t)) b_t`.
        """
        logs = self._logs(parameters, tried)  # [rollout, time]
        so_far = _cumulated(logs, tried["done"])
        discounts = tried["discounts"]
        value = (torch.exp(so_far - so_far.detach()) * discounts * tried["rewards"]).sum(1)
        control = ((1 - torch.exp(logs - logs.detach())) * discounts * tried["baseline"]).sum(1)
        return (value + control).mean()

    def _logs(self, parameters: State, tried: dict[str, Tensor]) -> Tensor:
        outputs = functional_call(self.policy, parameters, (tried["observations"],))
        if self.continuous:
            return -((tried["actions"] - outputs) / self.scale).square().sum(-1) / 2
        return outputs.log_softmax(-1).gather(-1, tried["actions"].unsqueeze(-1)).squeeze(-1)

    def _data(self, rollout: Rollout) -> dict[str, Tensor]:
        """Return what the objective needs, ``[task, rollout, time, ...]``."""
        flat = _flat(rollout)
        shape = rollout.rewards.shape[:2]
        returns = flat.returns(self.discount).unflatten(0, shape)
        n_rollouts = shape[1]
        others = (returns.sum(1, keepdim=True) - returns) / max(n_rollouts - 1, 1)
        age = _ages(rollout.done)
        return {
            "observations": rollout.observations,
            "actions": rollout.actions,
            "rewards": rollout.rewards,
            "done": rollout.done,
            "returns": returns,
            "baseline": others,
            "discounts": self.discount**age,
        }


def _flat(rollout: Rollout) -> Rollout:
    """Return a rollout with tasks and rollouts in one dimension."""
    return Rollout(
        observations=rollout.observations.flatten(0, 1),
        actions=rollout.actions.flatten(0, 1),
        rewards=rollout.rewards.flatten(0, 1),
        done=rollout.done.flatten(0, 1),
    )


def _ages(done: Tensor) -> Tensor:
    """Return how many actions the episode had before each one, ``[task, rollout, time]``."""
    age = torch.zeros(done.shape)
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

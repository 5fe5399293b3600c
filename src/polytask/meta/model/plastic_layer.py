"""A layer whose connections change while it is used, by a rule whose coefficients are learned."""

import math
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from polytask.core import InputError
from polytask.core.learner import State

__all__ = ["Modulation", "PlasticLayer", "PlasticityRule"]

PlasticityRule: TypeAlias = Literal["hebb", "oja"]
Modulation: TypeAlias = Literal["none", "simple", "retroactive"]


class PlasticLayer(nn.Module):
    r"""A linear layer with a fixed and a plastic part of every connection.

    The answer is :math:`y_j = \sum_i (w_{ij} + \alpha_{ij} H_{ij}) x_i + b_j`. The weights :math:`w` and the
    degrees of plasticity :math:`\alpha` are learned across episodes; the trace :math:`H` begins at 0 in each
    episode and follows the activity before (:math:`x`) and behind (:math:`y`) the connection:

    - ``"hebb"``: :math:`H \leftarrow (1 - \eta) H + \eta\, y x^\top`;
    - ``"oja"``: :math:`H \leftarrow H + \eta\, y (x - H^\top y)^\top`, which stays bounded by itself.

    With neuromodulation a signal :math:`m`, which the network computes, says when to learn:

    - ``"simple"``: :math:`H \leftarrow \mathrm{clip}(H + m\, y x^\top)`, to [-1, 1];
    - ``"retroactive"``: an eligibility trace remembers what was active,
      :math:`E \leftarrow (1 - \eta) E + \eta\, y x^\top`, and :math:`H \leftarrow \mathrm{clip}(H + m E)`: a
      reward that comes later still reaches the connections that led to it.

    Args:
        n_inputs: Neurons before the connections.
        n_outputs: Neurons behind them.
        rule: How the trace follows the activity, without modulation.
        modulation: Whether a signal says when to learn.
        rate: The rate :math:`\eta` at first, between 0 and 1; it is learned.
        plastic: Whether there is a plastic part at all; without, this is an ordinary linear layer.

    Raises:
        InputError: An argument is out of range or unknown.

    Example:
        >>> layer = PlasticLayer(3, 2)
        >>> state = layer.begin()
        >>> state = layer.learn(state, torch.ones(3), torch.tensor([1.0, -1.0]))
        >>> state["trace"]
        tensor([[ 0.1000,  0.1000,  0.1000],
                [-0.1000, -0.1000, -0.1000]], grad_fn=<AddBackward0>)

    References:
        Miconi, Clune, Stanley. Differentiable plasticity: training plastic neural networks with
        backpropagation. ICML 2018, arXiv:1804.02464, equations 1 to 3. Miconi et al. Backpropamine: training
        self-modifying neural networks with differentiable neuromodulated plasticity. ICLR 2019,
        arXiv:2002.10585, equations 3 to 6.
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        *,
        rule: PlasticityRule = "hebb",
        modulation: Modulation = "none",
        rate: float = 0.1,
        plastic: bool = True,
    ) -> None:
        problems = []
        if n_inputs < 1 or n_outputs < 1:
            problems.append(f"`n_inputs` and `n_outputs` must be at least 1, got {n_inputs}, {n_outputs}")
        if rule not in ("hebb", "oja"):
            problems.append(f"`rule` is {rule!r}; use 'hebb' or 'oja'")
        if modulation not in ("none", "simple", "retroactive"):
            problems.append(f"`modulation` is {modulation!r}; use 'none', 'simple' or 'retroactive'")
        if not 0 < rate < 1:
            problems.append(f"`rate` must be between 0 and 1, got {rate}")
        if problems:
            raise InputError("; ".join(problems) + ".")
        super().__init__()
        self.rule: PlasticityRule = rule
        self.modulation: Modulation = modulation
        self.plastic = plastic
        bound = 1 / math.sqrt(n_inputs)
        self.weight = nn.Parameter(torch.empty(n_outputs, n_inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(n_outputs))
        if plastic:
            self.plasticity = nn.Parameter(torch.empty(n_outputs, n_inputs).uniform_(-0.01, 0.01))
            self.raw_rate = nn.Parameter(torch.tensor(math.log(rate / (1 - rate))))
            if modulation != "none":
                self.modulator = nn.Linear(n_outputs, 1)

    def begin(self) -> State:
        """Return the state before the first activity: traces of 0, ``[n_outputs, n_inputs]``."""
        if not self.plastic:
            return {}
        zeros = torch.zeros_like(self.weight)
        return (
            {"trace": zeros, "eligibility": zeros} if self.modulation == "retroactive" else {"trace": zeros}
        )

    def effective_weight(self, state: State) -> Tensor:
        """Return fixed and plastic part together, ``[n_outputs, n_inputs]``."""
        return self.weight + self.plasticity * state["trace"] if self.plastic else self.weight

    def forward(self, inputs: Tensor, state: State) -> Tensor:
        """Answer ``[..., n_inputs]`` with the connections as they are: ``[..., n_outputs]``."""
        return inputs @ self.effective_weight(state).T + self.bias

    def learn(self, state: State, before: Tensor, behind: Tensor, present: Tensor | None = None) -> State:
        """Return the state after some activity.

        Args:
            state: The state so far.
            before: Activity of the neurons before the connections, ``[n_inputs]``.
            behind: Activity of those behind them, ``[n_outputs]``.
            present: A scalar, 1 where the activity took place and 0 where nothing is to change; None is 1.
        """
        if not self.plastic:
            return state
        changed = self._changed(state, before, behind)
        if present is None:
            return changed
        return {name: torch.where(present > 0, changed[name], old) for name, old in state.items()}

    def _changed(self, state: State, before: Tensor, behind: Tensor) -> State:
        rate, trace = self.raw_rate.sigmoid(), state["trace"]
        together = torch.outer(behind, before)  # [n_outputs, n_inputs]
        if self.modulation == "none":
            if self.rule == "oja":
                return {"trace": trace + rate * (together - behind.unsqueeze(1) * (behind @ trace))}
            return {"trace": (1 - rate) * trace + rate * together}
        signal = self.modulator(behind).tanh()  # [1]
        if self.modulation == "simple":
            return {"trace": (trace + signal * together).clamp(-1, 1)}
        eligibility = (1 - rate) * state["eligibility"] + rate * together
        return {"trace": (trace + signal * eligibility).clamp(-1, 1), "eligibility": eligibility}

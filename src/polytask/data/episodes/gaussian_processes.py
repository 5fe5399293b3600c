"""Functions drawn from Gaussian processes, and the exact posterior that no learner can beat."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from polytask.core import InputError
from polytask.data.episodes.functions import FunctionFamily, uniform

__all__ = ["CovarianceKind", "Covariances", "GaussianProcesses", "exact_posterior"]

CovarianceKind = Literal["rbf", "matern", "periodic"]

_JITTER = 1e-8
"""Added to the variance of drawn values, relative to it: the RBF matrix of near points is near singular."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariances:
    r"""One covariance function for each of several functions of one input.

    With the distance :math:`d = |x - x'|`, length :math:`\ell`, scale :math:`s` and period :math:`p`:

    .. math::
        \text{rbf: } s^2 e^{-d^2 / 2\ell^2} \qquad
        \text{matern: } s^2 \left(1 + \tfrac{\sqrt 5 d}{\ell} + \tfrac{5 d^2}{3 \ell^2}\right)
        e^{-\sqrt 5 d / \ell} \qquad
        \text{periodic: } s^2 e^{-2 \sin^2(\pi d / p) / \ell^2}

    Args:
        kind: ``"rbf"``, ``"matern"`` (of smoothness 5/2) or ``"periodic"``.
        length: ``[function]``, above 0.
        scale: ``[function]``, the standard deviation of the values.
        period: ``[function]``; only the periodic one has a use for it.

    Raises:
        InputError: The kind is unknown, or the lengths of the tensors differ.

    Example:
        >>> one = torch.ones(1)
        >>> covariance = Covariances(kind="rbf", length=one, scale=2 * one, period=one)
        >>> covariance(torch.zeros(1, 1, 1), torch.ones(1, 1, 1))
        tensor([[[2.4261]]])
    """

    kind: CovarianceKind
    length: Tensor
    scale: Tensor
    period: Tensor

    def __post_init__(self) -> None:
        _check_kind(self.kind)
        shapes = {name: tuple(getattr(self, name).shape) for name in ("length", "scale", "period")}
        if len(set(shapes.values())) > 1 or self.length.ndim != 1:
            raise InputError(f"Covariances: the tensors must all have one shape [function], got {shapes}.")

    def __call__(self, left: Tensor, right: Tensor) -> Tensor:
        """Return the covariances of the values at ``[function, left, 1]`` and ``[function, right, 1]``."""
        distance = (left - right.transpose(-1, -2)).abs()  # [function, left, right]
        length, scale, period = (
            tensor.to(distance)[:, None, None] for tensor in (self.length, self.scale, self.period)
        )
        return scale.square() * _CORRELATIONS[self.kind](distance, length, period)


class GaussianProcesses(FunctionFamily):
    """Functions of one input from Gaussian processes of mean 0, each with hyper-parameters of its own.

    Lengths, scales and periods are uniform in their ranges. The values have no noise: the source adds it.

    Args:
        kind: The covariance function, see `Covariances`.
        length: Range of the length scales.
        scale: Range of the standard deviations.
        period: Range of the periods.
        x: Range of the inputs, drawn uniformly.

    Raises:
        InputError: The kind is unknown, or a range does not go upwards between finite numbers above 0 (``x``:
            any finite numbers).

    Example:
        >>> from polytask.core import generator
        >>> x, y = GaussianProcesses("matern").sample(16, 50, generator(0))
        >>> x.shape, y.shape
        (torch.Size([16, 50, 1]), torch.Size([16, 50]))

    References:
        Nguyen, Grover, "Transformer Neural Processes: Uncertainty-Aware Meta Learning Via Sequence Modeling",
        ICML 2022, arXiv:2207.04179; the ranges are those of the authors' code, with noise of standard
        deviation 0.02.
    """

    def __init__(
        self,
        kind: CovarianceKind = "rbf",
        *,
        length: tuple[float, float] = (0.1, 0.6),
        scale: tuple[float, float] = (0.1, 1.0),
        period: tuple[float, float] = (0.1, 0.5),
        x: tuple[float, float] = (-2.0, 2.0),
    ) -> None:
        _check_kind(kind)
        ranges = {
            "length": (length, 0.0),
            "scale": (scale, 0.0),
            "period": (period, 0.0),
            "x": (x, -math.inf),
        }
        problems = [
            f"`{name}` must be (low, high) with {floor} < low <= high, both finite, got {tuple(limits)}"
            for name, (limits, floor) in ranges.items()
            if not floor < limits[0] <= limits[1] < math.inf
        ]
        if problems:
            raise InputError("GaussianProcesses: " + "; ".join(problems) + ".")
        self.kind: CovarianceKind = kind
        self.length = length
        self.scale = scale
        self.period = period
        self.x = x

    def sample(self, n_functions: int, n_points: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw functions, and points of each; see `FunctionFamily.sample`."""
        return self.sample_of(self.covariances(n_functions, generator), n_points, generator)

    def covariances(self, n_functions: int, generator: torch.Generator) -> Covariances:
        """Draw the hyper-parameters of some functions."""
        length, scale, period = (
            uniform(limits, (n_functions,), generator) for limits in (self.length, self.scale, self.period)
        )
        return Covariances(kind=self.kind, length=length, scale=scale, period=period)

    def sample_of(
        self, covariances: Covariances, n_points: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Draw one function of each covariance, and points of it; see `FunctionFamily.sample`.

        For a test whose exact posterior is to be known.
        """
        x = uniform(self.x, (len(covariances.length), n_points, 1), generator)
        scale = covariances.scale.double()[:, None, None]
        jitter = _JITTER * scale.square() * torch.eye(n_points, dtype=torch.float64)
        factor = torch.linalg.cholesky(covariances(x.double(), x.double()) + jitter)
        white = torch.randn(*x.shape, generator=generator, dtype=torch.float64)  # [function, point, 1]
        return x, (factor @ white).squeeze(-1).float()


def exact_posterior(
    covariances: Covariances, x: Tensor, y: Tensor, targets: Tensor, *, noise: float
) -> tuple[Tensor, Tensor]:
    r"""Return what is known of a Gaussian process after some noisy values of it.

    .. math::
        \mu_* = K_{*x} (K_{xx} + \sigma^2 I)^{-1} y \qquad
        \sigma_*^2 = K_{**} + \sigma^2 - K_{*x} (K_{xx} + \sigma^2 I)^{-1} K_{x*}

    Args:
        covariances: One for each function.
        x: Where values are known, ``[function, point, 1]``.
        y: The values with their noise, ``[function, point]``.
        targets: Where values are asked for, ``[function, target, 1]``.
        noise: Standard deviation :math:`\sigma` of the noise, above 0.

    Returns:
        Means and standard deviations ``[function, target]`` of new values, noise included, in float64.

    Raises:
        InputError: The noise is not above 0.

    References:
        Rasmussen, Williams, "Gaussian Processes for Machine Learning", MIT Press 2006, equations 2.22-2.24.
    """
    if not 0 < noise < math.inf:
        raise InputError(f"`noise` is a standard deviation above 0, got {noise}.")
    x, y, targets = x.double(), y.double(), targets.double()
    noisy = covariances(x, x) + noise**2 * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    factor = torch.linalg.cholesky(noisy)
    # With K = L L', both terms are products of L^-1 K_x* with something.
    white = torch.linalg.solve_triangular(factor, covariances(x, targets), upper=False)
    known = torch.linalg.solve_triangular(factor, y.unsqueeze(-1), upper=False)  # [function, point, 1]
    mean = (white * known).sum(1)
    prior = covariances.scale.to(x)[:, None].square() + noise**2  # [function, 1]
    return mean, (prior - white.square().sum(1)).clamp(min=noise**2).sqrt()


def _rbf(distance: Tensor, length: Tensor, period: Tensor) -> Tensor:  # noqa: ARG001 - alike in form
    return torch.exp(-0.5 * (distance / length).square())


def _matern(distance: Tensor, length: Tensor, period: Tensor) -> Tensor:  # noqa: ARG001 - alike in form
    scaled = math.sqrt(5) * distance / length
    return (1 + scaled + scaled.square() / 3) * torch.exp(-scaled)


def _periodic(distance: Tensor, length: Tensor, period: Tensor) -> Tensor:
    return torch.exp(-2 * (torch.sin(math.pi * distance / period) / length).square())


_CORRELATIONS: dict[CovarianceKind, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "rbf": _rbf,
    "matern": _matern,
    "periodic": _periodic,
}


def _check_kind(kind: str) -> None:
    if kind not in get_args(CovarianceKind):
        raise InputError(f"`kind` is {kind!r}; use one of {', '.join(get_args(CovarianceKind))}.")

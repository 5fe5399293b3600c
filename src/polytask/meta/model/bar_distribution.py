"""The bar (Riemann) distribution: a histogram with tails, whose bars are the classes of a network."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from polytask.core import InputError

__all__ = ["BarDistribution", "bar_borders"]

_MEDIAN_OF_HALF_NORMAL = 0.6744897501960817
_MEAN_OF_HALF_NORMAL = math.sqrt(2 / math.pi)


@dataclass(frozen=True, slots=True, kw_only=True)
class BarDistribution:
    r"""Densities over the real line, constant within bars and half normal beyond the outermost ones.

    With the bars' probabilities :math:`p = \mathrm{softmax}(\text{logits})` and widths :math:`w`, the density
    in an inner bar :math:`k` is :math:`p_k / w_k`. The first and the last bar are half normal distributions
    that begin at their inner border and have their median at the outer one, so that no value is impossible.

    Args:
        borders: Of the bars, rising: ``[bar + 1]``.
        logits: ``[..., bar]``.

    Example:
        >>> bars = BarDistribution(borders=torch.tensor([-2.0, -1.0, 1.0, 2.0]), logits=torch.zeros(3))
        >>> bars.mean(), bars.log_density(torch.tensor(0.5)).exp()
        (tensor(0.), tensor(0.1667))

    References:
        Müller, Hollmann, Arango, Grabocka, Hutter. Transformers Can Do Bayesian Inference. ICLR 2022,
        arXiv:2112.10510, the "Riemann distribution" and its variant with unbounded support.
    """

    borders: Tensor
    logits: Tensor

    def log_density(self, values: Tensor) -> Tensor:
        """Return the log density at values that broadcast with ``[...]``."""
        inner = self.borders[1:-1]  # [bar - 1]
        bar = (values.unsqueeze(-1) >= inner).sum(-1, keepdim=True)  # [..., 1]
        log_p = self.logits.log_softmax(-1)
        shape = torch.broadcast_shapes(bar.shape[:-1], log_p.shape[:-1])
        found = log_p.expand(*shape, -1).gather(-1, bar.expand(*shape, 1)).squeeze(-1)
        widths = self.borders.diff()
        scale = self._tail_scales()
        # How far a value lies in a tail; 0 elsewhere, so that the unused branch has a finite gradient.
        beyond = torch.where(bar.squeeze(-1) == 0, inner[0] - values, values - inner[-1]).clamp(min=0)
        side = torch.where(bar.squeeze(-1) == 0, scale[0], scale[1])
        tail = 0.5 * math.log(2 / math.pi) - side.log() - 0.5 * (beyond / side).square()
        outermost = (bar == 0) | (bar == len(widths) - 1)
        return found + torch.where(outermost.squeeze(-1), tail, -widths.log()[bar.squeeze(-1)])

    def mean(self) -> Tensor:
        """Return the mean, ``[...]``."""
        return self.logits.softmax(-1) @ self._means()

    def variance(self) -> Tensor:
        """Return the variance, ``[...]``."""
        means, scale = self._means(), self._tail_scales()
        within = self.borders.diff().square() / 12
        tail = (1 - 2 / math.pi) * scale.square()
        within = torch.cat([tail[:1], within[1:-1], tail[1:]])  # [bar]
        probabilities = self.logits.softmax(-1)
        # Around the mean, not E[y²] - E[y]², which loses all its digits far from 0.
        between = (means - (probabilities @ means).unsqueeze(-1)).square()
        return (probabilities * (within + between)).sum(-1)

    def cdf(self, values: Tensor) -> Tensor:
        """Return the probability below values that broadcast with ``[...]``."""
        inner = self.borders[1:-1]  # [bar - 1]
        bar = (values.unsqueeze(-1) >= inner).sum(-1, keepdim=True)  # [..., 1]
        p = self.logits.softmax(-1)
        shape = torch.broadcast_shapes(bar.shape[:-1], p.shape[:-1])
        bar = bar.expand(*shape, 1)
        mass = p.expand(*shape, -1).gather(-1, bar).squeeze(-1)
        before = (p.cumsum(-1) - p).expand(*shape, -1).gather(-1, bar).squeeze(-1)
        bar = bar.squeeze(-1)
        scale = self._tail_scales() * math.sqrt(2)
        within = ((values - self.borders[bar]) / self.borders.diff()[bar]).clamp(0, 1)
        low = 1 - torch.erf((inner[0] - values).clamp(min=0) / scale[0])
        high = torch.erf((values - inner[-1]).clamp(min=0) / scale[1])
        part = torch.where(bar == 0, low, torch.where(bar == p.shape[-1] - 1, high, within))
        return (before + mass * part).clamp(0, 1)

    def quantile(self, probability: float) -> Tensor:
        """Return the value with this much probability below it, ``[...]``.

        Raises:
            InputError: The probability is not strictly between 0 and 1.
        """
        if not 0 < probability < 1:
            raise InputError(f"`probability` must be strictly between 0 and 1, got {probability}.")
        p = self.logits.softmax(-1)
        after = p.cumsum(-1)  # [..., bar]
        bar = (after < probability).sum(-1, keepdim=True).clamp(max=p.shape[-1] - 1)  # [..., 1]
        mass = p.gather(-1, bar).squeeze(-1)
        before = after.gather(-1, bar).squeeze(-1) - mass
        tiny = torch.finfo(p.dtype).tiny
        part = ((probability - before) / mass.clamp(min=tiny)).clamp(0, 1 - torch.finfo(p.dtype).eps)
        bar = bar.squeeze(-1)
        inner = self.borders[bar] + part * self.borders.diff()[bar]
        scale, edge = self._tail_scales() * math.sqrt(2), self.borders[1:-1]
        low = edge[0] - scale[0] * torch.erfinv(1 - part.clamp(min=torch.finfo(p.dtype).eps))
        high = edge[-1] + scale[1] * torch.erfinv(part)
        return torch.where(bar == 0, low, torch.where(bar == p.shape[-1] - 1, high, inner))

    def _tail_scales(self) -> Tensor:
        """Return the scales of the two half normal tails, ``[2]``."""
        widths = self.borders.diff()
        return torch.stack([widths[0], widths[-1]]) / _MEDIAN_OF_HALF_NORMAL

    def _means(self) -> Tensor:
        """Return the mean of each bar, ``[bar]``."""
        middles = (self.borders[1:] + self.borders[:-1]) / 2
        offsets = self._tail_scales() * _MEAN_OF_HALF_NORMAL
        edge = self.borders[1:-1]
        return torch.cat([(edge[0] - offsets[0])[None], middles[1:-1], (edge[-1] + offsets[1])[None]])


def bar_borders(values: Tensor, n_bars: int) -> Tensor:
    """Place borders so that every bar holds as many of the values: ``[n_bars + 1]``.

    The outermost bars get wide where the values are sparse. Where answers far out have to be sharp, equally
    wide bars (`torch.linspace`) serve better.

    Args:
        values: Targets drawn from the prior, of any shape; many more than bars.
        n_bars: How many, 3 or more.

    Raises:
        InputError: There are fewer than 3 bars, a value is not finite, or too few of them are different.

    Example:
        >>> bar_borders(torch.arange(101.0), 4)
        tensor([  0.,  25.,  50.,  75., 100.])
    """
    if n_bars < 3:
        raise InputError(f"`n_bars` must be at least 3, two of them for the tails; got {n_bars}.")
    ordered = values.flatten().sort().values
    if not bool(ordered.isfinite().all()):
        raise InputError("`values` holds numbers that are not finite; leave them out.")
    # Not `torch.quantile`, which refuses more than 16 million values.
    place = torch.linspace(0, max(len(ordered) - 1, 0), n_bars + 1, dtype=torch.float64)
    low = place.floor().long()
    high = place.ceil().long()
    borders = torch.lerp(ordered[low], ordered[high], (place - low).to(ordered)) if len(ordered) else ordered
    if not len(ordered) or not bool((borders.diff() > 0).all()):
        raise InputError(
            f"`values` has too few different numbers for {n_bars} bars; give more of them, or fewer bars."
        )
    return borders

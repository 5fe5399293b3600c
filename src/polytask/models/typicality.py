"""How typical an example is of those that a classifier knows: what decides about "none of these"."""

import numpy as np
import torch
from torch import Tensor

from polytask.meta.heads.softmax import log_sum_exp

__all__ = ["confidence", "conformal_level", "kept_references", "typicality"]

_MOST = 2000


def confidence(scores: np.ndarray, sharpness: float) -> np.ndarray:
    r"""Return how well any class fits, ``[row]``, for scores ``[row, class]``.

    .. math:: \frac1\beta \log \sum_c e^{\beta s_c}

    References:
        Weitang Liu, Xiaoyun Wang, John Owens, Yixuan Li, "Energy-based Out-of-distribution Detection",
        NeurIPS 2020, arXiv:2010.03759, equation 4, with the sign turned.
    """
    return log_sum_exp(sharpness * scores)[:, 0] / sharpness


def typicality(found: np.ndarray, references: np.ndarray) -> np.ndarray:
    r"""Return the share of known examples that fit no better than these, ``[row]``: conformal p-values.

    .. math:: p = \frac{1 + |\{i : r_i \le u\}|}{1 + n}

    Of examples of known classes, at most a share :math:`a` has :math:`p \le a`, on average over supports.

    Args:
        found: The `confidence` u of examples to judge.
        references: That of known examples that were left out, sorted; without any, every p is 1.

    References:
        Vladimir Vovk, Alexander Gammerman, Glenn Shafer, "Algorithmic Learning in a Random World", Springer
        2005, chapter 2.
    """
    below = np.searchsorted(references, found, side="right")
    return (1 + below) / (1 + len(references))


def kept_references(confidences: np.ndarray) -> Tensor:
    """Return at most 2,000 of the sorted values, evenly over their ranks, float64."""
    values = np.sort(confidences)
    if len(values) > _MOST:
        values = values[np.linspace(0, len(values) - 1, _MOST).round().astype(int)]
    return torch.from_numpy(values.copy())


def conformal_level(losses: np.ndarray, coverage: float) -> float:
    r"""Return the score up to which classes belong to a set that holds the right one often enough.

    Args:
        losses: One minus the probability of the right class, of known examples that were left out.
        coverage: The share of sets that hold it, between 0 and 1.

    Returns:
        The :math:`\lceil (n + 1) c \rceil`-th smallest; 1, which takes all classes, where n is too small.

    References:
        Mauricio Sadinle, Jing Lei, Larry Wasserman, "Least Ambiguous Set-valued Classifiers with Bounded
        Error Levels", JASA 114, 2019, arXiv:1609.00451.
    """
    rank = int(np.ceil((len(losses) + 1) * coverage))
    return 1.0 if rank > len(losses) else float(np.sort(losses)[rank - 1])

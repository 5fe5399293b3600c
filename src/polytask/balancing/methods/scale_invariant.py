"""The sum of the logarithms of the losses, which does not depend on their units."""

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.positive import positive

__all__ = ["ScaleInvariant"]


@catalogued("scale-invariant", "the baseline SI of Navon et al., ICML 2022, arXiv:2202.01017")
class ScaleInvariant(Balancer):
    r"""Lower the sum of the logarithms of the losses.

    .. math:: \min_\theta \sum_t \log L_t(\theta), \qquad w_t = 1 / L_t

    Multiplying a loss by a constant changes nothing. The weights do not sum to the number of objectives,
    unless the losses are near 1; they grow as the losses fall. It holds no state, and knows no names.

    When to use:
        Losses in different units, when a relative fall should count alike in all. Losses must be
        above 0; one near 0 dominates.

    References:
        The baseline "SI" of Aviv Navon, Aviv Shamsian, Idan Achituve, Haggai Maron, Kenji Kawaguchi, Gal
        Chechik, Ethan Fetaya, "Multi-Task Learning as a Bargaining Game", ICML 2022, arXiv:2202.01017.
        Deviation: private parameters get their unweighted gradient, as everywhere here.

    Example:
        >>> import torch
        >>> ScaleInvariant()(Evidence(("a", "b"), torch.tensor([0.5, 4.0]), torch.Tensor)).values
        tensor([2.0000, 0.2500])
    """

    needs = "losses"

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            TrainingError: A loss is not positive.
        """
        return Weights(values=1 / positive(evidence.losses, evidence.names, "ScaleInvariant"))

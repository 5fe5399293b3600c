"""SimpleShot: nearest mean, after the features are centred and scaled to unit length."""

from collections.abc import Iterable
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from polytask.core import InputError
from polytask.core.batch import Inputs
from polytask.core.learner import State
from polytask.meta.entry import catalogued, on_encoder
from polytask.meta.layers.class_means import class_means
from polytask.meta.metric.centered import Centered
from polytask.meta.metric.feature_classifier import FeatureClassifier, squared_distances

__all__ = ["SimpleShot"]


@catalogued(
    "simple-shot",
    "Wang et al., 2019, arXiv:1911.04623",
    family="metric",
    build=on_encoder(transform="unit"),
    pretraining_head=nn.Linear,
)
class SimpleShot(FeatureClassifier):
    r"""Nearest mean of centred unit features: a strong and cheap baseline on a trained encoder.

    With the mean :math:`\bar f` of the base classes, a feature becomes :math:`z = (f(x) - \bar f) /
    \lVert f(x) - \bar f \rVert`; the logits are :math:`-\lVert z - c_k \rVert^2`, where :math:`c_k` is the
    mean of class :math:`k` in the support.

    The encoder is commonly trained as an ordinary classifier of the base classes, see `Baseline`. Then
    `fit_center` takes the mean.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here.
        n_features: How many features that are; needed to centre them.
        transform: ``"centered"`` (CL2N in the paper), ``"unit"`` (L2N: no mean is subtracted) or ``"none"``.

    Raises:
        InputError: The transform is unknown, or ``n_features`` is missing or not needed.

    Example:
        >>> import torch
        >>> from polytask.core import Batch, Task
        >>> task = Task(name="cat", kind="multiclass", n_outputs=2)
        >>> support = Batch(inputs=torch.tensor([[3.0, 1.0], [1.0, 2.0]]), targets={"cat": torch.arange(2)})
        >>> learner = SimpleShot(nn.Identity(), 2)
        >>> learner.fit_center([torch.tensor([[1.0, 1.0], [1.0, 1.0]])])
        >>> learner.adapt([task], support)(torch.tensor([[9.0, 1.0]]))["cat"]
        tensor([[-0., -2.]])

    When to use:
        Frozen features of a classifier, no episodes in training, a few minutes: the baseline that
        few-shot methods must beat.

    References:
        Wang, Chao, Weinberger, van der Maaten. SimpleShot: Revisiting Nearest-Neighbor Classification for
        Few-Shot Learning. 2019, arXiv:1911.04623. Differs: the paper has decisions only; the logits here are
        minus the squared distances, which gives the same decisions.
    """

    def __init__(
        self,
        encoder: nn.Module,
        n_features: int | None = None,
        *,
        transform: Literal["centered", "unit", "none"] = "centered",
    ) -> None:
        problems = []
        if transform not in ("centered", "unit", "none"):
            problems.append(f"`transform` is {transform!r}; use 'centered', 'unit' or 'none'")
        elif (transform == "centered") != (n_features is not None):
            problems.append(
                f"`n_features` is {n_features}, but is for `transform='centered'` and needed there, got "
                f"{transform!r}"
            )
        if problems:
            raise InputError("; ".join(problems) + ".")
        super().__init__(encoder if n_features is None else Centered(encoder, n_features))
        self.transform = transform

    def fit_center(self, batches: Iterable[Inputs]) -> None:
        """Set the mean to that of the features of the base classes; again after training on.

        Args:
            batches: Inputs ``[batch, ...]`` of the base classes; a single batch goes into a list.

        Raises:
            InputError: The features are not centred, or see `Centered.fit`.
        """
        if not isinstance(self.encoder, Centered):
            raise InputError(f"`transform` is {self.transform!r}, which has no centre to fit.")
        self.encoder.fit(batches)

    def summarize(self, features: Tensor, members: Tensor) -> State:
        """Return the means of the transformed support, ``[class, feature]``."""
        return {"prototypes": class_means(self._transformed(features), members)}

    def logits(self, summary: State, features: Tensor) -> Tensor:
        """Return minus the squared distances to the means, ``[query, class]``."""
        return -squared_distances(self._transformed(features), summary["prototypes"])

    def _transformed(self, features: Tensor) -> Tensor:
        return features if self.transform == "none" else functional.normalize(features)

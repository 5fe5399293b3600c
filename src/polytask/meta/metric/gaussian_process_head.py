"""A Gaussian process as the head of a regression task, on learned features and a similarity of the inputs."""

import math
from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from polytask.core import InputError
from polytask.core.learner import State
from polytask.meta.layers.full_precision import full_precision, widened
from polytask.meta.model.gaussian import Context, Gaussian, GaussianLearner

__all__ = ["GaussianProcessHead", "Similarity", "tanimoto"]

KernelName = Literal["linear", "rbf"]
Similarity = Callable[[Tensor, Tensor], Tensor]
"""From inputs ``[a, n_inputs]`` and ``[b, n_inputs]`` to a positive semi-definite kernel ``[a, b]``."""


class GaussianProcessHead(GaussianLearner):
    r"""The exact posterior of a Gaussian process, given a task's labels, with a kernel that is learned.

    With an encoder :math:`f` and a given similarity :math:`s`, the prior of every task is

    .. math::
        y(x) = g(x) + \mathcal{N}(0, \sigma^2), \qquad
        g \sim \mathcal{GP}\bigl(\mu,\; c + a \, k(f(x), f(x')) + b \, s(x, x')\bigr)

    The constant :math:`c` is how much tasks differ in level. What is learned, the encoder and
    :math:`\mu, c, a, b, \sigma`, are the same for all tasks; what is of a task follows from its labels in
    closed form. They are fitted to the density of the query under the posterior, as every `GaussianLearner`
    is, which is what a new task asks for, and not to the marginal likelihood of the support.

    Unlike the head of `R2D2` and `RidgeRegression`, it says how sure it is, knows the levels that tasks have,
    and can lean on a similarity that needs no learning, such as that of fingerprints. Targets should be
    standardized by training tasks: the initial prior has a variance of about 1.

    Args:
        encoder: Maps inputs ``[batch, n_inputs]`` to features ``[batch, ...]``, flattened here; None leaves
            that part of the kernel out.
        n_inputs: Numbers in an input.
        n_outputs: Outputs of every task; they share the kernel.
        kernel: Of the features: ``"linear"``, their product by the number of features, which is Bayesian
            ridge regression; or ``"rbf"``, :math:`\exp(-\lVert f - f' \rVert^2 / (2 d \ell^2))` for ``d``
            features, with a learned length :math:`\ell`.
        similarity: Of the inputs themselves, such as `tanimoto`; None leaves it out.
        noise: Initial :math:`\sigma`.
        min_std: Lower bound of :math:`\sigma`: float32 cannot factor a matrix much closer to singular.

    Raises:
        InputError: There is neither an encoder nor a similarity, the kernel is unknown, or a number is out of
            range.

    Example:
        >>> from polytask.core import Batch, Task
        >>> task = Task(name="y", kind="regression")
        >>> learner = GaussianProcessHead(nn.Identity(), n_inputs=1, kernel="rbf", noise=0.02)
        >>> support = Batch(inputs=torch.tensor([[0.0], [1.0]]), targets={"y": torch.tensor([2.0, 3.0])})
        >>> state = learner.adapt([task], support).state
        >>> found = learner.distribution(state, [task], torch.tensor([[0.0], [50.0]]))["y"]
        >>> found.mean[0].round(decimals=1).item(), bool(found.std[0] < found.std[1])
        (2.0, True)

    When to use:
        Few labels of a new regression task where it matters how sure a prediction is, or where a
        likeness of inputs is given. Time grows with the cube of the support.

    References:
        Patacchiola, Turner, Crowley, O'Boyle, Storkey. Bayesian Meta-Learning for the Few-Shot Setting via
        Deep Kernels. NeurIPS 2020, arXiv:1910.05199. Wistuba, Grabocka. Few-Shot Bayesian Optimization with
        Deep Kernel Surrogates. ICLR 2021, arXiv:2101.07667. Chen, Tripp, Hernández-Lobato. Meta-learning
        Adaptive Deep Kernel Gaussian Processes for Molecular Property Prediction. ICLR 2023,
        arXiv:2205.02708. Differs: all parameters are meta-learned, none is fitted to a task, and the
        objective is the density of the query instead of the marginal likelihood.
    """

    def __init__(
        self,
        encoder: nn.Module | None,
        *,
        n_inputs: int,
        n_outputs: int = 1,
        kernel: KernelName = "linear",
        similarity: Similarity | None = None,
        noise: float = 0.5,
        min_std: float = 0.01,
    ) -> None:
        problems = [
            f"`{name}` must be at least 1, got {size}"
            for name, size in (("n_inputs", n_inputs), ("n_outputs", n_outputs))
            if size < 1
        ]
        if encoder is None and similarity is None:
            problems.append("give an `encoder`, a `similarity`, or both")
        if kernel not in get_args(KernelName):
            problems.append(f"`kernel` is {kernel!r}; use {' or '.join(get_args(KernelName))}")
        if not 0 < min_std < noise:
            problems.append(f"`min_std` must be in (0, `noise` = {noise}), got {min_std}")
        if problems:
            raise InputError("GaussianProcessHead: " + "; ".join(problems) + ".")
        super().__init__(n_inputs=n_inputs, n_outputs=n_outputs)
        self.encoder = encoder
        self.kernel: KernelName = kernel
        self.similarity = similarity
        self.level = nn.Parameter(torch.zeros(()))
        self.min_std = min_std
        self.log_noise = nn.Parameter(torch.tensor(0.5 * math.log(noise**2 - min_std**2)))
        self.log_scales = nn.Parameter(torch.full((3,), math.log(0.5)))  # of c, a and b, as variances
        self.log_length = nn.Parameter(torch.zeros(()), requires_grad=kernel == "rbf" and encoder is not None)

    def encode(self, context: Context) -> State:
        """Return the examples, the Cholesky factor of their covariance, and the weights of the mean."""
        features = self.features(context.x)
        with full_precision(features):
            return self._solved(features, context)

    def _solved(self, features: Tensor, context: Context) -> State:
        known = context.known.to(features.dtype)
        both = known.unsqueeze(1) * known  # [row, row]
        covariance = self.covariance(features, context.x, features, context.x)
        # A row that does not count gets a variance of 1 and no covariance: its weight is 0.
        diagonal = self.noise_variance() * known + (1 - known)
        factor = torch.linalg.cholesky(both * covariance + torch.diag_embed(diagonal))
        left = known.unsqueeze(1) * (context.y - self.level)  # [row, output]
        weights = torch.cholesky_solve(left, factor)
        return {
            "features": features,
            "inputs": context.x,
            "known": known,
            "factor": factor,
            "weights": weights,
        }

    def gaussian(self, state: State, x: Tensor) -> Gaussian:
        """See `GaussianLearner.answer`; the standard deviation is that of a label, noise included."""
        features = self.features(x)
        with full_precision(features):
            return self._answer(state, features, x)

    def _answer(self, state: State, features: Tensor, x: Tensor) -> Gaussian:
        across = self.covariance(features, x, state["features"], state["inputs"]) * state["known"]
        mean = self.level + across @ state["weights"]  # [batch, output]
        solved = torch.linalg.solve_triangular(state["factor"], across.mT, upper=False)  # [row, batch]
        explained = solved.square().sum(0)
        variance = (self.variance(features, x) - explained).clamp(min=0) + self.noise_variance()
        return Gaussian(mean=mean, std=variance.sqrt().unsqueeze(1).expand_as(mean))

    def features(self, x: Tensor) -> Tensor:
        """Return the features ``[batch, feature]``, none without an encoder."""
        return x[:, :0] if self.encoder is None else widened(self.encoder(x).flatten(1))

    def covariance(self, features: Tensor, x: Tensor, others: Tensor, other_x: Tensor) -> Tensor:
        """Return the prior covariance of the noise-free values of two sets of inputs, ``[a, b]``."""
        constant, learned, given = self.log_scales.exp()
        found = constant.expand(len(x), len(other_x))
        if self.encoder is not None:
            found = found + learned * self._of_features(features, others)
        if self.similarity is not None:
            found = found + given * self.similarity(x, other_x)
        return found

    def variance(self, features: Tensor, x: Tensor) -> Tensor:
        """Return the diagonal of the covariance of inputs with themselves, ``[batch]``."""
        each = torch.func.vmap(lambda f, z: self.covariance(f[None], z[None], f[None], z[None])[0, 0])
        return each(features, x)

    def noise_variance(self) -> Tensor:
        """Return the variance of a label around its value, a scalar."""
        return (2 * self.log_noise).exp() + self.min_std**2

    def _of_features(self, features: Tensor, others: Tensor) -> Tensor:
        products = features @ others.mT / features.shape[1]
        if self.kernel == "linear":
            return products
        squares = features.square().mean(1, keepdim=True) + others.square().mean(1)  # [a, b]
        return (-0.5 * (squares - 2 * products).clamp(min=0) / (2 * self.log_length).exp()).exp()


def tanimoto(x: Tensor, others: Tensor) -> Tensor:
    r"""Return the Tanimoto similarity of fingerprints: bits in common by bits in any, ``[a, b]``.

    .. math:: s(x, x') = \frac{x \cdot x'}{\lVert x \rVert^2 + \lVert x' \rVert^2 - x \cdot x'}

    It is positive semi-definite, also for numbers of 0 and more. Two inputs of zeros alone count as equal.

    Args:
        x: ``[a, bit]``.
        others: ``[b, bit]``.

    Example:
        >>> tanimoto(torch.tensor([[1.0, 1, 0]]), torch.tensor([[1.0, 0, 0], [1, 1, 0]]))
        tensor([[0.5000, 1.0000]])

    References:
        Ralaivola, Swamidass, Saigo, Baldi. Graph kernels for chemical informatics. Neural Networks 18, 2005.
    """
    common = x @ others.mT
    total = x.square().sum(1, keepdim=True) + others.square().sum(1) - common  # [a, b]
    return torch.where(total > 0, common / torch.where(total > 0, total, 1.0), 1.0)

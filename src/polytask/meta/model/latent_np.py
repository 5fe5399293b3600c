"""Neural processes with a latent variable: one draw of it is one coherent function."""

import torch
from torch import Tensor
from torch.nn import functional

from polytask.core.learner import State, States
from polytask.meta.layers.attention import Attention
from polytask.meta.layers.networks import mlp
from polytask.meta.model.cnp import mean_of_known
from polytask.meta.model.gaussian import (
    Context,
    Gaussian,
    GaussianLearner,
    bounded_gaussian,
    check_sizes,
    mean_of_labels,
)

__all__ = ["NP"]


class NP(GaussianLearner):
    r"""Neural process, or attentive neural process.

    The support gives a distribution of a latent vector:

    .. math:: z \sim q(z \mid C) = \mathcal{N}(m_C, s_C^2) \qquad (\mu_*, \sigma_*) = g(x_*, z, r_*)

    where only the attentive one has :math:`r_*`, as `CANP` has it. Training minimizes the negative evidence
    bound of the query :math:`T`, per value of its n, with :math:`z \sim q(z \mid C, T)`:

    .. math:: -\frac{1}{n} \left( \sum_{i \in T} \log \mathcal{N}(y_i \mid \mu_i, \sigma_i^2)
              - \mathrm{KL}\left[ q(z \mid C, T) \,\Vert\, q(z \mid C) \right] \right)

    In training mode :math:`z` is drawn once; in evaluation mode it is the mean, so that answers repeat, and
    their standard deviations lack what is not known of :math:`z`. `draw` gives one function of those that the
    support allows.

    Args:
        n_inputs: Numbers in an input.
        n_outputs: Outputs of every task.
        attentive: Whether queries also attend to the examples.
        width: Width of all layers.
        n_latent: Length of :math:`z`.
        encoder_depth: Linear layers that read an example, for :math:`z` and for :math:`r_*` each.
        key_depth: Linear layers that make queries and keys of inputs.
        decoder_depth: Linear layers of :math:`g`.
        n_heads: Heads of the attention; divides ``width``.
        min_std: Lower bound of the standard deviations of answers.

    Raises:
        InputError: A size is below 1, ``min_std`` not in (0, 1), or the heads do not divide the width.

    Example:
        >>> from polytask.core import Batch, Task, generator
        >>> task = Task(name="y", kind="regression")
        >>> support = Batch(inputs=torch.randn(10, 1), targets={"y": torch.randn(10)})
        >>> learner = NP(1)
        >>> known = learner.adapt([task], support).state
        >>> function = learner.predictor([task], learner.draw(known, generator(0)))
        >>> function(torch.zeros(5, 1))["y"].shape
        torch.Size([5, 1])

    When to use:
        As `CNP` where whole functions are to be drawn, not each value by itself. Harder to train;
        judged by draws.

    References:
        Garnelo et al. Neural Processes. 2018, arXiv:1807.01622; Kim et al. Attentive Neural Processes. ICLR
        2019, arXiv:1901.05761. The standard deviation of the latent vector lies in (0.1, 1), as in the
        authors' code. Differs: no self-attention among the examples; the bound is of the query alone, where
        the papers put the support among the targets. Sizes are of the order of the papers', not theirs.
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int = 1,
        *,
        attentive: bool = False,
        width: int = 128,
        n_latent: int = 128,
        encoder_depth: int = 4,
        key_depth: int = 2,
        decoder_depth: int = 3,
        n_heads: int = 8,
        min_std: float = 0.1,
    ) -> None:
        sizes = {"n_inputs": n_inputs, "n_outputs": n_outputs, "width": width, "n_latent": n_latent}
        depths = {"encoder_depth": encoder_depth, "key_depth": key_depth, "decoder_depth": decoder_depth}
        check_sizes("NP", min_std=min_std, **sizes, **depths)
        super().__init__(n_inputs=n_inputs, n_outputs=n_outputs)
        self.attentive = attentive
        self.min_std = min_std
        self.examples = mlp([n_inputs + n_outputs, *[width] * encoder_depth])
        self.latent = mlp([width, width, 2 * n_latent])
        n_read = n_inputs + n_latent + attentive * width
        self.decoder = mlp([n_read, *[width] * (decoder_depth - 1), 2 * n_outputs])
        if attentive:
            self.values = mlp([n_inputs + n_outputs, *[width] * encoder_depth])
            self.keys = mlp([n_inputs, *[width] * key_depth])
            self.attention = Attention(width, n_heads)

    def encode(self, context: Context) -> State:
        """Return the latent vector, its standard deviation, and what queries attend to."""
        latent = self.posterior(context)
        state = {"latent": latent.mean, "latent_std": latent.std}
        if self.attentive:
            values = self.values(torch.cat([context.x, context.y], dim=-1))  # [row, width]
            state |= {"keys": self.keys(context.x), "values": values, "known": context.known}
        return state

    def gaussian(self, state: State, x: Tensor) -> Gaussian:
        """See `GaussianLearner.answer`."""
        parts = [x, state["latent"].expand(len(x), -1)]
        if self.attentive:
            parts.append(self.attention(self.keys(x), state["keys"], state["values"], state["known"]))
        return bounded_gaussian(self.decoder(torch.cat(parts, dim=-1)), self.min_std)

    def draw(self, state: States, generator: torch.Generator) -> States:
        """Return the state of functions drawn from what is known: one for each task of a state.

        Args:
            state: What `learn` or `adapt` gave.
            generator: The only source of randomness.
        """
        drawn: States = {}
        for task, parts in state.items():
            std = parts["latent_std"]
            noise = torch.randn(std.shape, generator=generator, dtype=std.dtype).to(std.device)
            drawn[task] = parts | {"latent": parts["latent"] + std * noise}
        return drawn

    def negative_log_likelihood(self, support: Context, query: Context) -> Tensor:
        """Return the negative evidence bound per labelled value of a query, an upper bound; a scalar."""
        state = self.encode(support)
        prior = Gaussian(mean=state["latent"], std=state["latent_std"])
        posterior = self.posterior(_joined(support, query))
        drawn = posterior.mean
        if self.training:
            drawn = drawn + posterior.std * torch.randn_like(drawn)
        found = self.gaussian({**state, "latent": drawn}, query.x)
        n_labels = query.labels.sum().clamp(min=1)
        return mean_of_labels(-found.log_density(query.y), query) + divergence(posterior, prior) / n_labels

    def posterior(self, context: Context) -> Gaussian:
        """Return the distribution of the latent vector ``[n_latent]`` given the rows that count."""
        rows = self.examples(torch.cat([context.x, context.y], dim=-1))
        mean, rho = self.latent(mean_of_known(rows, context.known)).chunk(2, dim=-1)
        return Gaussian(mean=mean, std=0.1 + 0.9 * functional.sigmoid(rho))


def divergence(left: Gaussian, right: Gaussian) -> Tensor:
    r"""Return the Kullback-Leibler divergence of independent normal distributions, a scalar.

    .. math:: \sum_j \log \frac{s'_j}{s_j} + \frac{s_j^2 + (m_j - m'_j)^2}{2 s_j'^2} - \frac{1}{2}

    Example:
        >>> one = torch.ones(1)
        >>> divergence(Gaussian(mean=one, std=one), Gaussian(mean=0 * one, std=one))
        tensor(0.5000)
    """
    ratio = (left.std / right.std).square()
    shift = ((left.mean - right.mean) / right.std).square()
    return 0.5 * (ratio + shift - 1 - ratio.log()).sum()


def _joined(left: Context, right: Context) -> Context:
    pairs = ((getattr(left, name), getattr(right, name)) for name in ("x", "y", "known", "labels"))
    x, y, known, labels = (torch.cat(pair) for pair in pairs)
    return Context(x=x, y=y, known=known, labels=labels)

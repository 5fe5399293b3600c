"""Logistic regression of a task's own rows, whose scales, penalty and sharpness are learned over tasks."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from polytask.core import Batch, EpisodicLearner, InputError, Task
from polytask.core.batch import Inputs
from polytask.core.learner import States
from polytask.meta.layers.full_precision import full_precision
from polytask.meta.model.class_labels import class_labels, class_outputs

__all__ = ["TunedLogistic", "multinomial_weights"]

_ABSENT = -1e9  # the logit of a class that no row shows: exp of it is 0, and a masked loss stays finite
_STEP_SIZES = (1.0, 0.5, 0.2, 0.05)  # of a Newton step; the one with the least loss is taken


class TunedLogistic(EpisodicLearner):
    r"""Multinomial logistic regression of the support, with what it takes as given learned over tasks.

    The features of a row are :math:`z = (s \odot x, b)`, the inputs times a scale each, and a constant. The
    weights of a task minimize

    .. math:: \frac{\lambda}{2} \lVert W \rVert^2 - \sum_i \log \operatorname{softmax}(W z_i)_{y_i}

    over the classes that its support shows, by steps of Newton's method from 0. The logits are
    :math:`\tau W z`. A class that no row shows has probability 0, and one that is shown alone probability 1.

    Scales :math:`s`, constant :math:`b`, penalty :math:`\lambda` and sharpness :math:`\tau` are learned as
    logarithms, through the steps. So without training this is logistic regression with :math:`\lambda =`
    ``penalty``, :math:`s = b = \tau = 1`. With many inputs systems have the size of the rows.

    Neither the order of the support nor which class has which number changes an answer. The state is, for
    each task, its weights ``[n_inputs + 1, class]``, scales and sharpness included, and which classes were
    shown.

    Args:
        n_inputs: Numbers of a row, which is flattened; best standardized.
        penalty: :math:`\lambda` before training, in squared units of the features.
        n_steps: Of Newton's method.
        pace: How many times its parameter each logarithm is: the rates and the weight decay of a network are
            made for weights far smaller than what a penalty may have to move.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> task = Task(name="y", kind="multiclass", n_outputs=3)
        >>> x = torch.tensor([[-2.0], [-1.0], [1.0], [2.0]])
        >>> support = Batch(inputs=x, targets={"y": torch.tensor([0, 0, 2, 2])})
        >>> shares = TunedLogistic(1).adapt([task], support)(torch.tensor([[-0.5], [0.5]]))["y"].softmax(-1)
        >>> shares.argmax(1).tolist(), shares[:, 1].tolist()
        ([0, 2], [0.0, 0.0])

    When to use:
        Many tasks with classes of their own, told apart by few numbers that mean the same in every task:
        needs few tasks, as it learns little of them. Borders are linear.

    References:
        Bertinetto, Henriques, Torr, Vedaldi. Meta-learning with differentiable closed-form solvers. ICLR
        2019, arXiv:1805.08136, section 3.2 (LR-D2), which learns an encoder, and has two classes. Here a
        scale for each input takes the encoder's place, and classes share one softmax. Newton's step for
        several classes: Rasmussen, Williams. Gaussian Processes for Machine Learning. MIT Press 2006,
        algorithm 3.3, written here without square roots, whose derivative at 0 is infinite, and with a
        choice of the size of each step.
    """

    inner_gradients = False

    def __init__(self, n_inputs: int, *, penalty: float = 1.0, n_steps: int = 10, pace: float = 10.0) -> None:
        problems = [
            f"`{name}` must be at least 1, got {value}"
            for name, value in (("n_inputs", n_inputs), ("n_steps", n_steps))
            if value < 1
        ]
        problems += [
            f"`{name}` must be above 0, got {value}"
            for name, value in (("penalty", penalty), ("pace", pace))
            if not 0 < value < math.inf
        ]
        if problems:
            raise InputError("TunedLogistic: " + "; ".join(problems) + ".")
        super().__init__()
        self.n_inputs = n_inputs
        self.n_steps = n_steps
        self.penalty, self.pace = penalty, pace
        self.scale = nn.Parameter(torch.zeros(n_inputs + 1))  # the last is the constant's
        self.ridge = nn.Parameter(torch.zeros(()))
        self.sharpness = nn.Parameter(torch.zeros(()))

    def learn(self, tasks: Sequence[Task], support: Batch) -> States:
        """Return the weights ``[n_inputs + 1, class]`` of every task, and which classes were shown.

        Raises:
            InputError: A task has no target, or no classes; or the inputs have another number of features.
        """
        rows = self._rows(support.inputs)
        state: States = {}
        with full_precision(rows):
            exact = rows if rows.device.type == "mps" else rows.double()  # a small penalty costs digits
            scale, ridge, sharpness = (
                (self.pace * one.to(exact.dtype)).exp() for one in (self.scale, self.ridge, self.sharpness)
            )
            units = scale / (self.penalty * ridge).sqrt()  # in which the penalty of the weights is 1/2
            features = exact * units
            for task in tasks:
                member, known = class_labels(type(self).__name__, task, support, max(task.n_outputs, 2))
                solved = multinomial_weights(features, member.to(exact.dtype), known, n_steps=self.n_steps)
                weights = sharpness * units[:, None] * solved  # [n_inputs + 1, class]
                state[task.name] = {"weights": weights.to(rows.dtype), "shown": member.sum(0) > 0}
        return state

    def predict(self, state: States, tasks: Sequence[Task], inputs: Inputs) -> dict[str, Tensor]:
        """Answer inputs ``[batch, ...]``: logits by task; -1e9 for classes that were not shown."""
        rows = self._rows(inputs)
        found = {}
        with full_precision(rows):
            for task in tasks:
                weights, shown = state[task.name]["weights"], state[task.name]["shown"]
                found[task.name] = class_outputs(task, torch.where(shown, rows @ weights, _ABSENT))
        return found

    def _rows(self, inputs: Inputs) -> Tensor:
        """Return the inputs with a constant, ``[batch, n_inputs + 1]``."""
        if not isinstance(inputs, Tensor) or math.prod(inputs.shape[1:]) != self.n_inputs:
            form = tuple(inputs.shape) if isinstance(inputs, Tensor) else type(inputs).__name__
            raise InputError(f"Inputs must be a tensor [batch, {self.n_inputs}], got {form}.")
        rows = inputs.flatten(1).to(torch.promote_types(inputs.dtype, self.scale.dtype))
        return functional.pad(rows, (0, 1), value=1.0)


def multinomial_weights(features: Tensor, member: Tensor, known: Tensor, *, n_steps: int) -> Tensor:
    r"""Solve a multinomial logistic regression with a penalty of 1/2 times the squared weights.

    Where that is cheaper, the weights are sought as :math:`Z^\top A`: then the logits of the rows are
    :math:`K A` with :math:`K = Z Z^\top`, and systems have the size of the rows.

    Args:
        features: :math:`Z`, ``[row, feature]``.
        member: 1 for the class of a row, else 0: ``[row, class]``; 0 for rows that do not count.
        known: Which rows count, bool ``[row]``.
        n_steps: Steps of Newton's method.

    Returns:
        The weights ``[feature, class]``; 0 for classes that no row shows.

    Example:
        >>> z, y = torch.tensor([[-1.0], [2.0]]), torch.eye(2)
        >>> w = multinomial_weights(z, y, torch.tensor([True, True]), n_steps=9)
        >>> torch.allclose(w, z.T @ (y - (z @ w).softmax(1)), atol=1e-6)  # where the derivative is 0
        True
    """
    n_rows, n_features = features.shape
    shown = member.sum(0) > 0  # [class]
    counts = known.to(features.dtype)
    dual = 4 * member.shape[1] * n_rows**3 < (n_features * member.shape[1]) ** 3
    design = features @ features.T if dual else features  # [row, unknown]
    solved = features.new_zeros(design.shape[1], member.shape[1])  # [unknown, class]
    for _ in range(n_steps):
        logits = design @ solved  # [row, class]
        shares = _log_shares(logits, shown).exp() * counts[:, None]
        newton = _dual_step if dual else _primal_step
        step = newton(design, shares, logits, member, counts) - solved
        with torch.no_grad():
            sizes = torch.tensor(_STEP_SIZES, dtype=features.dtype, device=features.device)
            tried = solved + sizes[:, None, None] * step  # [size, unknown, class]
            there = design @ tried  # [size, row, class]
            squares = (tried * (there if dual else tried)).sum((1, 2))
            losses = 0.5 * squares - (member * _log_shares(there, shown)).sum((1, 2))
            size = torch.where(losses == losses.amin(), sizes, 0.0).amax()
        solved = solved + size * step
    return features.T @ solved if dual else solved


def _log_shares(logits: Tensor, shown: Tensor) -> Tensor:
    return torch.where(shown, logits, _ABSENT).log_softmax(-1)


def _primal_step(design: Tensor, shares: Tensor, logits: Tensor, member: Tensor, _: Tensor) -> Tensor:
    """Return the weights ``[feature, class]`` that Newton's step leads to."""
    n_features, n_classes = design.shape[1], shares.shape[1]
    size = n_features * n_classes
    spread = (design[:, :, None] * shares[:, None, :]).flatten(1)  # [row, feature * class]
    of_class = design.T @ spread  # [feature, feature * class]
    same = torch.diag_embed(
        of_class.unflatten(1, (n_features, n_classes))
    )  # [feature, feature, class, class]
    hessian = same.transpose(1, 2).reshape(size, size) - spread.T @ spread
    identity = torch.eye(size, dtype=design.dtype, device=design.device)
    target = design.T @ _target(shares, logits, member)  # [feature, class]
    return torch.linalg.solve(hessian + identity, target.reshape(size, 1)).reshape(n_features, n_classes)


def _dual_step(gram: Tensor, shares: Tensor, logits: Tensor, member: Tensor, counts: Tensor) -> Tensor:
    """Return the factors ``[row, class]`` that Newton's step leads to."""
    identity = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    of_class = shares.T  # [class, row]
    # Of each class (K + D^-1)^-1, with D its shares: [class, row, row].
    inverse = torch.linalg.solve(identity + of_class[:, :, None] * gram, torch.diag_embed(of_class))
    target = _target(shares, logits, member)
    pulled = (inverse @ (gram @ target).T.unsqueeze(-1)).squeeze(-1)  # [class, row]
    outside = torch.diag_embed(1 - counts)  # rows that do not count: the system stays solvable
    common = torch.linalg.solve(inverse.sum(0) + outside, pulled.sum(0).unsqueeze(-1))  # [row, 1]
    return target - pulled.T + (inverse @ common).squeeze(-1).T


def _target(shares: Tensor, logits: Tensor, member: Tensor) -> Tensor:
    """Return the curvature times the logits, less the slope, ``[row, class]``."""
    return shares * (logits - (shares * logits).sum(1, keepdim=True)) + member - shares

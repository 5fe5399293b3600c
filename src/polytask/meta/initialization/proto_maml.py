"""ProtoMAML: the head starts at the prototypes of the support, then all of the network adapts."""

from collections.abc import Sequence
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional

from polytask.core import Batch, InputError, Task
from polytask.core.copied_module import module_copy
from polytask.core.learner import State
from polytask.meta.adaptation.gradient_learner import GradientLearner
from polytask.meta.adaptation.inner_options import InnerOptions
from polytask.meta.adaptation.rules.sgd import SGD
from polytask.meta.entry import BOTH, by_gradients, catalogued
from polytask.meta.layers.class_means import check_classes, class_means, membership
from polytask.meta.layers.normalization import normalize

__all__ = ["ProtoMAML"]


@catalogued(
    "proto-maml",
    "Triantafillou et al., ICLR 2020, arXiv:1903.03096",
    family="initialization",
    build=by_gradients(rate=0.01, steps=3, network=lambda task: task.encoder("group"), second_order=True),
    inner=BOTH,
)
class ProtoMAML(GradientLearner):
    r"""ProtoMAML.

    A linear head on the encoder starts at :math:`w_k = 2 c_k`, :math:`b_k = -\lVert c_k \rVert^2`, which are
    the logits of a prototypical network; then encoder and head make gradient steps on the support. So one
    learner serves any number of classes. The meta-gradient reaches the encoder through the prototypes as
    well.

    Args:
        encoder: Maps inputs to features ``[batch, ...]``, flattened here; its initialization is meta-learned.
        inner_rate: Learning rate of the inner steps.
        n_steps: Inner steps.
        second_order: Whether the meta-gradient goes through the inner gradients; the paper's is first-order.
        options: See `GradientLearner`.

    Raises:
        InputError: See `GradientLearner`; on adapting, a class has no example in the support.

    Example:
        >>> learner = ProtoMAML(nn.Linear(2, 4), n_steps=1)
        >>> support = Batch(inputs=torch.eye(2), targets={"kind": torch.tensor([0, 1])})
        >>> tasks = [Task(name="kind", kind="multiclass", n_outputs=2)]
        >>> learner.adapt(tasks, support).state[""]["head_weight"].shape
        torch.Size([2, 4])

    When to use:
        Classes in varying number, where steps should begin from what prototypes would say.

    References:
        Triantafillou et al. Meta-Dataset: A Dataset of Datasets for Learning to Learn from Few Examples. ICLR
        2020, arXiv:1903.03096, section 3. The numbers of inner steps and rates vary there.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        inner_rate: float = 0.1,
        n_steps: int = 5,
        second_order: bool = False,
        **options: Unpack[InnerOptions],
    ) -> None:
        super().__init__(
            _WithHead(encoder),
            rule=SGD(inner_rate),
            n_steps=n_steps,
            start=_prototypes,
            n_differentiated=None if second_order else 0,
            **options,
        )


class _WithHead(nn.Module):
    """An encoder with a linear head whose weights are always given from outside."""

    head_weight: Tensor
    head_bias: Tensor

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.register_buffer("head_weight", torch.zeros(0), persistent=False)
        self.register_buffer("head_bias", torch.zeros(0), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        return functional.linear(self.encoder(inputs).flatten(1), self.head_weight, self.head_bias)


def _prototypes(learner: GradientLearner, tasks: Sequence[Task], support: Batch) -> State:
    if len(tasks) != 1 or tasks[0].kind != "multiclass":
        raise InputError("ProtoMAML answers episodes of one multiclass task.")
    (task,) = tasks
    check_classes("ProtoMAML", task, support)
    model = learner.model
    if not isinstance(model, _WithHead):
        raise InputError("The start at the prototypes needs the model that `ProtoMAML` builds.")
    encoder = module_copy(model.encoder)
    normalize(encoder, learner.normalization)
    features = encoder(support.inputs).flatten(1)  # [batch, feature]
    centres = class_means(features, membership(task, support).to(features.dtype))  # [class, feature]
    parameters: State = {name: p for name, p in model.named_parameters() if name in learner.adapted}
    return parameters | {"head_weight": 2 * centres, "head_bias": -centres.square().sum(1)}

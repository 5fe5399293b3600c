"""Networks of a fitted model, tuned for one new target: copies, which learn on from where the model stands.

Every network of the model starts with its own layers and a head that was fitted on them as they are, so that
before the first step it predicts what the frozen one does. One copy for each fold learns from the other
folds, by which held-out rows tell how long to go on, and what tuning is worth; one more learns from all rows,
for as long, and is what is kept.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import Tensor

from polytask.core import Batch, Task
from polytask.core.random import seeded
from polytask.data.tables.folds import Fold
from polytask.fitting.few_label_heads import fit_head
from polytask.fitting.stacked_fit import fit_stack
from polytask.fitting.stacked_plan import Members, NetworkForm, StackStart
from polytask.models.network_stack import NetworkStack, StackedEnsemble
from polytask.models.table_config import TableConfig

__all__ = ["tune_networks"]

_EPOCHS, _PATIENCE = 100, 10
_SLOWER = 3.0  # the learning rate of the fit over that of tuning


def tune_networks(
    trunk: NetworkStack,
    around: StackedEnsemble,
    task: Task,
    rows: Batch,
    folds: Sequence[Fold],
    config: TableConfig,
    *,
    strength: float,
    seed: int,
) -> tuple[StackedEnsemble, Tensor]:
    """Tune copies of networks for one target.

    Args:
        trunk: The networks.
        around: The member of the model that they are in, which says how they read the features.
        task: The target.
        rows: Its labelled rows, encoded.
        folds: By which tuning is judged; each row is held out once.
        config: How the model was fitted.
        strength: How strongly heads are regularized, as `fit_head` chose it for the frozen networks.
        seed: Decides order and dropout.

    Returns:
        An ensemble of as many networks as there were, and what those that were not tuned on a row predict for
        it, ``[row, n_outputs]``.
    """
    everything = np.arange(len(rows))
    dealt = (*folds, Fold(train=everything, held_out=everything[:0]))
    n_networks = trunk.n_networks
    members = Members.joint([dealt] * n_networks, 1)
    form = NetworkForm(width=around.plan.width, depth=around.plan.depth, dropout=config.dropout, bins=0)
    slowly = replace(
        config,
        epochs=_EPOCHS,
        patience=_PATIENCE,
        learning_rate=config.learning_rate / _SLOWER,
    )
    start = StackStart(
        embedding=around.embedding, weights=_with_heads(trunk, around, task, rows, dealt, strength)
    )
    tuned = fit_stack([task], rows, members, form, slowly, start=start, seed=seed)
    ensemble = cast(StackedEnsemble, tuned.model)
    last = torch.arange(n_networks) * len(dealt) + len(folds)  # those that learned from all rows
    return _part(ensemble, task, last, seed=seed), tuned.predictions[task.name]


def _with_heads(
    trunk: NetworkStack,
    around: StackedEnsemble,
    task: Task,
    rows: Batch,
    folds: Sequence[Fold],
    strength: float,
) -> dict[str, Tensor]:
    """Repeat the networks for every fold, each with a head that its training rows alone have fitted."""
    with torch.inference_mode():
        represented = trunk.represent(around.embedding(cast(Tensor, rows.inputs))).double().numpy()
    labels = rows.targets[task.name].numpy()
    heads = [
        fit_head(task, one[fold.train], labels[fold.train], (), strength=strength)
        for one in represented
        for fold in folds
    ]
    weights = {name: value.repeat_interleave(len(folds), 0) for name, value in trunk.state_dict().items()}
    last = len(trunk.weights) - 1
    weights[f"weights.{last}"] = torch.from_numpy(np.stack([head.weight for head in heads])).float()
    weights[f"biases.{last}"] = torch.from_numpy(np.stack([head.bias[None] for head in heads])).float()
    return weights


def _part(ensemble: StackedEnsemble, task: Task, networks: Tensor, *, seed: int) -> StackedEnsemble:
    """Keep some networks of an ensemble of one target."""
    plan = replace(ensemble.plan, n_networks=len(networks))
    with seeded(seed, "part"):  # weights are drawn, and then replaced
        part = StackedEnsemble([task], len(plan.n_bins), plan)
    part.embedding = ensemble.embedding
    part.stacks[0].load_state_dict(
        {name: value[networks] for name, value in ensemble.stacks[0].state_dict().items()}
    )
    return part.eval()

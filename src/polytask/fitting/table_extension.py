"""Learn new targets of a table on what a fitted model has learned; its old answers stay as they are."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polytask.core import Batch, DataError, InputError, SharedModel, Task, derive_seed
from polytask.core.names import counted
from polytask.core.random import own_random_state
from polytask.core.warned import warn_all
from polytask.data.tables.folds import Fold, folds_of_rows
from polytask.data.tables.label_split import Labels
from polytask.data.tables.problems import problem_error
from polytask.data.tables.target_column import TargetColumn
from polytask.data.tables.target_labels import split_labels, target_messages
from polytask.data.tables.targets import fit_targets, name_clashes
from polytask.fitting.blending import blend
from polytask.fitting.few_label_heads import fit_head
from polytask.fitting.table_calibration import calibrate
from polytask.fitting.table_preparation import PreparedTable, labelled_rows
from polytask.fitting.table_verdict import constant_predictions, judge
from polytask.fitting.tuned_networks import tune_networks
from polytask.models.calibration import Calibration
from polytask.models.network_stack import NetworkStack, StackedEnsemble, weighted_prediction
from polytask.models.stack_plan import StackPlan, Stage
from polytask.models.table_config import TableConfig
from polytask.models.table_ensemble import TableEnsemble
from polytask.models.table_model import TableModel
from polytask.models.table_results import TaskResult
from polytask.train.progress import expect, part

__all__ = ["extend_model"]

_FOLDS = 10
_FEWEST = 4


def extend_model(
    model: TableModel, frame: pd.DataFrame, targets: Sequence[str], *, tune: bool = False, seed: int
) -> tuple[TableModel, tuple[TaskResult, ...]]:
    """Give a model further targets.

    Every network of the model gets a linear head for the new target on its frozen representation, and a
    linear model of the features alone is learned beside them. With ``tune`` copies of the networks are tuned
    for the new target, too. The weights of these, and how strongly each is regularized, are chosen by rows
    that are held out in turn.

    Intervals need no correction for averaging (`polytask.fitting.network_spread`): a held-out row is answered
    by the average of as many networks as a new one is, each with a head that this row, or its fold, has not
    taught, or tuned without it.

    Args:
        model: Made by `polytask.fit` with hard sharing.
        frame: Rows with the model's feature columns and the new targets, as `read_table` returns them.
        targets: As ``NAME`` or ``NAME:KIND``.
        tune: Whether copies of the networks are tuned.
        seed: Decides the folds, and how copies are tuned.

    Returns:
        The extended model, and for each new target its figures: ``joint`` of what is kept, ``baseline`` of
        the linear model of the features alone.

    Raises:
        InputError: The model has no networks to extend, or has the column already, as target or feature.
        DataError: A target has too few labels, or cannot be learned.
    """
    if not isinstance(model, TableModel):
        raise InputError(
            f"What shall be extended is of type {type(model).__name__}, not a table model. Give what "
            "polytask.fit or polytask.load returns; an estimator holds it as model_."
        )
    added = _extended_before(model)
    stacks = _stacks(model.learner, without=added) if isinstance(model.learner, TableEnsemble) else []
    if not isinstance(model.learner, TableEnsemble) or not stacks:
        raise InputError(
            "The model cannot be extended: it has no networks of hard sharing. Fit it with the default "
            "`architecture` and `balancing`."
        )
    labels = split_labels(frame, targets)
    fitted = fit_targets(frame, targets, train_rows=labelled_rows(labels, len(frame)))
    _check_new(model, fitted)
    inputs, report = model.encoder.transform(frame)
    warn_all((*report.messages(fitting=False), *target_messages(frame, fitted, asked=targets)), stacklevel=3)
    learner, calibration, results = model.learner, model.calibration, []
    expect([1.0] * len(fitted))
    for target in fitted:
        values, mask = target.encode(frame[target.task.name])
        rows = mask.nonzero().squeeze(1)
        if len(rows) < _FEWEST:
            raise DataError(
                f"Target {target.task.name!r} has {counted(len(rows), 'label')}, but {_FEWEST} are needed to "
                "learn it and to judge what was learned. Label more rows."
            )
        part(target.task.name)
        one = _one_target(model, target, inputs[rows], values[rows], rows.numpy(), seed=seed)
        with own_random_state():  # networks are built with weights that are drawn, and then replaced
            chosen = _extended(stacks, one, model.config if tune else None, seed=seed)
        results.append(chosen.result)
        learner = _joined(learner, target.task, chosen)
        calibration = _calibrated(calibration, chosen.calibration)
    data = {**model.data, "extended": [*added, *(target.task.name for target in fitted)]}
    extended = TableModel(
        learner,
        model.encoder,
        (*model.targets, *fitted),
        config=model.config,
        data=data,
        results=model.results,
        calibration=calibration,
    )
    return extended, tuple(results)


def _extended_before(model: TableModel) -> list[str]:
    """Return the targets that the model was given after it was fitted."""
    recorded = model.data.get("extended")
    return [name for name in recorded if isinstance(name, str)] if isinstance(recorded, list) else []


def _stacks(learner: TableEnsemble, *, without: Sequence[str]) -> list[StackedEnsemble]:
    """Return the members that have layers to share.

    Those that only answer targets of an earlier extension have the layers of others: taken too, every
    extension would double the networks, and what is learned would hang on what was learned before.
    """
    return [
        one
        for one in learner.members
        if isinstance(one, StackedEnsemble) and one.plan.depth and not set(one.plan.targets) <= set(without)
    ]


def _check_new(model: TableModel, fitted: Sequence[TargetColumn]) -> None:
    """Refuse what the model has already, as a target or as a feature.

    Raises:
        InputError: A target is no new one.
        DataError: Two columns of answers would have the same name.
    """
    names = [target.task.name for target in fitted]
    known = {target.task.name for target in model.targets}
    if twice := [name for name in names if name in known]:
        raise InputError(
            f"The model has a target {', '.join(map(repr, twice))} already. Rename the new column, or fit "
            "anew."
        )
    features = {encoding.name for encoding in model.encoder.encodings}
    if read := [name for name in names if name in features]:
        raise InputError(
            f"The model reads {', '.join(map(repr, read))} as a feature, so it would predict the column from "
            "itself. Name another target, or fit anew with it among the targets."
        )
    if clashes := name_clashes([*model.targets, *fitted]):
        raise problem_error(clashes)


def _one_target(
    model: TableModel,
    target: TargetColumn,
    inputs: Tensor,
    values: Tensor,
    positions: np.ndarray,
    *,
    seed: int,
) -> PreparedTable:
    """Prepare the labelled rows of one target."""
    name = target.task.name
    codes = values.numpy().astype(np.int64) if target.classes else np.zeros(len(values), dtype=np.int64)
    folds = folds_of_rows(
        len(values), n_folds=_FOLDS, seed=derive_seed(seed, "extend", name), labels=[Labels(codes=codes)]
    )
    return PreparedTable(
        encoder=model.encoder,
        targets=(target,),
        rows=Batch(
            inputs=inputs,
            targets={name: values},
            masks={name: torch.ones(len(values), dtype=torch.bool)},
        ),
        indices=positions,
        repeats=(folds,),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extension:
    """What is added for one target: members with their weights, and what held-out rows say of them."""

    members: list[StackedEnsemble]
    shares: tuple[float, ...]
    result: TaskResult
    calibration: Calibration


def _extended(
    stacks: Sequence[StackedEnsemble], one: PreparedTable, tuned_as: TableConfig | None, *, seed: int
) -> _Extension:
    """Learn one target on the networks of the model, and on copies that are tuned as settings say."""
    (task,), folds = one.tasks, one.repeats[0]
    inputs = cast(Tensor, one.rows.inputs)
    labels = one.rows.targets[task.name].numpy()
    candidates, kinds = [], []
    for index, stack in enumerate(stacks):
        trunk, step = _fullest_stage(stack)
        frozen, held_out, strength = _with_heads(stack, trunk, step, task, inputs, labels, folds)
        candidates.append((frozen, held_out))
        kinds.append("frozen")
        if tuned_as is not None:
            seed_of = derive_seed(seed, "tune", task.name, index)
            candidates.append(
                tune_networks(trunk, stack, task, one.rows, folds, tuned_as, strength=strength, seed=seed_of)
            )
            kinds.append("tuned")
    candidates.append(_linear(task, inputs, labels, folds))
    kinds.append("linear")
    answers = [{task.name: held_out} for _, held_out in candidates]
    chosen = blend([task], one.rows, answers, folds)
    own = {task.name: candidates[-1][1]}
    blocks_of = derive_seed(seed, "blocks")
    (result,) = judge(one, chosen.predictions, own, constant_predictions(one), seed=blocks_of)
    shares = chosen.weights[task.name]
    used = [index for index, share in enumerate(shares) if share]
    parts = dict.fromkeys(kinds, 0.0)
    for kind, share in zip(kinds, shares, strict=True):
        parts[kind] += share
    calibration, _ = calibrate(one, chosen.predictions, seed=blocks_of)
    return _Extension(
        members=[candidates[index][0] for index in used],
        shares=tuple(shares[index] for index in used),
        result=replace(result, parts=parts),
        calibration=calibration,
    )


def _calibrated(old: Calibration | None, new: Calibration) -> Calibration | None:
    """Add what is known of a new target; rows with labels of all targets are not known any more."""
    if old is None:
        return None
    return replace(old, targets={**old.targets, **new.targets}, together=None)


def _fullest_stage(stack: StackedEnsemble) -> tuple[NetworkStack, int]:
    """Return the networks that most targets read, and their step."""
    stages = stack.plan.stages
    index = max(range(len(stages)), key=lambda place: len(stages[place].targets))
    return cast(NetworkStack, stack.stacks[index]), stages[index].step


def _with_heads(
    stack: StackedEnsemble,
    trunk: NetworkStack,
    step: int,
    task: Task,
    inputs: Tensor,
    labels: np.ndarray,
    folds: Sequence[Fold],
) -> tuple[StackedEnsemble, Tensor, float]:
    """Give networks a head each; also return held-out predictions, and how strongly heads are regularized."""
    with torch.inference_mode():
        represented = trunk.represent(stack.embedding(inputs)).double().numpy()  # [network, row, unit]
    first = fit_head(task, represented[0], labels, folds)  # networks of one form need one strength
    heads = [first, *(fit_head(task, one, labels, folds, strength=first.strength) for one in represented[1:])]
    plan = replace(stack.plan, stages=(Stage(step=step, targets=(task.name,)),))
    part = StackedEnsemble([task], len(plan.n_bins), plan)
    part.embedding = copy.deepcopy(stack.embedding)  # weights of a file are nobody else's
    weights = dict(trunk.state_dict())
    last = len(trunk.weights) - 1
    weights[f"weights.{last}"] = torch.from_numpy(np.stack([head.weight for head in heads])).float()
    weights[f"biases.{last}"] = torch.from_numpy(np.stack([head.bias[None] for head in heads])).float()
    part.stacks[0].load_state_dict(weights)
    held_out = torch.from_numpy(np.stack([head.held_out for head in heads])).float()
    return part.eval(), weighted_prediction(task, held_out), first.strength


def _linear(
    task: Task, inputs: Tensor, labels: np.ndarray, folds: Sequence[Fold]
) -> tuple[StackedEnsemble, Tensor]:
    """Learn a linear model of the features alone."""
    head = fit_head(task, inputs.double().numpy(), labels, folds)
    plan = StackPlan(
        n_networks=1,
        width=1,
        depth=0,
        n_bins=(0,) * inputs.shape[1],
        stages=(Stage(step=0, targets=(task.name,)),),
    )
    part = StackedEnsemble([task], inputs.shape[1], plan)
    part.stacks[0].load_state_dict(
        {
            "weights.0": torch.from_numpy(head.weight[None]).float(),
            "biases.0": torch.from_numpy(head.bias[None, None]).float(),
        }
    )
    return part.eval(), torch.from_numpy(head.held_out).float()


def _joined(learner: TableEnsemble, task: Task, added: _Extension) -> TableEnsemble:
    """Add members that answer one more target, and nothing else."""
    n_old = len(learner.members)
    weights = {name: (*old, *(0.0,) * len(added.members)) for name, old in learner.weights.items()}
    weights[task.name] = ((0.0,) * n_old) + added.shares
    old = cast("list[SharedModel | StackedEnsemble]", list(learner.members))
    return TableEnsemble((*learner.tasks, task), [*old, *added.members], weights).eval()

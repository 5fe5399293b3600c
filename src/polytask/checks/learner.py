"""The contract of a learner."""

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace

import torch
from torch import Tensor

from polytask.checks.failures import Failures, same
from polytask.core import Batch, Episode, EpisodicLearner, Learner, Objectives, private_parameters, seeded
from polytask.core.batch import batch_size, join_batches, map_inputs
from polytask.core.learner import Execution, run_loop
from polytask.execution.forward import run_forward

__all__ = ["check_learner"]


def check_learner(learner: Learner, episodes: Sequence[Episode]) -> None:
    """Check a learner of your own against everything that training, evaluation and serving rely on.

    The objectives are a finite vector with distinct names that some parameter can reduce; they repeat; a
    task's gradient never reaches another task's private parameters; a missing label, of the query or of the
    support, counts for nothing. A learner that says it takes no ``inner_gradients`` has the same gradient
    where episodes run at once. Adaptation changes nothing in the learner, works without gradients, answers
    with the right shapes, and (unless the learner says ``transductive``) answers every row alone as in a
    batch. Several threads may adapt and ask one learner at a time, in whatever mode it is.

    Args:
        learner: The learner; it is copied, not changed.
        episodes: A step that it can train on: 2 or more query rows, every task labelled, and support
            where needed.

    Raises:
        ConformanceError: Something does not hold; the message lists all of it.

    Example:
        >>> from polytask.core import SharedModel, Task
        >>> from polytask.architectures import HardSharing
        >>> task = Task(name="y", kind="regression")
        >>> learner = SharedModel([task], HardSharing(torch.nn.Linear(2, 4)), {"y": torch.nn.Linear(4, 1)})
        >>> query = Batch(inputs=torch.rand(5, 2), targets={"y": torch.rand(5)})
        >>> check_learner(learner, [Episode(tasks=(task,), query=query)])
    """
    failures = Failures(type(learner).__name__)
    learner = copy.deepcopy(learner)
    learner.train()
    _check_objectives(learner, episodes, failures)
    _check_private(learner, episodes, failures)
    _check_missing_labels(learner, episodes, failures)
    learner.zero_grad(set_to_none=True)
    learner.eval()
    _check_inner_gradients(learner, episodes, failures)
    for episode in episodes[:2]:
        _check_adaptation(learner, episode, failures)
        _check_predictions(learner, episode, failures)
        _check_unlabelled_support(learner, episode, failures)
    _check_threads(learner, episodes[:2], failures)
    failures.raise_if_any()


def _objectives(learner: Learner, episodes: Sequence[Episode]) -> Objectives:
    with seeded(0, "check"):
        return learner.objectives(episodes)


def _check_objectives(learner: Learner, episodes: Sequence[Episode], failures: Failures) -> None:
    buffers = {name: buffer.clone() for name, buffer in learner.named_buffers()}
    found = _objectives(learner, episodes)
    failures.expect(len(found) > 0, "`objectives` is empty although every task has labels")
    failures.expect(len(set(found.names)) == len(found.names), f"objective names repeat: {found.names}")
    failures.expect(bool(found.values.isfinite().all()), f"objectives are not finite: {found.by_name()}")
    for name, buffer in learner.named_buffers():  # running statistics may move; put them back to compare
        buffer.data.copy_(buffers[name])
    again = _objectives(learner, episodes)
    failures.expect(
        same(found.values.detach(), again.values.detach()),
        "`objectives` gives other values for the same episodes, parameters and seed",
    )
    parameters = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    if parameters and failures.expect(again.values.requires_grad, "`objectives` is not differentiable"):
        gradients = torch.autograd.grad(again.total(), parameters, allow_unused=True)
        reached = [gradient for gradient in gradients if gradient is not None]
        failures.expect(any(bool((g != 0).any()) for g in reached), "no parameter gets a gradient")
        failures.expect(all(bool(g.isfinite().all()) for g in reached), "a gradient is not finite")


def _check_private(learner: Learner, episodes: Sequence[Episode], failures: Failures) -> None:
    private = private_parameters(learner)
    found = _objectives(learner, episodes)
    for value, name in zip(found.values, found.names, strict=True):
        for owner, parameters in private.items():
            if owner == name or name not in private:
                continue
            gradients = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
            leaks = any(gradient is not None and bool((gradient != 0).any()) for gradient in gradients)
            failures.expect(
                not leaks, f"the gradient of task {name!r} reaches private parameters of {owner!r}"
            )


def _check_missing_labels(learner: Learner, episodes: Sequence[Episode], failures: Failures) -> None:
    """A poisoned label under a False mask must change nothing; neither must a task without any label."""
    poisoned = [replace(episode, query=_poisoned(episode.query)) for episode in episodes]
    masked = [replace(episode, query=_masked(episode.query)) for episode in episodes]
    before, after = _objectives(learner, masked), _objectives(learner, poisoned)
    failures.expect(
        same(before.values.detach(), after.values.detach()),
        "what stands under a False mask changes the objectives",
    )
    parameters = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    if parameters and after.values.requires_grad:
        gradients = torch.autograd.grad(after.total(), parameters, allow_unused=True)
        finite = all(g is None or bool(g.isfinite().all()) for g in gradients)
        failures.expect(finite, "NaN under a False mask reaches a gradient")
    private = private_parameters(learner)
    for absent in private:
        others = [episode for episode in episodes if any(task.name != absent for task in episode.tasks)]
        silent = [replace(episode, query=_without(episode.query, absent)) for episode in others]
        if not any(episode.query.targets for episode in silent):
            continue
        found = _objectives(learner, [e for e in silent if any(e.query.n_labels(t.name) for t in e.tasks)])
        if not failures.expect(absent not in found.names, f"{absent!r} has an objective without any label"):
            continue
        gradients = torch.autograd.grad(found.values.sum(), private[absent], allow_unused=True)
        failures.expect(
            all(gradient is None for gradient in gradients),
            f"without labels of {absent!r} its private parameters still get a gradient; it must be None, as "
            "a zero one moves them under momentum",
        )


def _check_inner_gradients(learner: Learner, episodes: Sequence[Episode], failures: Failures) -> None:
    """Run at once, a learner that says it takes no gradient itself must have the gradient of the loop."""
    if not isinstance(learner, EpisodicLearner) or learner.inner_gradients:
        return
    alone, at_once = (_gradient(learner, [episodes[0]] * 2, run) for run in (run_loop, run_forward))
    if alone is not None and at_once is not None:
        failures.expect(
            bool((alone - at_once).norm() <= 1e-3 * alone.norm()),
            "`inner_gradients` is False, but its gradient is another where episodes run at once; a learner "
            "that takes gradients as it learns says True",
        )


def _gradient(learner: EpisodicLearner, episodes: Sequence[Episode], execution: Execution) -> Tensor | None:
    """Return the gradient by all parameters; None where an operation cannot be run so."""
    parameters = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    if not parameters:
        return None
    try:
        with seeded(0, "check"):
            total = learner.objectives(episodes, execution=execution).total()
        gradients = torch.autograd.grad(total, parameters, allow_unused=True, materialize_grads=True)
    except RuntimeError:
        return None
    return torch.cat([gradient.reshape(-1) for gradient in gradients])


def _check_adaptation(learner: Learner, episode: Episode, failures: Failures) -> None:
    before = copy.deepcopy(learner.state_dict())
    state = torch.random.get_rng_state()
    modes = [module.training for module in learner.modules()]
    plain = learner.adapt(episode.tasks, episode.support)
    answers = plain(episode.query.inputs)
    failures.expect(
        torch.equal(state, torch.random.get_rng_state()), "`adapt` draws from the global generator"
    )
    failures.expect(modes == [module.training for module in learner.modules()], "`adapt` changes the mode")
    failures.expect(all(p.grad is None for p in learner.parameters()), "`adapt` leaves gradients behind")
    changed = [name for name, value in learner.state_dict().items() if not same(value, before[name])]
    failures.expect(not changed, f"`adapt` changes the learner: {', '.join(changed)}")
    failures.expect(
        not any(tensor.requires_grad for parts in plain.state.values() for tensor in parts.values()),
        "the adapted state is not detached",
    )
    contexts: dict[str, Callable[[], AbstractContextManager[object]]] = {
        "torch.no_grad": torch.no_grad,
        "torch.inference_mode": torch.inference_mode,
    }
    for name, context in contexts.items():
        try:
            with context():
                found = learner.adapt(episode.tasks, episode.support)(episode.query.inputs)
        except RuntimeError as error:
            failures.expect(False, f"`adapt` fails under {name}: {error}")
            continue
        equal = all(same(found[task].detach(), answers[task].detach(), tolerance=1e-5) for task in answers)
        failures.expect(equal, f"`adapt` gives other answers under {name}")


def _check_predictions(learner: Learner, episode: Episode, failures: Failures) -> None:
    predictor = learner.adapt(episode.tasks, episode.support)
    n_rows = batch_size(episode.query.inputs)
    answers = predictor(episode.query.inputs)
    for task in episode.tasks:
        if not failures.expect(task.name in answers, f"there is no prediction for task {task.name!r}"):
            continue
        shape = tuple(answers[task.name].shape)
        failures.expect(
            shape == (n_rows, task.n_outputs),
            f"the prediction of {task.name!r} has shape {shape}, not {(n_rows, task.n_outputs)}",
        )
        failures.expect(
            bool(answers[task.name].isfinite().all()), f"predictions of {task.name!r} are not finite"
        )
    if isinstance(learner, EpisodicLearner) and learner.transductive:
        return
    rows = [predictor(map_inputs(lambda x, i=i: x[i : i + 1], episode.query.inputs)) for i in range(n_rows)]
    for name, answer in answers.items():
        alone = torch.cat([row[name] for row in rows])
        failures.expect(
            alone.shape == answer.shape and same(alone.detach(), answer.detach(), tolerance=1e-4),
            f"a row of {name!r} is answered otherwise alone than in a batch; set `transductive` if that is "
            "meant",
        )


def _check_unlabelled_support(learner: Learner, episode: Episode, failures: Failures) -> None:
    """What stands under a False mask of the support must change no answer."""
    if episode.support is None:
        return
    more = join_batches([episode.support, episode.support.rows(slice(1))])  # its last row has a twin
    answers = [
        learner.adapt(episode.tasks, support)(episode.query.inputs)
        for support in (_masked(more), _poisoned(more))
    ]
    equal = all(same(answers[0][name].detach(), answers[1][name].detach()) for name in answers[0])
    failures.expect(equal, "what stands under a False mask of the support changes the answers")


def _check_threads(learner: Learner, episodes: Sequence[Episode], failures: Failures) -> None:
    """Threads that share a learner must get the answers that one alone gets, and leave it as it was."""

    def answer(episode: Episode) -> dict[str, Tensor]:
        return learner.adapt(episode.tasks, episode.support)(episode.query.inputs)

    alone = [answer(episode) for episode in episodes]
    learner.train()  # a predictor does not depend on it
    before, modes = copy.deepcopy(learner.state_dict()), [part.training for part in learner.modules()]
    with ThreadPoolExecutor(4) as pool:
        tried = [(place, pool.submit(answer, episode)) for place, episode in [*enumerate(episodes)] * 2]
    errors = [error for _, future in tried if (error := future.exception()) is not None]
    if not failures.expect(not errors, f"`adapt` fails in threads: {errors[:1]}"):
        return
    n_others = sum(
        any(
            not same(found.detach(), alone[place][name].detach(), tolerance=1e-4)
            for name, found in future.result().items()
        )
        for place, future in tried
    )
    failures.expect(
        n_others == 0,
        f"{n_others} of {len(tried)} answers are others in threads, or while the learner is in training "
        "mode; compute on a `module_copy` with `training=False`",
    )
    changed = [name for name, value in learner.state_dict().items() if not same(value, before[name])]
    failures.expect(not changed, f"`adapt` in threads changes the learner: {', '.join(changed)}")
    unchanged = modes == [part.training for part in learner.modules()]
    failures.expect(unchanged, "`adapt` in threads changes the mode")
    learner.eval()


def _masked(batch: Batch) -> Batch:
    """Take the label of the last row away from every task."""
    masks = {}
    for name, target in batch.targets.items():
        everywhere = torch.ones(len(batch), dtype=torch.bool, device=target.device)
        mask = batch.masks.get(name, everywhere).clone()
        mask[-1] = False
        masks[name] = mask if mask[:-1].any() else batch.masks.get(name, torch.ones_like(mask))
    return replace(batch, masks=masks)


def _poisoned(batch: Batch) -> Batch:
    """Put NaN, or another class, where `_masked` says there is no label."""
    masked = _masked(batch)

    def poison(name: str, target: Tensor) -> Tensor:
        hidden = ~masked.masks[name]
        if hidden.ndim < target.ndim:
            hidden = hidden.unsqueeze(-1).expand_as(target)
        bad = (
            torch.full_like(target, float("nan")) if target.is_floating_point() else torch.zeros_like(target)
        )
        return torch.where(hidden, bad, target)

    return replace(masked, targets={name: poison(name, target) for name, target in batch.targets.items()})


def _without(batch: Batch, absent: str) -> Batch:
    return batch.only(name for name in batch.targets if name != absent)

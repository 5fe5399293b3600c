"""Losses of stacked outputs against torch, a network and a target at a time."""

import pytest
import torch
from torch.nn import functional

from polytask.core import Batch, Task
from polytask.data.tables.folds import Fold
from polytask.fitting.stacked_losses import StackedLosses, start_at_constants
from polytask.models.network_stack import NetworkStack

Y, K, M = (
    Task(name="y", kind="regression"),
    Task(name="k", kind="binary"),
    Task(name="m", kind="multiclass", n_outputs=3),
)


def rows(tasks, n: int = 12) -> Batch:
    draw = torch.Generator().manual_seed(0)
    targets = {
        "y": torch.randn(n, generator=draw),
        "k": torch.randint(0, 2, (n,), generator=draw).float(),
        "m": torch.randint(0, 3, (n,), generator=draw).float(),
    }
    masks = {task.name: torch.rand(n, generator=draw) < 0.7 for task in tasks}
    return Batch(inputs=torch.zeros(n, 1), targets={t.name: targets[t.name] for t in tasks}, masks=masks)


@pytest.mark.parametrize("tasks", [(Y, K, M), (M, Y, K), (Y,), (K,), (M,), (Y, M)])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_is_the_mean_over_targets_of_weighted_means_over_labelled_rows(tasks, weighted) -> None:
    data = rows(tasks)
    weights = torch.rand(12) if weighted else None
    losses = StackedLosses(tasks, data, weights, torch.device("cpu"))
    picked = torch.tensor([[0, 3, 4, 7, 8], [11, 2, 5, 6, 10]])
    outputs = torch.randn(2, 5, sum(task.n_outputs for task in tasks))
    found = losses(outputs, picked, torch.ones(2, len(tasks), dtype=torch.bool))
    for network in range(2):
        means, start = [], 0
        for task in tasks:
            answers, wanted = (
                outputs[network, :, start : start + task.n_outputs],
                data.targets[task.name][picked[network]],
            )
            start += task.n_outputs
            each = {
                "regression": lambda a, w: (a[:, 0] - w) ** 2,
                "binary": lambda a, w: functional.binary_cross_entropy_with_logits(
                    a[:, 0], w, reduction="none"
                ),
                "multiclass": lambda a, w: functional.cross_entropy(a, w.long(), reduction="none"),
            }[task.kind](answers, wanted)
            share = data.masks[task.name][picked[network]].float() * (
                1 if weights is None else weights[picked[network]]
            )
            means.append(float((each * share).sum() / share.sum().clamp(min=1e-12)))
        assert float(found[network]) == pytest.approx(sum(means) / len(means), rel=1e-5)


def test_closed_targets_do_not_count() -> None:
    losses = StackedLosses((Y, K, M), rows((Y, K, M)), None, torch.device("cpu"))
    picked, outputs = torch.arange(12).expand(2, -1), torch.randn(2, 12, 5, requires_grad=True)
    only_k = torch.tensor([[False, True, False]] * 2)
    losses(outputs, picked, only_k).sum().backward()
    assert outputs.grad is not None
    assert not outputs.grad[..., 0].any() and not outputs.grad[..., 2:].any() and outputs.grad[..., 1].any()
    assert not losses(outputs, picked, torch.zeros(2, 3, dtype=torch.bool)).any()


def test_sums_and_counts_are_of_judged_and_labelled_rows() -> None:
    data = rows((Y, K, M))
    losses = StackedLosses((Y, K, M), data, None, torch.device("cpu"))
    picked = torch.arange(12).expand(2, -1)
    judged = torch.stack([torch.arange(12) < 5, torch.arange(12) >= 5])
    outputs = torch.randn(2, 12, 5)
    each = losses.elements(outputs, picked)
    known = torch.stack([data.masks[name] for name in "ykm"], dim=1)
    counts, sums = losses.counts(picked, judged), losses.of_judged(outputs, picked, judged).sum(1)
    for network in range(2):
        counted = known & judged[network][:, None]
        assert torch.equal(counts[network], counted.sum(0).float())
        torch.testing.assert_close(sums[network], (each[network] * counted).sum(0))


def test_networks_start_at_the_constant_of_their_own_training_rows() -> None:
    data = rows((Y, K, M))
    folds = [
        Fold(train=torch.arange(8).numpy(), held_out=torch.arange(8, 12).numpy()),
        Fold(train=torch.arange(4, 12).numpy(), held_out=torch.arange(4).numpy()),
    ]
    stack = NetworkStack((Y, K, M), 1, n_networks=2, width=4, depth=0)
    start_at_constants(stack, (Y, K, M), data, folds)
    outputs = stack(data.inputs)[:, 0].detach()  # inputs are 0: what is left is the constant
    for network, fold in enumerate(folds):
        y, k, m = (data.targets[name][fold.train][data.masks[name][fold.train]] for name in "ykm")
        assert float(outputs[network, 0]) == pytest.approx(float(y.mean()), rel=1e-5)
        smoothed = (float(k.sum()) + 1) / (len(k) + 2)
        assert float(outputs[network, 1].sigmoid()) == pytest.approx(smoothed, rel=1e-5)
        counts = torch.bincount(m.long(), minlength=3) + 1
        torch.testing.assert_close(outputs[network, 2:].softmax(0), counts / counts.sum())


def test_they_start_at_weighted_constants() -> None:
    data = rows((Y, K, M))
    everything = [Fold(train=torch.arange(12).numpy(), held_out=torch.arange(0).numpy())]
    stack = NetworkStack((Y, K, M), 1, n_networks=1, width=4, depth=0)
    twice = torch.tensor([2.0, 1.0] * 6)
    start_at_constants(stack, (Y, K, M), data, everything, twice)
    found = stack(data.inputs)[0, 0]
    start_at_constants(
        stack,
        (Y, K, M),
        data.rows(torch.tensor([0, *range(12), 2, 4, 6, 8, 10])),
        [Fold(train=torch.arange(18).numpy(), held_out=torch.arange(0).numpy())],
    )
    torch.testing.assert_close(found, stack(data.inputs)[0, 0])


def test_outputs_that_a_network_does_not_learn_stay_as_they_are() -> None:
    data, fold = rows((Y, K, M)), Fold(train=torch.arange(8).numpy(), held_out=torch.arange(8, 12).numpy())
    stack = NetworkStack((Y, K, M), 1, n_networks=2, width=4, depth=0)
    drawn = stack(data.inputs)[:, 0].detach()
    learns = torch.tensor([[True, False, False], [False, True, True]])
    start_at_constants(stack, (Y, K, M), data, [fold, fold], learns=learns)
    changed = stack(data.inputs)[:, 0].detach() != drawn
    assert changed[:, :2].tolist() == [[True, False], [False, True]]
    assert not bool(changed[0, 2:].any()) and bool(changed[1, 2:].all())


def test_a_network_without_labels_starts_at_no_answer() -> None:
    data = rows((Y, K, M))
    data.masks["y"][:8] = False
    fold = Fold(train=torch.arange(8).numpy(), held_out=torch.arange(8, 12).numpy())
    stack = NetworkStack((Y, K, M), 1, n_networks=1, width=4, depth=0)
    start_at_constants(stack, (Y, K, M), data, [fold])
    assert float(stack(data.inputs)[0, 0, 0].detach()) == 0


def test_targets_count_as_much_as_their_weights_say_among_the_open_ones() -> None:
    data, given = rows((Y, K, M)), {"k": 3.0, "m": 0.5}
    picked, outputs = torch.arange(12).expand(2, -1), torch.randn(2, 12, 5)
    open_ = torch.tensor([[True, True, True], [True, False, True]])
    weighted = StackedLosses((Y, K, M), data, None, torch.device("cpu"), target_weights=given)
    plain = StackedLosses((Y, K, M), data, None, torch.device("cpu"))
    means = torch.stack([plain(outputs, picked, (torch.arange(3) == i).expand(2, -1)) for i in range(3)], 1)
    shares = torch.tensor([1.0, 3.0, 0.5]) * open_
    expected = (means * shares).sum(1) / shares.sum(1)
    torch.testing.assert_close(weighted(outputs, picked, open_), expected)
    assert not weighted(outputs, picked, torch.zeros(2, 3, dtype=torch.bool)).any()


def test_rows_that_are_drawn_count_alike_in_training_and_by_their_weights_where_they_judge() -> None:
    data, shares = rows((Y, K, M)), torch.rand(12)
    given = {"class_weights": {"k": (1.0, 3.0)}}
    plain, weighted, drawn = (
        StackedLosses((Y, K, M), data, weights, torch.device("cpu"), drawn=drawn, **given)
        for weights, drawn in ((None, False), (shares, False), (shares, True))
    )
    picked, outputs = torch.arange(12).expand(2, -1), torch.randn(2, 12, 5)
    judged, everything = torch.ones(2, 12, dtype=torch.bool), torch.ones(2, 3, dtype=torch.bool)
    assert torch.equal(drawn(outputs, picked, everything), plain(outputs, picked, everything))
    ours, theirs = (one.of_judged(outputs, picked, judged) for one in (drawn, weighted))
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(drawn.counts(picked, judged), weighted.counts(picked, judged))
    assert not torch.allclose(drawn.counts(picked, judged), plain.counts(picked, judged))


def test_losses_by_task_are_those_of_its_judged_and_labelled_rows() -> None:
    data = rows((Y, K, M))
    losses = StackedLosses((Y, K, M), data, None, torch.device("cpu"))
    picked, outputs = torch.stack([torch.arange(6), torch.arange(6, 12)]), torch.randn(2, 6, 5)
    judged = torch.arange(12).view(2, 6) != 4
    task = torch.tensor([0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2])
    sums, counts = losses.by_task(outputs, picked, judged, task)
    elements = losses.elements(outputs, picked).flatten(0, 1)  # [row, target]
    known = torch.stack([data.masks[name] for name in "ykm"], dim=1) & judged.flatten()[:, None]
    for one in range(3):
        ours = known & (task == one)[:, None]
        assert float(counts[one]) == int(ours.sum())
        assert float(sums[one]) == pytest.approx(float(elements[ours].sum()), rel=1e-5)

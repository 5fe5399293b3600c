"""SNAIL: against torch's own convolution and attention over whole sequences, masks, executions, messages."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from polytask.checks import check_learner
from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.execution import check_meta_gradient
from polytask.execution.forward import run_forward
from polytask.meta.model.snail import SNAIL
from polytask.meta.model.snail_blocks import CausalAttention, CausalConvolution

KIND = Task(name="kind", kind="multiclass", n_outputs=3)
SICK = Task(name="sick", kind="binary")


def small(**changes) -> SNAIL:
    arguments = {"n_classes": 4, "length": 8, "channels": 5, "attention": ((4, 3), (6, 2)), **changes}
    with seeded(0):
        return SNAIL(nn.Linear(2, 3), 3, **arguments)


def batch(n_rows: int, *path: str | int, masked: bool = False) -> Batch:
    draw = generator(0, *path)
    targets = {
        "kind": torch.randint(3, (n_rows,), generator=draw),
        "sick": torch.randint(2, (n_rows,), generator=draw).float(),
    }
    masks = {name: torch.rand(n_rows, generator=draw) > 0.4 for name in targets} if masked else {}
    return Batch(inputs=torch.randn(n_rows, 2, generator=draw), targets=targets, masks=masks)


def episode(*path: str | int, masked: bool = False) -> Episode:
    return Episode(
        tasks=(KIND, SICK),
        support=batch(7, *path, "support", masked=masked),
        query=batch(5, *path, "query", masked=masked),
    )


def whole_sequence(learner: SNAIL, sequence: Tensor) -> Tensor:
    """The network over a whole sequence ``[place, channel]``, by torch's convolution and attention."""
    for block in learner.blocks:
        if isinstance(block, CausalConvolution):
            kernel = torch.stack([block.earlier.weight, block.present.weight], dim=-1)
            padded = functional.pad(sequence.T[None], (block.dilation, 0))
            value, gate = functional.conv1d(padded, kernel, block.present.bias, dilation=block.dilation)[
                0
            ].T.chunk(2, dim=1)
            added = value.tanh() * gate.sigmoid()
        else:
            assert isinstance(block, CausalAttention)
            parts = (block.to_queries(sequence), block.to_keys(sequence), block.to_values(sequence))
            added = functional.scaled_dot_product_attention(*(part[None] for part in parts), is_causal=True)[
                0
            ]
        sequence = torch.cat([sequence, added], dim=1)
    return learner.head(sequence)


@pytest.mark.parametrize("n_support", [1, 2, 5, 7, 12])
def test_each_query_is_the_last_place_of_a_sequence_of_its_own(n_support: int) -> None:
    learner, support = small(), batch(n_support, "support")
    queries = torch.randn(4, 2, generator=generator(1))
    found = learner.adapt([KIND], support)(queries)["kind"]
    labels = functional.one_hot(support.targets["kind"], 4).float()
    known = torch.cat([learner.encoder(support.inputs), labels], dim=1)
    last = torch.cat([learner.encoder(queries), torch.zeros(4, 4)], dim=1)
    expected = torch.stack([whole_sequence(learner, torch.cat([known, row[None]]))[-1] for row in last])
    torch.testing.assert_close(found, expected[:, :3])


def test_the_convolutions_together_reach_over_the_sequence() -> None:
    for length in (2, 5, 8, 9, 26):
        blocks = small(length=length).blocks
        dilations = [block.dilation for block in blocks if isinstance(block, CausalConvolution)]
        assert dilations == [2**i for i in range(len(dilations))]
        assert sum(dilations) + 1 >= length > sum(dilations[:-1]) + 1


@pytest.mark.parametrize("mask", [[False, True, True, False, True, True], [True] + [False] * 5])
def test_examples_without_label_are_left_out_of_the_sequence(mask: list[bool]) -> None:
    learner, support = small().eval(), batch(6).only(["kind"])
    kept = torch.tensor(mask)
    targets = torch.where(kept, support.targets["kind"], 99)
    masked = Batch(inputs=support.inputs, targets={"kind": targets}, masks={"kind": kept})
    query = torch.randn(4, 2, generator=generator(1))
    found = learner.adapt([KIND], masked)(query)["kind"]
    torch.testing.assert_close(found, learner.adapt([KIND], support.rows(kept))(query)["kind"])


def test_training_draws_the_order_and_evaluation_takes_it_as_given() -> None:
    learner, support = small(), batch(7)
    learner.train()
    with seeded(1):
        drawn = [learner.learn([KIND], support)["kind"]["stream"] for _ in range(2)]
    assert not torch.equal(drawn[0], drawn[1])
    rows = [sorted(stream[:, :3].tolist()) for stream in drawn]
    assert rows[0] == rows[1] == sorted(learner.encoder(support.inputs).tolist())
    fixed = small(shuffle=False).train().learn([KIND], support)["kind"]["stream"]
    torch.testing.assert_close(fixed, learner.eval().learn([KIND], support)["kind"]["stream"])


def test_trained_it_tells_new_classes_apart() -> None:
    def step(index: int) -> list[Episode]:
        found = []
        for number in range(16):
            draw = generator(3, index, number)
            centres = 2 * torch.randn(3, 2, generator=draw)
            labels = torch.arange(12) % 3
            whole = Batch(
                inputs=centres[labels] + 0.3 * torch.randn(12, 2, generator=draw), targets={"kind": labels}
            )
            found.append(
                Episode(tasks=(KIND,), support=whole.rows(slice(6)), query=whole.rows(slice(6, None)))
            )
        return found

    with seeded(0):
        learner = SNAIL(
            nn.Identity(), 2, n_classes=3, length=7, channels=16, attention=((16, 16), (16, 16)),
        )  # fmt: skip
    optimizer = torch.optim.Adam(learner.parameters(), lr=5e-3)
    with seeded(1):
        for index in range(200):
            optimizer.zero_grad()
            learner.objectives(step(index), execution=run_forward).values.mean().backward()
            optimizer.step()
    right = [
        (
            learner.adapt(one.tasks, one.support)(one.query.inputs)["kind"].argmax(1)
            == one.query.targets["kind"]
        )
        for index in range(1000, 1004)
        for one in step(index)
    ]
    assert float(torch.cat(right).float().mean()) > 0.8


@pytest.mark.slow  # tests/test_conformance.py holds the executions against each other
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_are_right_in_every_execution(masked: bool) -> None:
    check_meta_gradient(small(shuffle=False), [episode(i, masked=masked) for i in (0, 3)]).raise_if_wrong()


def test_random_orders_differ_between_episodes_under_vmap() -> None:
    with seeded(0):
        values = run_forward(small().train(), [episode(0)] * 4)
    assert len(set(values.tolist())) > 1


def test_it_keeps_the_contract_of_learners() -> None:
    check_learner(small(), [episode(0), episode(1)])


def test_all_wrong_arguments_are_named_at_once() -> None:
    with pytest.raises(
        InputError, match=r"`n_classes` must be .* 1; `length` .* 1; `channels` .*; `attention`"
    ):
        small(n_classes=1, length=1, channels=0, attention=())


def test_features_of_another_width_are_refused() -> None:
    learner = SNAIL(nn.Identity(), 3, n_classes=3, length=5, channels=2, attention=((2, 2),))
    with pytest.raises(InputError, match="`encoder` gives 2 features, but `n_features` is 3"):
        learner.learn([KIND], batch(4))

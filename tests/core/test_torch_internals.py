"""What we use of torch's private parts: each test names what a new torch has changed."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.func import grad, vmap
from torch.nn import functional

import polytask
from polytask.core.torch_internals import (
    TorchDispatchMode,
    compiled_operations,
    flattened,
    fused_adam_,
    has_hooks,
    inside_transform,
    leaves_of,
    mapped,
    operations_of,
    optimizer_is_watched,
    saved,
    storage_address,
    tensor_hooks,
    unflattened,
)

# Of every backward node whose gradients engines take apart: how it is called, and what it must have kept.
NODES = [
    ("AddmmBackward0", ("mat1", "mat2", "alpha", "beta")),
    ("MmBackward0", ("self", "mat2")),
    ("ConvolutionBackward0", ("input", "weight", "padding", "stride", "dilation", "groups", "transposed")),
    ("ReluBackward0", ("result",)),
    ("MaxPool2DWithIndicesBackward0", ("result1", "self", "padding", "stride", "kernel_size")),
    ("AvgPool2DBackward0", ("self", "padding", "stride", "kernel_size", "divisor_override")),
    ("MeanBackward1", ("dim", "self_sym_sizes")),
]


def _nodes() -> dict[str, torch.autograd.graph.Node]:
    x = torch.randn(2, 3, 4, 4, requires_grad=True)
    maps = functional.conv2d(x, torch.randn(5, 3, 3, 3, requires_grad=True))
    rows = torch.randn(4, 3, requires_grad=True)
    results = [
        functional.linear(rows, torch.randn(2, 3), torch.zeros(2)),
        functional.linear(rows, torch.randn(2, 3)),
        maps,
        maps.relu(),
        functional.max_pool2d(maps, 2),
        functional.avg_pool2d(maps, 2),
        maps.mean((2, 3)),
    ]
    return {result.grad_fn.name(): result.grad_fn for result in results}


@pytest.mark.parametrize(("name", "kept"), NODES, ids=[name for name, _ in NODES])
def test_backward_nodes_have_their_names_and_keep_what_engines_read(name, kept):
    found = _nodes()
    assert name in found, (
        f"torch {torch.__version__} calls the node of this operation otherwise: {list(found)}"
    )
    for part in kept:
        saved(found[name], part)


@pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() == "DEFAULT",
    reason="torch compiles for the processor at hand, but its headers go by ATEN_CPU_CAPABILITY",
)
def test_a_graph_is_compiled_and_reads_tensors_that_are_part_of_it_as_they_are():
    held = torch.tensor([1.0, 2.0])
    x = torch.tensor([3.0, 4.0])
    with torch.no_grad():
        program = compiled_operations(operations_of(lambda x: [x * held, x + held, x.sum()], x), [x])
        torch.testing.assert_close([*program(x)], [x * held, x + held, x.sum()])
        held.mul_(10)
        torch.testing.assert_close([*program(x)], [x * held, x + held, x.sum()])


def test_tensors_that_are_part_of_a_graph_are_given_to_its_program_as_they_are(monkeypatch):
    monkeypatch.setattr("torch._inductor.standalone_compile", lambda graph, _, dynamic_shapes: graph)
    held = torch.tensor([1.0, 2.0])
    x = torch.tensor([3.0, 4.0])
    program = compiled_operations(operations_of(lambda x: [x * held, x + held, x.sum()], x), [x])
    held.mul_(10)
    torch.testing.assert_close([*program(x)], [x * held, x + held, x.sum()])


def test_transforms_are_told():
    seen = []
    vmap(lambda x: seen.append(inside_transform()) or x)(torch.zeros(2))
    grad(lambda x: seen.append(inside_transform()) or x)(torch.tensor(1.0))
    assert seen == [True, True]
    assert not inside_transform()


def test_trees_come_back_from_their_leaves():
    tree = {"a": [torch.ones(2), (torch.zeros(1), 3)], "b": {}}
    leaves, form = flattened(tree)
    assert unflattened(leaves, form).keys() == tree.keys()
    assert [leaf is other for leaf, other in zip(leaves, leaves_of(tree), strict=True)] == [True] * 3
    assert mapped(lambda leaf: leaf * 2, {"a": torch.ones(1)})["a"].item() == 2


def test_the_operations_of_a_step_are_written_down_within_transforms():
    def step(x):
        return vmap(grad(lambda row: (row**3).sum()))(x)

    traced = operations_of(step, torch.ones(2, 2))
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert torch.equal(traced(x), 3 * x**2)


def test_hooks_and_shared_storages_are_seen():
    layer = nn.Linear(2, 2)
    assert not has_hooks(layer)
    layer.register_forward_hook(lambda *_: None)
    assert has_hooks(layer)
    x = torch.ones(4, requires_grad=True)
    assert not tensor_hooks(x)
    x.register_hook(lambda gradient: gradient)
    assert tensor_hooks(x)
    assert storage_address(x) == storage_address(x[1:]) != storage_address(x.clone())


def test_the_mode_sees_every_operation():
    class Names(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.append(func.overloadpacket.__name__)
            return func(*args, **(kwargs or {}))

    seen: list[str] = []
    with Names():
        torch.zeros(2).add(1)
    assert seen == ["zeros", "add"]


PACKAGE = Path(polytask.__file__).parent
DOOR = PACKAGE / "core" / "torch_internals.py"
UNPROMISED = re.compile(
    r"^from (torch[\w.]*?\.(?:_[a-zA-Z]|experimental).*|torch[\w.]* import .*\b_[a-zA-Z].*)"
    r"|(?<!`)\b((?:torch|nn)\.(?:[a-z]+\.)*(?:_[a-zA-Z]|experimental)[\w.]*)",  # not what a message quotes
    re.MULTILINE,
)


def test_only_the_door_uses_what_torch_does_not_promise():
    assert len(UNPROMISED.findall(DOOR.read_text())) > 3
    used = {
        str(file.relative_to(PACKAGE)): [found.group() for found in UNPROMISED.finditer(file.read_text())]
        for file in PACKAGE.rglob("*.py")
        if file != DOOR
    }
    assert not {file: names for file, names in used.items() if names}


def test_the_fused_update_is_that_of_adam_and_a_hook_is_noticed():
    weights = [nn.Parameter(torch.tensor([1.0, -2.0])) for _ in range(2)]
    for weight in weights:
        weight.grad = torch.tensor([0.5, 3.0])
    adams = [torch.optim.Adam([weight], lr=0.1, fused=True) for weight in weights]
    for adam in adams:
        adam.step()
        assert not optimizer_is_watched(adam)
    adams[0].step()
    state = adams[1].state[weights[1]]
    state["step"] += 1
    fused_adam_(adams[1].param_groups[0], [weights[1]], [state])
    assert torch.equal(*weights)
    adams[0].register_step_post_hook(lambda *_: None)
    assert optimizer_is_watched(adams[0])

"""The one door to what torch does not promise: its test names what a new torch breaks.

What is used, and what for:

- the stack of `torch.func` transforms: checks of values are skipped inside `vmap`, which does not know them;
- trees of tensors (pytree), to flatten nested dictionaries for a transform or a program and back;
- `make_fx`, which writes down all tensor operations of a function, the compiler of such a graph without the
  checks of its caller, where that keeps its programs, and how it forgets them;
- what backward nodes have saved of the forward pass, from which engines compute gradients of single tasks;
- the address of a storage, to count the bytes of tensors that share one;
- the mode that sees every operation as it is run, to count what is alive;
- the fused update of Adam and AdamW, and whether hooks or a profiler wait for an optimizer's step;
- the classes above batch and instance normalization of every number of dimensions;
- the class above dropout of every number of dimensions;
- the classes behind weight norm and spectral norm, as parametrizations and as the hooks of older code;
- the module that its compiler imports as the process ends.
"""

import contextlib
import importlib
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch._C._functorch import peek_interpreter_stack
from torch.autograd.graph import Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.modules.batchnorm import _BatchNorm as AnyBatchNorm
from torch.nn.modules.dropout import _DropoutNd as AnyDropout
from torch.nn.modules.instancenorm import _InstanceNorm as AnyInstanceNorm
from torch.nn.utils.parametrizations import _SpectralNorm as SpectralNorm
from torch.nn.utils.parametrizations import _WeightNorm as WeightNorm
from torch.nn.utils.spectral_norm import SpectralNorm as OldSpectralNorm
from torch.nn.utils.weight_norm import WeightNorm as OldWeightNorm
from torch.optim import Optimizer
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = [
    "AnyBatchNorm",
    "AnyDropout",
    "AnyInstanceNorm",
    "FUSED_WEIGHT_NORM",
    "OldSpectralNorm",
    "OldWeightNorm",
    "SpectralNorm",
    "TorchDispatchMode",
    "TreeForm",
    "WeightNorm",
    "compiled_operations",
    "flattened",
    "forget_programs",
    "fused_adam_",
    "has_hooks",
    "imported_for_the_end",
    "inside_transform",
    "leaves_of",
    "mapped",
    "modes_are_active",
    "operations_of",
    "optimizer_is_watched",
    "program_folder_of_torch",
    "saved",
    "storage_address",
    "tensor_hooks",
    "unflattened",
]

FUSED_WEIGHT_NORM = vars(torch)["_weight_norm"]
"""The function that both kinds of weight norm call."""

_FUSED_ADAM = {False: vars(torch)["_fused_adam_"], True: vars(torch)["_fused_adamw_"]}  # by kind of decay
_PROFILER_LISTENS = vars(torch.autograd)["_profiler_enabled"]
_COUNTS_OF_MODES = tuple(
    vars(vars(torch)["_C"])[name] for name in ("_len_torch_dispatch_stack", "_len_torch_function_stack")
)

TreeForm = _pytree.TreeSpec
"""What a tree of tensors looks like without its tensors."""


def inside_transform() -> bool:
    """Tell whether the caller runs inside a transform such as `torch.func.vmap` or `torch.func.grad`.

    Example:
        >>> inside_transform(), torch.func.vmap(lambda x: x + inside_transform())(torch.zeros(2)).tolist()
        (False, [1.0, 1.0])
    """
    return peek_interpreter_stack() is not None


def modes_are_active() -> bool:
    """Tell whether a mode of this thread sees or changes what torch does; other threads have none of it.

    Example:
        >>> with torch.device("cpu"):
        ...     modes_are_active()
        True
        >>> modes_are_active()
        False
    """
    return any(count() for count in _COUNTS_OF_MODES)


def flattened(tree: Any) -> tuple[list[Any], TreeForm]:
    """Return the leaves of nested dictionaries, lists and tuples, and the form that `unflattened` takes."""
    return _pytree.tree_flatten(tree)


def unflattened(leaves: Sequence[Any], form: TreeForm) -> Any:
    """Return the tree of this form with these leaves."""
    return _pytree.tree_unflatten(list(leaves), form)


def leaves_of(tree: Any) -> list[Any]:
    """Return the leaves of nested dictionaries, lists and tuples."""
    return _pytree.tree_leaves(tree)


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply a function to every leaf of a tree."""
    return _pytree.tree_map(function, tree)


def operations_of(function: Callable[..., Any], *inputs: Tensor) -> torch.fx.GraphModule:
    """Run a function once, and return the graph of all tensor operations that it made."""
    return make_fx(function)(*inputs)


def compiled_operations(
    graph: torch.fx.GraphModule, inputs: Sequence[Tensor]
) -> Callable[..., Sequence[Tensor]]:
    """Compile a graph that returns a flat list of tensors, for inputs of these very forms.

    Unlike `torch.compile`, the program that is returned does not look at what it is called with, nor read
    the graph by Python's bytecode first: a call is cheaper, and so is the start.
    """
    from torch._inductor import standalone_compile

    constants = _made_inputs(graph)
    program = standalone_compile(graph, [*inputs, *constants], dynamic_shapes="from_example_inputs")
    return (lambda *given: program(*given, *constants)) if constants else program


def _made_inputs(graph: torch.fx.GraphModule) -> list[Tensor]:
    """Turn tensors that are part of a graph into inputs of it, as they would be copied: they may change."""
    constants: dict[str, Tensor] = {}
    placeholders: dict[str, torch.fx.Node] = {}
    first = next(node for node in graph.graph.nodes if node.op != "placeholder")
    for node in list(graph.graph.nodes):
        held = operator.attrgetter(node.target)(graph) if node.op == "get_attr" else None
        if isinstance(held, Tensor):
            if node.target not in constants:
                with graph.graph.inserting_before(first):
                    placeholders[node.target] = graph.graph.placeholder(f"held_{len(constants)}")
                constants[node.target] = held
            node.replace_all_uses_with(placeholders[node.target])
            if node is first:
                first = node.next
            graph.graph.erase_node(node)
    graph.recompile()
    return list(constants.values())


def program_folder_of_torch() -> str:
    """Return where torch keeps what it compiles unless ``TORCHINDUCTOR_CACHE_DIR`` names a folder."""
    from torch._inductor.runtime.cache_dir_utils import default_cache_dir

    return default_cache_dir()


def forget_programs() -> None:
    """Forget what torch has read of compiled programs, so that it looks for them on disk again."""
    from torch._inductor.utils import clear_caches

    clear_caches()


def saved(node: Node, name: str) -> Any:
    """Return what a backward node has kept of the forward pass, e.g. ``"mat1"`` of ``AddmmBackward0``.

    Raises:
        AttributeError: It keeps nothing of this name.
        RuntimeError: It was freed by a backward pass.
    """
    return getattr(node, f"_saved_{name}")


def has_hooks(module: nn.Module) -> bool:
    """Tell whether functions are called around a module's own forward pass."""
    return bool(module._forward_hooks or module._forward_pre_hooks)


def tensor_hooks(tensor: Tensor) -> bool:
    """Tell whether functions are called on a tensor's gradient."""
    return bool(tensor._backward_hooks)


def optimizer_is_watched(optimizer: Optimizer) -> bool:
    """Tell whether functions, a profiler or a wrapped `step` wait for the steps of an optimizer."""
    return bool(
        optimizer._optimizer_step_pre_hooks
        or optimizer._optimizer_step_post_hooks
        or _global_optimizer_pre_hooks
        or _global_optimizer_post_hooks
        or "step" in vars(optimizer)  # as a scheduler of rates puts it there
        or _PROFILER_LISTENS()
    )


@torch.no_grad()
def fused_adam_(
    group: dict[str, Any], parameters: list[Tensor], states: Sequence[Mapping[str, Tensor]]
) -> None:
    """Update parameters of one type by torch's fused Adam or AdamW, as their `step` does once it has counted.

    Args:
        group: The settings of Adam, with a number as rate and none of its variants.
        parameters: Each has a gradient.
        states: What Adam keeps of each, the step that is done being counted.
    """
    beta1, beta2 = group["betas"]
    _FUSED_ADAM[bool(group.get("decoupled_weight_decay"))](
        parameters,
        [parameter.grad for parameter in parameters],
        [state["exp_avg"] for state in states],
        [state["exp_avg_sq"] for state in states],
        [],
        [state["step"] for state in states],
        amsgrad=False,
        lr=group["lr"],
        beta1=beta1,
        beta2=beta2,
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        maximize=group["maximize"],
        grad_scale=None,
        found_inf=None,
    )


def storage_address(tensor: Tensor) -> int:
    """Return a number that tensors have in common where they share their memory."""
    return tensor.untyped_storage()._cdata


def imported_for_the_end() -> None:
    """Import what torch's compiler imports as the process ends, if it is there.

    Python ends a program by the signal SIGINT after an unhandled `KeyboardInterrupt` only if no text was run
    as code since then, and this module (tabulate) does that when it is imported: it would end with code 1.
    """
    with contextlib.suppress(ImportError):
        importlib.import_module("tabulate")

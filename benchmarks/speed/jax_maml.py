"""MAML's meta-gradient on sinusoids by JAX, for `meta_peers.py`, which starts it with a Python that has JAX.

It imports neither torch nor polytask. It reads numbers of steps from the standard input and answers each with
a line of JSON: seconds of this process on the processor, and on the clock.
"""

import json
import os
import sys
import time
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")


def main() -> None:
    jax: Any = import_module("jax")  # a package of the comparison alone
    jnp: Any = import_module("jax.numpy")
    n_tasks, n_steps = (int(number) for number in sys.argv[1:3])
    rate, draw = 0.01, np.random.default_rng(0)

    def given(*shape: int) -> Any:
        return jnp.asarray(draw.standard_normal(shape), dtype=jnp.float32)

    layers = [(given(40, 1), given(40)), (given(40, 40) / 6, given(40)), (given(1, 40) / 6, given(1))]

    def loss(layers: Any, x: Any, y: Any) -> Any:
        for weight, bias in layers[:-1]:
            x = jnp.maximum(x @ weight.T + bias, 0)
        weight, bias = layers[-1]
        return jnp.mean(((x @ weight.T + bias)[:, 0] - y) ** 2)

    def outer(layers: Any, x: Any, y: Any, x_query: Any, y_query: Any) -> Any:
        for _ in range(n_steps):
            gradients = jax.grad(loss)(layers, x, y)
            layers = jax.tree.map(lambda weight, gradient: weight - rate * gradient, layers, gradients)
        return loss(layers, x_query, y_query)

    def total(layers: Any, *episodes: Any) -> Any:
        return jax.vmap(partial(outer, layers))(*episodes).sum()

    step = jax.jit(jax.value_and_grad(total))
    episodes = [given(n_tasks, 10, 1), given(n_tasks, 10), given(n_tasks, 10, 1), given(n_tasks, 10)]
    start, begun = time.process_time(), time.perf_counter()
    jax.block_until_ready(step(layers, *episodes))
    told(start, begun)
    for line in sys.stdin:
        start, begun = time.process_time(), time.perf_counter()
        for _ in range(int(line)):
            jax.block_until_ready(step(layers, *episodes))
        told(start, begun)


def told(start: float, begun: float) -> None:
    """Say how long it took."""
    seconds = {"processor": time.process_time() - start, "clock": time.perf_counter() - begun}
    sys.stdout.write(json.dumps(seconds) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

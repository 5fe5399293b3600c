"""A checkpoint is looked through as a whole before anything of it is taken over."""

import contextlib
import copy
import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

__all__ = ["Stateful", "load_parts", "problems"]

_COUNTS = ("step", "best_step", "stale", "longest_stale", "skipped")
_ENTRIES = (
    *_COUNTS, "best_score", "best", "absent", "rows", "sums", "counts", "weights", "schedule", "drawn",
    "learner", "balancer", "backward", "optimizer",
)  # fmt: skip


@runtime_checkable
class Stateful(Protocol):
    """What has a state that a resumed run needs."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""
        ...

    def load_state_dict(self, state_dict: Any, /) -> Any:
        """Take a state over."""
        ...


def problems(state: Mapping[str, Any], learner: nn.Module) -> list[str]:
    """Say what in a checkpoint cannot be the state of a run.

    Args:
        state: Its content.
        learner: The learner whose weights it should hold.
    """
    missing = [name for name in _ENTRIES if name not in state]
    if missing:
        return [f"it lacks {', '.join(missing)}"]
    found = _wrong_numbers(state) + _wrong_rows(state.get("rows"), state.get("step"))
    for name in ("absent", "counts"):
        if not _named(state.get(name), _is_count):
            found.append(f"`{name}` holds something else than counts by name")
    for name in ("sums", "weights"):
        if not _named(state.get(name), lambda value: isinstance(value, (int, float))):
            found.append(f"`{name}` holds something else than numbers by name")
    if not _sampled(state.get("schedule")):
        found.append("`schedule` holds something else than factors by step")
    if state.get("drawn") is not None and not _is_drawn(state["drawn"]):
        found.append("`drawn` is no step with its content")
    if _named(state.get("counts")) and _named(state.get("sums")) and {*state["counts"]} != {*state["sums"]}:
        found.append("`sums` and `counts` are of other figures")
    return found or _wrong_weights(state, learner)


def load_parts(parts: Mapping[str, Stateful], state: Mapping[str, Any]) -> None:
    """Let all parts of a run take over their states, or none of them.

    Raises:
        ValueError: A state does not fit its part.
    """
    before: dict[str, Any] = {}
    for name, part in parts.items():
        before[name] = copy.deepcopy(part.state_dict())
        try:
            part.load_state_dict(state[name])
            if isinstance(part, Optimizer):
                _try_step(part)
        except Exception as error:  # a part may raise whatever it likes about a state that is not its own
            for done, saved in before.items():
                with contextlib.suppress(Exception):
                    parts[done].load_state_dict(saved)
            why = next(iter(str(error).strip().splitlines()), "")
            raise ValueError(f"its {name} does not fit ({type(error).__name__}: {why})") from error


def _try_step(optimizer: Optimizer) -> None:
    """Let a copy of an optimizer go a step without gradient: a state of a wrong form fails here."""
    trial = copy.deepcopy(optimizer)
    for group in trial.param_groups:
        if group.get("fused"):  # whose kernel reads and writes past the end of a state that is too short
            group["fused"] = False
    parameters = [parameter for group in trial.param_groups for parameter in group["params"]]
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    trial.step()
    if not all(bool(parameter.isfinite().all()) for parameter in parameters):
        raise ValueError("a step with it gives weights that are not finite")


def _wrong_numbers(state: Mapping[str, Any]) -> list[str]:
    found = [
        f"`{name}` is {state.get(name)!r:.40}, no count" for name in _COUNTS if not _is_count(state.get(name))
    ]
    if found:
        return found
    found += [
        f"`{name}` {state[name]} lies behind step {state['step']}"
        for name in ("best_step", "skipped")
        if state[name] > state["step"]
    ]
    score, best = state.get("best_score"), state.get("best")
    if score is not None and not (isinstance(score, float) and math.isfinite(score)):
        found.append(f"`best_score` is {score!r:.40}, no finite number")
    if not isinstance(best, dict) or bool(best) != (score is not None):
        found.append("`best` and `best_score` do not belong together")
    return found


def _wrong_rows(rows: object, step: object) -> list[str]:
    if not isinstance(rows, list) or not all(
        _named(row, lambda value: isinstance(value, float)) for row in rows
    ):
        return ["`rows` holds something else than rows of numbers"]
    steps = [row.get("step", math.nan) for row in rows]
    rising = all(first < second for first, second in itertools.pairwise(steps))
    inside = all(0 < each <= step for each in steps) if isinstance(step, int) else True
    return [] if rising and inside else ["the steps of `rows` are out of order"]


def _wrong_weights(state: Mapping[str, Any], learner: nn.Module) -> list[str]:
    present = learner.state_dict()
    found = []
    for name in ("learner", "best"):
        saved = state.get(name)
        if name == "best" and not saved:
            continue
        if not isinstance(saved, Mapping) or {*saved} != {*present}:
            found.append(f"`{name}` has other weights than the learner")
            continue
        found += [
            f"`{name}` has another form in {key}" for key in present if not _alike(saved[key], present[key])
        ]
        found += [
            f"`{name}` is not finite in {key}"
            for key, _ in learner.named_parameters()
            if key in saved and isinstance(saved[key], Tensor) and not bool(saved[key].isfinite().all())
        ]
    return found[:5]


def _alike(saved: object, present: object) -> bool:
    if not isinstance(present, Tensor) or not isinstance(saved, Tensor):
        return type(saved) is type(present)
    return (saved.shape, saved.dtype, saved.layout) == (present.shape, present.dtype, present.layout)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _sampled(value: object) -> bool:
    return isinstance(value, dict) and all(
        _is_count(key) and (item is None or isinstance(item, float)) for key, item in value.items()
    )


def _is_drawn(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and _is_count(value[0]) and isinstance(value[1], str)


def _named(value: object, fits: Callable[[object], bool] = lambda _: True) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) and fits(item) for key, item in value.items())

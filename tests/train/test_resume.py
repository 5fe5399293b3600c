"""A resumed run is the run that was interrupted, or it is refused by name and nothing is changed."""

import copy
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.train.small import TASKS, batch, learner, run, source, weights
from torch import nn

from polytask.balancing.methods import DWA, FixedWeights, UncertaintyWeighting, UPGrad
from polytask.core import Batch, BundleError, Episode, InputError
from polytask.data import JointSource, Source
from polytask.train import Validation
from polytask.train.checkpoint import load_checkpoint, save_checkpoint

FILE = "checkpoint.pt"


def with_last_label(value: float) -> JointSource:
    data = batch()
    data.targets["a"][-1] = value
    return source(data)


def with_mask() -> JointSource:
    data = batch()
    data.masks["b"][1] = False
    return source(data)


def sgd(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=1e-3)


def adam(rate: float = 1e-3, **options: Any) -> Callable[[list[nn.Parameter]], torch.optim.Optimizer]:
    return lambda parameters: torch.optim.Adam(parameters, lr=rate, **options)


OTHERS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "seed": ({}, {"seed": 1}, "`seed` was 0, is 1"),
    "one label": ({}, {"source": with_last_label(9.0)}, r"`source.data.targets.a` was float32 \[24\]"),
    "a mask": ({}, {"source": with_mask()}, "`source.data.masks.b` was bool"),
    "rows": ({}, {"source": source(batch(n_rows=25))}, r"`source.data.inputs` was float32 \[24, 3\]"),
    "batch size": ({}, {"source": source(batch_size=6)}, "`source.batch_size` was 8, is 6"),
    "order": ({}, {"source": source(seed=1)}, "`source.seed` was 0, is 1"),
    "balancer": ({}, {"balancer": UPGrad()}, r"`balancer` was EqualWeights, is UPGrad\. Choose"),
    "its number": (
        {"balancer": DWA(["a", "b"])}, {"balancer": DWA(["a", "b"], temperature=3.0)},
        "`balancer.temperature` was 2.0, is 3.0",
    ),
    "its weights": (
        {"balancer": FixedWeights({"a": 1.0, "b": 1.0})}, {"balancer": FixedWeights({"a": 1.0, "b": 2.0})},
        "`balancer.weights` was",
    ),
    "rate": ({}, {"optimizer": adam(1e-2)}, "`optimizer.group 0.lr` was 0.001, is 0.01"),
    "decay": ({}, {"optimizer": adam(weight_decay=0.1)}, "`optimizer.group 0.weight_decay` was 0, is 0.1"),
    "optimizer": ({}, {"optimizer": sgd}, "`optimizer` was Adam, is SGD"),
    "schedule": (
        {"schedule": lambda step: 1 - step / 10}, {"schedule": lambda step: 1 - step / 20},
        "`schedule` gave 0.8 at step 2, gives 0.9",
    ),
    "no schedule": ({"schedule": lambda step: 1.0}, {}, "`schedule` gave 1.0 at step 0, gives None"),
    "norm": ({}, {"max_norm": 1.0}, "`max_norm` was None, is 1.0"),
    "parts": ({}, {"accumulate": 2}, "`accumulate` was 1, is 2"),
    "beat": ({}, {"validate_every": 4}, "`validate_every` was 2, is 4"),
    "skipping": ({}, {"not_finite": "skip"}, "`not_finite` was stop, is skip"),
    "precision": ({}, {"precision": "64-true"}, "`precision` was 32-true, is 64-true"),
    "engine": ({}, {"engine": "loop"}, "`engine` was auto, is loop"),
    "validation": (
        {}, {"validate": lambda _: Validation(score=1.0, metrics={})}, "`validate` was False, is True"
    ),
    "validation source": ({}, {"validation_source": source()}, "`validation_source` was None, is Joint"),
    "width": ({}, {"model": learner(5)}, "`learner.sharing.trunk.0.out_features` was 4, is 5"),
    "dropout": ({}, {"model": learner(dropout=0.3)}, r"`learner.sharing.trunk.2.p` was 0.2, is 0.3"),
    "fewer steps": ({}, {"n_steps": 2}, "`n_steps` is 2, but 4 steps are done"),
    "what the caller says": (
        {"identity": {"table": "old", "seed": 3}}, {"identity": {"table": "new", "seed": 3}},
        "holds another run: `table` was old, is new. Choose another folder, or delete this one",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", OTHERS)
def test_a_folder_of_another_run_is_refused_by_name_and_nothing_is_taken_over(what, tmp_path):
    first, second, message = OTHERS[what]
    run(tmp_path, **first)
    model = second.get("model") or learner()
    before, content = weights(model), (tmp_path / FILE).read_bytes()
    with pytest.raises(BundleError, match=message):
        run(tmp_path, **{**second, "model": model})
    assert torch.equal(weights(model), before) and (tmp_path / FILE).read_bytes() == content


@pytest.mark.parametrize("package", ["polytask", "torch"])
def test_a_run_of_another_version_is_refused(package, tmp_path, monkeypatch):
    run(tmp_path)
    place = {"polytask": "polytask.train.loop.__version__", "torch": "torch.__version__"}[package]
    monkeypatch.setattr(place, torch.torch_version.TorchVersion("0.0.1"))
    with pytest.raises(BundleError, match=f"`{package}` was .*, is 0.0.1"):
        run(tmp_path)


class Drawn(Source):
    """Steps out of a function, about which a run can read nothing."""

    def __init__(self, examples: Callable[[int], Batch]) -> None:
        self.examples = examples

    def step(self, index: int) -> tuple[Episode, ...]:
        """See `Source.step`."""
        return (Episode(tasks=TASKS, query=self.examples(index)),)


def test_other_examples_out_of_a_function_are_noticed_at_the_last_step(tmp_path):
    run(tmp_path, source=Drawn(lambda index: batch(factor=1.0 + index)))
    run(tmp_path, source=Drawn(lambda index: batch(factor=1.0 + index)))
    with pytest.raises(BundleError, match="`source` gives other examples at step 3"):
        run(tmp_path, source=Drawn(lambda index: batch(factor=1.0 - index)))


def judged(scores: list[float]) -> Callable[[Any], Validation]:
    """Answer the scores in turn, as the learner's validations."""
    rest = iter(scores)
    return lambda _: Validation(score=next(rest), metrics={"x": 1.0})


@pytest.mark.parametrize("halt", [2, 3, 4, 5])
@pytest.mark.parametrize("balancer", [None, lambda: UncertaintyWeighting(["a", "b"]), UPGrad])
def test_a_run_that_ends_earlier_and_goes_on_is_the_whole_run(halt, balancer, tmp_path):
    def score(model: Any) -> Validation:
        return Validation(score=-float(weights(model).abs().sum()), metrics={})

    def option() -> dict[str, Any]:
        return {"validate": score, "balancer": balancer and balancer()}

    whole, expected = run(tmp_path / "whole", n_steps=7, **option())
    run(tmp_path / "parted", n_steps=halt, **option())
    parted, outcome = run(tmp_path / "parted", n_steps=7, **option())
    assert torch.equal(weights(whole), weights(parted)) and outcome.rows == expected.rows
    assert (outcome.best_step, outcome.best_score) == (expected.best_step, expected.best_score)
    csv = [(tmp_path / name / "metrics.csv").read_text() for name in ("whole", "parted")]
    assert csv[0] == csv[1]


def test_a_finished_run_that_is_called_again_is_the_same(tmp_path):
    for n_steps in (4, 5):
        first, before = run(tmp_path / str(n_steps), n_steps=n_steps)
        second, after = run(tmp_path / str(n_steps), n_steps=n_steps)
        assert torch.equal(weights(first), weights(second)) and before.rows == after.rows
        assert math.isnan(after.seconds_per_step) and after.n_steps == n_steps


@pytest.mark.parametrize(("patience", "goes_on"), [(1, False), (2, False), (3, True), (None, True)])
def test_patience_may_change_where_it_would_not_have_stopped_the_run(patience, goes_on, tmp_path):
    scores = [1.0, 0.5, 0.4, 2.0, 0.3, 0.2, 0.1, 0.0]  # twice in a row no better, then best, then worse
    options = {"validate_every": 1, "patience": 4}
    run(tmp_path, n_steps=5, validate=judged(scores), **options)
    again = {"n_steps": 8, "validate": judged(scores[5:]), **options, "patience": patience}
    if not goes_on:
        with pytest.raises(BundleError, match=f"`patience` is {patience}, but 2 validations in a row"):
            run(tmp_path, **again)
        return
    _, outcome = run(tmp_path, **again)
    _, whole = run(None, validate=judged(scores), **{**options, "n_steps": 8, "patience": patience})
    assert (outcome.n_steps, outcome.best_step) == (whole.n_steps, whole.best_step)


def test_a_run_that_lost_its_patience_goes_on_with_more_of_it(tmp_path):
    scores = [1.0, 0.5, 0.4, 0.3, 3.0, 0.1]
    options = {"validate_every": 1, "n_steps": 6}
    _, stopped = run(tmp_path, patience=2, validate=judged(scores), **options)
    assert stopped.stopped_early and stopped.n_steps == 3
    _, outcome = run(tmp_path, patience=4, validate=judged(scores[3:]), **options)
    assert (outcome.best_step, outcome.best_score, outcome.stopped_early) == (5, 3.0, False)


def test_figures_of_other_number_types_can_be_resumed(tmp_path):
    def validate(_: Any) -> Validation:
        return Validation(score=np.float64(1.5), metrics={"x": np.float32(2.0), "y": torch.tensor(3)})

    run(tmp_path, validate=validate)
    _, outcome = run(tmp_path, n_steps=6, validate=validate)
    assert outcome.best_score == 1.5 and outcome.rows[-1]["validation/y"] == 3.0


def test_weights_of_the_last_update_are_in_a_resumed_row_too(tmp_path):
    def rare(index: int) -> Batch:
        data = batch()
        keep = torch.full((24,), index < 2)
        return Batch(inputs=data.inputs, targets=data.targets, masks={"a": keep, "b": keep})

    _, whole = run(tmp_path / "whole", n_steps=4, source=Drawn(rare))
    run(tmp_path / "parted", n_steps=2, source=Drawn(rare))
    _, parted = run(tmp_path / "parted", n_steps=4, source=Drawn(rare))
    assert parted.rows == whole.rows and "weight/a" in parted.rows[-1]
    assert (parted.skipped, parted.absent) == (2, {"a": 2, "b": 2})


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "one byte": lambda content: content[:1],
    "half": lambda content: content[: len(content) // 2],
    "without its end": lambda content: content[:-1],
    "longer": lambda content: content + b"x",
    "a flipped bit": lambda content: content[:3000] + bytes([content[3000] ^ 1]) + content[3001:],
    "text": lambda content: b"nothing but text\n",
    "a pickle": lambda content: pickle.dumps({"format": 2}),
    "zeros": lambda content: bytes(len(content)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named_with_its_remedy(damage, tmp_path):
    run(tmp_path)
    path = tmp_path / FILE
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(BundleError, match=rf"{path} cannot be used: .*Delete it to start anew"):
        run(tmp_path)


def test_a_file_that_torch_wrote_anew_is_refused(tmp_path):
    run(tmp_path)
    state = torch.load(tmp_path / FILE, weights_only=True)
    torch.save(state, tmp_path / FILE)
    with pytest.raises(BundleError, match="was not written by this version"):
        run(tmp_path)


def first_weight(state: dict[str, Any], value: Any) -> None:
    name = next(iter(state["learner"]))
    state["learner"][name] = value(state["learner"][name])


def moment(state: dict[str, Any], value: Any) -> None:
    entry = state["optimizer"]["state"][0]
    entry["exp_avg"] = value(entry["exp_avg"])


KEYS = (
    "identity", "learner", "balancer", "backward", "optimizer", "step", "best_step", "best_score", "stale",
    "longest_stale", "skipped", "absent", "best", "rows", "sums", "counts", "weights", "schedule", "drawn",
)  # fmt: skip
HOSTILE: dict[str, Callable[[dict[str, Any]], object]] = {
    **{f"no {key}": lambda state, key=key: state.pop(key) for key in KEYS},
    "a negative step": lambda state: state.update(step=-1),
    "a step that is text": lambda state: state.update(step="4"),
    "a step that is no whole number": lambda state: state.update(step=4.0),
    "a step that is true": lambda state: state.update(step=True),
    "a best step to come": lambda state: state.update(best_step=5),
    "more skipped than done": lambda state: state.update(skipped=9),
    "a score that is NaN": lambda state: state.update(best_score=math.nan),
    "a score without weights": lambda state: state.update(best={}),
    "weights without a score": lambda state: state.update(best_score=None),
    "absent as a list": lambda state: state.update(absent=["a"]),
    "absent below 0": lambda state: state.update(absent={"a": -1}),
    "rows as text": lambda state: state.update(rows="rows"),
    "rows of text": lambda state: state.update(rows=[{"step": "2"}]),
    "rows out of order": lambda state: state.update(rows=state["rows"][::-1]),
    "rows to come": lambda state: state.update(rows=[{"step": 99.0}]),
    "sums without counts": lambda state: state.update(sums={"loss/a": 1.0}),
    "weights as text": lambda state: state.update(weights={"a": "b"}),
    "a schedule of text": lambda state: state.update(schedule={"0": "1"}),
    "drawn as text": lambda state: state.update(drawn="x"),
    "an identity of numbers": lambda state: state.update(identity=3),
    "a learner that is a list": lambda state: state.update(learner=[1]),
    "a weight of another form": lambda state: first_weight(state, lambda weight: weight[:1]),
    "a weight of another type": lambda state: first_weight(state, lambda weight: weight.double()),
    "a weight that is text": lambda state: first_weight(state, lambda weight: "x"),
    "a weight that is NaN": lambda state: first_weight(state, lambda weight: weight * math.nan),
    "best weights of another form": lambda state: state.update(
        best=dict.fromkeys(state["best"], torch.ones(1))
    ),
    "a balancer's state of another": lambda state: state.update(balancer={"x": torch.ones(1)}),
    "a moment of another form": lambda state: moment(state, lambda tensor: torch.ones(7)),
    "a moment that is NaN": lambda state: moment(state, lambda tensor: tensor * math.nan),
    "a moment that is text": lambda state: moment(state, lambda tensor: "x"),
    "no parameter groups": lambda state: state["optimizer"].update(param_groups=[]),
    "a rate that is text": lambda state: state["optimizer"]["param_groups"][0].update(lr="fast"),
    "an engine's state that is text": lambda state: state.update(backward="x"),
}  # fmt: skip


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run of four steps saves."""
    folder = tmp_path_factory.mktemp("saved")
    run(folder, validate=judged([1.0, 2.0]))
    state = load_checkpoint(folder / FILE)
    state.pop("format")
    return state


@pytest.mark.parametrize("what", HOSTILE)
def test_a_whole_file_with_a_wrong_content_is_refused_before_anything_is_taken_over(what, saved, tmp_path):
    state = copy.deepcopy(saved)
    HOSTILE[what](state)
    save_checkpoint(tmp_path / FILE, state)
    model = learner()
    before = weights(model)
    with pytest.raises(BundleError, match=r"used: its checkpoint.*Choose another folder, or delete"):
        run(tmp_path, model, n_steps=6, validate=judged([3.0]))
    assert torch.equal(weights(model), before) and not (tmp_path / "metrics.csv").exists()


def test_what_the_wrong_contents_are_made_of_is_taken_over_itself(saved, tmp_path):
    save_checkpoint(tmp_path / FILE, saved)
    _, outcome = run(tmp_path, n_steps=6, validate=judged([3.0]))
    assert outcome.best_step == 6


class Untouched(Source):
    """Is never asked."""

    def step(self, index: int) -> tuple[Episode, ...]:
        """See `Source.step`."""
        raise AssertionError("training has begun")


def in_the_way(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    return path


@pytest.mark.parametrize("name", ["", FILE, "metrics.csv"])
def test_a_folder_that_cannot_be_written_is_refused_before_training(name, tmp_path):
    folder = tmp_path / "work"
    if name:
        (folder / name).mkdir(parents=True)
    else:
        in_the_way(folder)
    with pytest.raises(InputError, match=r"work.* cannot be written"):
        run(folder, source=Untouched())


def test_what_a_killed_writer_left_is_swept_at_the_next_start(tmp_path):
    run(tmp_path)
    debris = in_the_way(tmp_path / f".{FILE}.0123456789abcdef.polytask-part")
    run(tmp_path)
    assert not debris.exists() and sorted(path.name for path in tmp_path.iterdir()) == [FILE, "metrics.csv"]

"""The networks of a table model in a file that other programs run: ONNX, or a program of `torch.export`."""

import copy
import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from polytask.core import BundleError, InputError, MissingPackageError, generator
from polytask.core.files import rehearse_write, user_path, write_atomically
from polytask.core.strict_json import format_json
from polytask.data.tables.target_column import TargetColumn
from polytask.estimators.exported_networks import ExportedNetworks
from polytask.estimators.task_export import TASK_INPUT, ExportedTasks, described_tasks
from polytask.models.table_model import TableModel
from polytask.models.task_table_model import TaskTableModel
from polytask.version import __version__

__all__ = ["check_export", "compare", "export_table"]

_ENDINGS = (".onnx", ".pt2")
_ROW = "row"  # the dimension of rows
_INPUT = "features"
_CLOSE = 1e-5  # relative to the spread of a target, or to a probability of 1
_ROWS = 64


def export_table(model: TableModel | TaskTableModel, path: str | Path) -> Path:
    """Write the networks of a model, from encoded features to predictions in units and probabilities.

    The file has one input, ``features`` (float32 ``[row, feature]``), and an output for each target by its
    name: ``[row]`` in the target's units, or the probabilities ``[row, class]``. How columns become features
    stands in a JSON file of the same name beside it: for each column its kind and constants, in the order of
    the features, and for each target its classes. What is written is run, and compared with the model.

    A model with tasks has a second input, ``task`` (int64 ``[row]``): the number of each row's task, in the
    order in which the JSON file lists them, -1 for another. What is learned later needs a new export.

    Args:
        model: The model.
        path: A file that ends in ``.onnx``, or in ``.pt2`` for `torch.export.load`.

    Returns:
        Where it was written.

    Raises:
        InputError: The ending is another, or it cannot be written.
        MissingPackageError: ONNX needs onnx, onnxscript and onnxruntime.
        BundleError: What was written predicts something else than the model.
    """
    target = check_export(path)
    plan = _Plan.of(model)
    taken = [column.task.name for column in model.targets if column.task.name in plan.inputs]
    if target.suffix.lower() == ".onnx" and taken:
        raise InputError(
            f"The target {taken[0]!r} has the name of the networks' input, which ONNX does not allow. Fit "
            "with another name of the target, or export to a file that ends in .pt2."
        )
    with torch.no_grad(), _quiet():
        dynamic = {name: {0: torch.export.Dim(_ROW, min=1)} for name in plan.inputs}
        few = tuple(values[:5] for values in plan.inputs.values())
        program = torch.export.export(plan.networks, few, dynamic_shapes=dynamic)
        expected = plan.networks(*plan.inputs.values())
        if target.suffix.lower() == ".pt2":
            file = io.BytesIO()
            torch.export.save(program, file)
            content = file.getvalue()
            found = torch.export.load(io.BytesIO(content)).module()(*plan.inputs.values())
        else:
            content = _onnx(program, list(plan.inputs), plan.networks.names)
            found = _run_onnx(content, plan.inputs)
    compare(target, model.targets, expected, found)
    described = format_json(_described(model)).encode() + b"\n"
    write_atomically(target, lambda file: file.write(content))
    write_atomically(target.with_suffix(".json"), lambda file: file.write(described))
    return target


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Plan:
    """What is exported.

    Args:
        networks: The module.
        inputs: Rows on which it is tried, by the names of its inputs.
    """

    networks: ExportedNetworks | ExportedTasks
    inputs: Mapping[str, Tensor]

    @classmethod
    def of(cls, model: TableModel | TaskTableModel) -> "_Plan":
        pooled = model.pooled if isinstance(model, TaskTableModel) else model
        calibration = {} if pooled.calibration is None else pooled.calibration.targets
        temperatures = {name: found.temperature for name, found in calibration.items()}
        networks = ExportedNetworks(copy.deepcopy(pooled.learner).cpu(), model.targets, temperatures).eval()
        draw = generator(0, "export")
        rows = torch.randn(_ROWS, pooled.encoder.n_features, generator=draw, dtype=torch.float32)
        if not isinstance(model, TaskTableModel):
            return cls(networks=networks, inputs={_INPUT: rows})
        task = torch.arange(_ROWS) % (len(model.tasks) + 1) - 1
        with_tasks = ExportedTasks(networks, model.target_tasks).eval()
        return cls(networks=with_tasks, inputs={_INPUT: rows, TASK_INPUT: task})


def check_export(path: str | Path, *, model: str | Path | None = None) -> Path:
    """Try whether a model can be exported to a file; ask before it is loaded.

    Args:
        path: The file.
        model: The model's directory, in which nothing but the model may be.

    Raises:
        InputError: The ending is unknown, a file cannot be written, or the JSON file beside it is another's.
        MissingPackageError: A package is missing.
    """
    target = user_path(path)
    if target.suffix.lower() not in _ENDINGS:
        raise InputError(f"The output {target} must end with {' or '.join(_ENDINGS)}.")
    if target.suffix.lower() == ".onnx":
        for package in ("onnx", "onnxscript", "onnxruntime"):
            try:
                import_module(package)
            except ImportError as error:
                raise MissingPackageError(package, extra="export", purpose="writing ONNX") from error
    if model is not None and user_path(model).resolve() in target.resolve().parents:
        raise InputError(f"{target} lies in the model directory {model}. Choose another output.")
    beside = target.with_suffix(".json")
    if beside.exists() and not _is_ours(beside):
        raise InputError(
            f"{beside}, where what becomes of columns is written, is there already, and no export wrote it. "
            "Choose another output, or move it away."
        )
    rehearse_write(target)
    rehearse_write(beside)
    return target


def _is_ours(path: Path) -> bool:
    """Tell whether a file describes the columns of an earlier export, and may be replaced."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and {"library", "input", "encoder", "outputs"} <= found.keys()


def _onnx(program: torch.export.ExportedProgram, inputs: Sequence[str], names: Sequence[str]) -> bytes:
    written = torch.onnx.export(program, dynamo=True, input_names=inputs, verbose=False)
    if written is None:
        raise BundleError("torch.onnx gave nothing back. Export to a file that ends with .pt2 instead.")
    graph = written.model.graph
    shape = graph.inputs[0].shape
    rows = shape[0] if shape else None  # as the exporter calls their dimension: a letter and a number
    for value in graph.inputs:
        _name_rows(value, rows)
    for node in graph:  # what is computed on the way may be called like a target, as `softmax`
        for value in node.outputs:
            value.name = f"polytask:{value.name}"
            _name_rows(value, rows)
    for value, name in zip(graph.outputs, names, strict=True):
        value.name = name
    return written.model_proto.SerializeToString()


def _name_rows(value: Any, rows: object) -> None:
    """Call the dimension of rows so."""
    for place, size in enumerate(value.shape or ()):
        if size == rows:
            value.shape[place] = _ROW


def _run_onnx(content: bytes, inputs: Mapping[str, Tensor]) -> list[Tensor]:
    """Run a model by onnxruntime, on one thread."""
    onnxruntime: Any = import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    given = {name: values.numpy() for name, values in inputs.items()}
    return [torch.as_tensor(np.asarray(values)) for values in session.run(None, given)]


def compare(
    path: Path, targets: Sequence[TargetColumn], expected: Sequence[Tensor], found: Sequence[Tensor]
) -> None:
    """Compare what a model and its export predict, by target.

    Raises:
        BundleError: They differ by more than rounding.
    """
    for target, ours, theirs in zip(targets, expected, found, strict=True):
        same_form = ours.shape == theirs.shape
        if target.log and same_form:
            ours, theirs = ours.log(), theirs.log()
        rounding = np.finfo(np.float32).eps * max(abs(target.mean), float(target.log)) / target.scale
        far = float((ours - theirs).abs().max()) / target.scale if same_form else float("nan")
        if not far <= _CLOSE + 4 * rounding:
            raise BundleError(
                f"{path}: the exported networks predict {target.task.name!r} otherwise than the model, by "
                f"{far:.1e} of its spread. Export to a file of the other ending, {' or '.join(_ENDINGS)}."
            )


def _described(model: TableModel | TaskTableModel) -> dict[str, Any]:
    """Say how columns become features, and what the outputs are."""
    tasks = {"task_input": described_tasks(model)} if isinstance(model, TaskTableModel) else {}
    encoder = model.pooled.encoder if isinstance(model, TaskTableModel) else model.encoder
    return {
        "library": __version__,
        "input": {"name": _INPUT, "type": "float32", "features": list(encoder.feature_names)},
        **tasks,
        "encoder": encoder.to_json(),
        "outputs": [
            {
                "name": target.task.name,
                "kind": target.task.kind,
                "classes": list(target.classes),
                "labels": list(target.labels),
                "class_weights": list(target.class_weights),
            }
            for target in model.targets
        ],
        "data": dict(model.data),
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep from the user what the exporters say of packages that nobody needs here."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)

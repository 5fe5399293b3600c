"""Saved models that were damaged by chance, or changed by somebody who gives the right checksums again."""

import functools
import hashlib
import json
import os
import random
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load, save
from torch import Tensor

import polytask
from polytask.data import LabelledExamples, TableEncoder
from polytask.data.tables.targets import fit_targets
from polytask.models import (
    AdaptedModel,
    FewShotClassifier,
    FewShotModel,
    InContextModel,
    LearnedFeatures,
    TableModel,
    TaskTableModel,
)
from polytask.models.few_shot_config import FewShotConfig
from polytask.models.few_shot_model import build_few_shot_learner
from polytask.models.table_config import TableConfig
from polytask.models.table_learner import build_table_learner

__all__ = ["attempt"]

_Model: TypeAlias = (
    TableModel
    | TaskTableModel
    | InContextModel
    | FewShotModel
    | AdaptedModel
    | FewShotClassifier
    | LearnedFeatures
)
_KINDS = (
    "table hard",
    "table tabm",
    "table ple",
    "table mtan",
    "tasks",
    "in-context",
    "learned features",
    "few-shot prototypes",
    "few-shot maml",
    "few-shot cnaps",
    "adapted prototypes",
    "adapted ridge",
    "adapted maml++",
    "adapted proto-maml",
    "classifier auto",
    "classifier class-means",
    "classifier texts",
)
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 7, 0.5, -0.0, 1e-320, 1e308, 30_000, 10**6, 2**31, 2**63, 10**30,
    10**400, "", "8", "NaN", "a" * 5000, "\0", "../x", "ü\U0001f600", [], {}, [None], [[[[]]]], {"a": 1},
    ["a", "a"],
)  # fmt: skip
_TEXTS = (
    "", "null", "[", "{}", "NaN", '{"a": Infinity}', '{"a": 1, "a": 1}', "[" * 50_000, "9" * 9000, "\ufeff{}",
)  # fmt: skip


def attempt(seed: int, folder: Path) -> str:
    """Change a saved model, load it, and let it answer.

    Args:
        seed: Decides the case.
        folder: An empty folder.

    Returns:
        What was changed.
    """
    draw = random.Random(seed)
    kind = draw.choice(_KINDS)
    files, expected = _original(kind)
    target = folder / "model"
    target.mkdir()
    for name, content in files.items():
        (target / name).write_bytes(content)
    sealed = draw.random() < 0.75
    changes = draw.choices(
        (_change_description, _change_tensors) if sealed else (_change_bytes, _change_files), k=2
    )
    if sealed and draw.random() < 0.3:
        changes[-1] = _change_header
    what = f"{kind}, {'sealed' if sealed else 'damaged'}: "
    what += "; ".join(change(target, draw) for change in changes[draw.choice((0, 1, 1)) :])
    if sealed:
        _seal(target)
    model = polytask.load(target)
    answers = _answers(model)
    if not sealed:
        assert answers.equals(expected), f"a damaged model answers otherwise; {what}"
    model.save(folder / "again")
    assert _answers(polytask.load(folder / "again")).equals(answers), (
        f"saved again it answers otherwise; {what}"
    )
    return what


def _small(kind: str) -> _Model:
    if kind == "tasks":
        return _task_model()
    if kind == "in-context":
        return _in_context_model()
    if kind == "learned features":
        return _learned_features()
    if kind.startswith("classifier"):
        return _classifier(kind.split()[1])
    return _table_model(kind.split()[1]) if kind.startswith("table") else _few_shot_model(*kind.split())


@functools.cache
def _original(kind: str) -> tuple[Mapping[str, bytes], pd.DataFrame]:
    """Return the files of a tiny model, and its answers."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place, torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = _small(kind)
        target = model.save(Path(place) / "model")
        return {path.name: path.read_bytes() for path in target.iterdir()}, _answers(model)


def _table() -> pd.DataFrame:
    x = np.random.default_rng(0).normal(size=(30, 2))
    colour = np.where(x[:, 0] > 0.5, "red", np.where(x[:, 0] > 0, "blue", "green"))
    return pd.DataFrame(
        {"a": x[:, 0], "b": x[:, 1], "colour": colour, "y": x.sum(1), "k": x[:, 0] > 0, "c": colour}
    )


def _table_model(architecture: Any) -> TableModel:
    frame, rows = _table(), np.arange(30)
    encoder = TableEncoder.fit(frame, columns=["a", "b", "colour"], train_rows=rows)
    targets = tuple(fit_targets(frame, ["y", "k", "c"], train_rows=rows))
    config = TableConfig(architecture=architecture, width=4, members=2)
    learner = build_table_learner([target.task for target in targets], encoder.n_features, config)
    return TableModel(learner, encoder, targets, config=config, data={"fingerprint": "0"})


def _task_model() -> TaskTableModel:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return polytask.fit(
            _table().assign(who=np.arange(30) % 6), ["y", "k"], task_column="who", epochs=2, width=4, folds=2
        )


def _in_context_model() -> InContextModel | TaskTableModel:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = _table().assign(who=np.arange(30) % 6)
        return polytask.learn(table, task_column="who", target="y", learner="cnp", steps=2)


def _learned_features() -> FewShotModel | LearnedFeatures:
    draw = np.random.default_rng(0)
    classes = {str(c): list(draw.normal(c, 1, (6, 3))) for c in range(6)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return polytask.learn(classes)


def _support() -> LabelledExamples:
    images = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 255
    labels = torch.tensor([0, 0, 1, 1])
    return LabelledExamples(
        inputs=images.to(torch.uint8), labels=labels, class_names=("a", "b"), class_groups=("a", "b")
    )


def _few_shot_model(kind: str, learner: str) -> FewShotModel | AdaptedModel:
    config = FewShotConfig(learner=learner, way=2, size=16, width=4, inner_steps=1)
    model = FewShotModel(build_few_shot_learner(config), config=config, data={"fingerprint": "0"})
    return model.adapt(_support()) if kind == "adapted" else model


def _classifier(head: str) -> FewShotClassifier:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if head == "texts":
            return polytask.adapt(
                {"money": ["pay", "owe a bill"], "rain": ["cold", "wet"]}, encoder="hashed-text"
            )
        return polytask.adapt(_table().iloc[:8][["a", "b"]].assign(label=[*"aaabbbcc"]), head=head)


def _answers(model: _Model) -> pd.DataFrame:
    if isinstance(model, FewShotClassifier):
        asked = ["pay", ""] if model.space.kind == "text" else _table().head(3)[["a", "b"]]
        found = model.predict(asked, sets=0.8, probabilities=True)
        model.rename(model.classes[0], "new").remove_example(
            model.examples.names[model.classes[1]][0]
        ).refit()
        return found
    if isinstance(model, LearnedFeatures):
        support = {"a": [np.zeros(3), np.ones(3)], "b": [np.full(3, 5.0), np.full(3, 6.0)]}
        return model.adapt(support).predict([np.zeros(3), np.full(3, 4.0)])
    if isinstance(model, TaskTableModel | InContextModel):
        return model.predict(_table().head(3).assign(who=[0, 1, 2]))
    if isinstance(model, TableModel):
        return model.predict(_table().head(3))
    if isinstance(model, FewShotModel):
        model = model.adapt(_support())
    return model.predict(_support().inputs)


def _seal(target: Path) -> None:
    """Give every file its checksum in its name and in the description, and the description its own."""
    description = json.loads((target / "model.json").read_text(encoding="utf-8"))
    if not isinstance(description, dict):
        return
    description["files"] = description.get("files")
    for path in [path for path in target.iterdir() if path.name != "model.json"]:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        name = f"{path.name.partition('-')[0]}-{digest[:16]}.{path.name.rpartition('.')[2]}"
        path.rename(target / name)
        if isinstance(description["files"], dict) and path.name in description["files"]:
            del description["files"][path.name]
            description["files"][name] = digest
    description.pop("checksum", None)
    text = json.dumps(dict(sorted(description.items())), ensure_ascii=False)
    description["checksum"] = hashlib.sha256(text.encode()).hexdigest()
    (target / "model.json").write_text(json.dumps(description, ensure_ascii=False), encoding="utf-8")


def _change_description(target: Path, draw: random.Random) -> str:
    """Change something in the description, most often in its configuration."""
    path = target / "model.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    what = _change_json(description["config"] if draw.random() < 0.9 else description, draw)
    path.write_text(json.dumps(description, ensure_ascii=False), encoding="utf-8")
    return what


def _change_json(value: Any, draw: random.Random) -> str:
    """Change one place of a tree of plain values."""
    where: list[Any] = []
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return f"nothing at {where}"
        key = draw.choice(keys)
        where.append(key)
        if not isinstance(value[key], dict | list) or draw.random() < 0.15:
            break
        value = value[key]
    action = draw.choice(("replace", "replace", "replace", "remove", "repeat", "scale", "add", "rename"))
    if action == "remove":
        del value[key]
    elif action == "repeat" and isinstance(value, list):
        value.append(value[key])
    elif action == "scale" and isinstance(value[key], int | float) and not isinstance(value[key], bool):
        value[key] *= draw.choice((-1, 2, 1000, 10**7))
    elif action == "add" and isinstance(value, dict):
        value[draw.choice(("zz", "", "__class__", "loss"))] = draw.choice(_VALUES)
    elif action == "rename" and isinstance(value, dict):
        value["renamed"] = value.pop(key)
    else:
        value[key] = draw.choice(_VALUES)
        return f"{where} is {str(value[key])[:20]!r}"
    return f"{action} {where}"


_TENSOR_CHANGES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "float64": lambda t: t.double(),
    "int32": lambda t: t.int(),
    "bool": lambda t: t.bool(),
    "bfloat16": lambda t: t.bfloat16(),
    "one dimension more": lambda t: t.unsqueeze(0),
    "flat": lambda t: t.flatten(),
    "transposed": lambda t: t.mT.contiguous() if t.ndim > 1 else t.repeat(2),
    "empty": lambda t: t.flatten()[:0],
    "a row more": lambda t: torch.cat([t, t[:1]]) if t.ndim else t.repeat(3),
    "NaN": lambda t: torch.full_like(t, torch.nan) if t.is_floating_point() else t + 1,
    "infinite": lambda t: torch.full_like(t, -torch.inf) if t.is_floating_point() else t + 1,
    "immense": lambda t: torch.full_like(t, 1e38) if t.is_floating_point() else t + 10**9,
    "negative": lambda t: -t - 1,
    "zero": torch.zeros_like,
}


def _change_tensors(target: Path, draw: random.Random) -> str:
    path = next(target.glob("weights-*"))
    tensors = load(path.read_bytes())
    name = draw.choice(sorted(tensors))
    action = draw.choice((*_TENSOR_CHANGES, "remove", "rename", "add"))
    if action == "remove":
        del tensors[name]
    elif action == "rename":
        tensors[draw.choice(("adapted/", "x" * 300, "")) + name] = tensors.pop(name)
    elif action == "add":
        tensors[draw.choice(("adapted/x", "adapted/", "zz"))] = torch.zeros(draw.choice((0, 1, 5)))
    elif tensors[name].dtype != torch.bool:
        tensors[name] = _TENSOR_CHANGES[action](tensors[name])
    path.write_bytes(save(tensors))
    return f"{name[:40]}: {action}"


def _change_header(target: Path, draw: random.Random) -> str:
    """Change the header of the weights, keeping the file's form or not."""
    path = next(target.glob("weights-*"))
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header, rest = json.loads(content[8 : 8 + length]), content[8 + length :]
    action = draw.choice(("value", "value", "text", "length", "cut"))
    if action == "value":
        action = _change_json(header, draw)
        text = json.dumps(header).encode()
    elif action == "text":
        text = draw.choice(_TEXTS).encode()
    else:
        text = content[8 : 8 + length]
    size = draw.choice((0, 2**63, 2**64 - 1, length + 1)) if action == "length" else len(text)
    path.write_bytes(
        size.to_bytes(8, "little") + text + (rest[: len(rest) // 2] if action == "cut" else rest)
    )
    return f"header: {action}"


def _change_bytes(target: Path, draw: random.Random) -> str:
    path = draw.choice(sorted(target.iterdir()))
    content = bytearray(path.read_bytes() if path.is_file() else b"")
    place = draw.randrange(len(content) + 1)
    action = draw.choice(("flip", "cut", "insert", "zeros", "text"))
    if action == "flip" and place < len(content):
        content[place] ^= 1 << draw.randrange(8)
    elif action == "cut":
        del content[place:]
    elif action == "insert":
        content[place:place] = draw.randbytes(draw.choice((1, 8, 1000)))
    elif action == "zeros":
        content[place : place + 100] = bytes(100)
    else:
        content = bytearray(draw.choice(_TEXTS).encode())
    if path.is_file():
        path.write_bytes(bytes(content))
    return f"{path.name.partition('-')[0]}: {action}"


def _change_files(target: Path, draw: random.Random) -> str:
    path = draw.choice(sorted(target.iterdir()))
    action = draw.choice(
        ("gone", "a folder", "a pipe", "a link to nowhere", "a link to zeros", "swapped", "more")
    )
    if action == "more":
        (target / draw.choice((".DS_Store", "weights.safetensors", "model.json.bak"))).write_bytes(b"x")
        return action
    if path.is_dir():
        return "nothing"
    content = path.read_bytes() if path.is_file() else b""
    path.unlink()
    if action == "a folder":
        path.mkdir()
    elif action == "a pipe":
        os.mkfifo(path)
    elif action.startswith("a link"):
        path.symlink_to("/dev/zero" if "zeros" in action else "nowhere")
    elif action == "swapped":
        path.write_bytes(content[::-1])
    return f"{path.name.partition('-')[0]}: {action}"

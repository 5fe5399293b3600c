"""Which examples of a pool to label next: those that stand for many of which a classifier is unsure."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from polytask.core import DataError, InputError
from polytask.core.files import user_path
from polytask.data.examples.examples import Examples
from polytask.meta.heads.softmax import softmax

if TYPE_CHECKING:
    from polytask.models.few_shot_classifier import FewShotClassifier

__all__ = ["label_next", "most_telling"]

_MOST_CANDIDATES = 2000
_MOST_COVERED = 4000


def label_next(model: "FewShotClassifier", pool: Any, n: int = 10) -> pd.DataFrame:
    """Choose the examples of a pool whose labels would help a classifier most.

    Fill in their labels, and give the frame to `FewShotClassifier.add`, which leaves out what has none.

    Args:
        model: The classifier.
        pool: Examples without labels, as `FewShotClassifier.predict` takes them.
        n: How many; fewer, where the pool has no more. Empty texts are not chosen.

    Returns:
        A row for each, the most helpful first, by file or row of the pool. Its columns: the example itself (a
        text, the path of its file, the numbers of a table; nothing for what is in memory and no text),
        ``proposal``, the predicted class, its ``probability``, and the labels, which are empty.

    Raises:
        InputError: `n` is no whole number above 0, or the encoder is not at hand.
        DataError: An example cannot be read, or all are empty.
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise InputError(f"`n` must be a whole number above 0, got {n!r}.")
    examples = model.read(pool)
    whole = [row for row, item in enumerate(examples.items) if examples.kind != "text" or item.strip()]
    if not whole:
        raise DataError("All texts of the pool are empty. Give some that can be labelled.")
    features = model.space.features([examples.items[row] for row in whole])
    shares = softmax(model.settings.sharpness * model.scores(features))  # [example, class]
    known = model.examples.rows()[0].astype(np.float32)
    best = most_telling(features.numpy(), known, shares, int(n))
    rows, shares = [whole[row] for row in best], shares[best]
    shown = _shown(model, examples, rows, pool)
    label = str(model.origin.get("label_column") or "label")
    names = np.asarray(model.classes, dtype=object)
    for name, values in (("proposal", names[shares.argmax(1)]), ("probability", shares.max(1))):
        while name in shown or name == label:
            name += "_"
        shown[name] = values
    shown[label] = ""
    return pd.DataFrame(shown, index=examples.index[rows])


def most_telling(features: np.ndarray, known: np.ndarray, shares: np.ndarray, n: int) -> list[int]:
    r"""Return the rows that together stand best for the rows whose two best classes are close.

    Greedily, each row r is the one that raises most

    .. math:: F(S) = \sum_i u_i \max_{j \in S \cup K} \max(0, x_i \cdot x_j), \; u_i = 1 - (p_{i1} - p_{i2})

    with features x of length 1, known examples K, and the probabilities of the two best classes. What is like
    a known or a chosen example raises it little, and so does what is like no other. Of large pools the 2,000
    rows of the largest u may be chosen, and 4,000, evenly spread, are stood for.

    Args:
        features: Of the pool, ``[row, feature]``, of length 1 or 0.
        known: Of examples whose labels are known, ``[example, feature]``.
        shares: The probabilities of the classes, ``[row, class]``.
        n: How many rows.

    References:
        Kai Wei, Rishabh Iyer, Jeff Bilmes, "Submodularity in Data Subset Selection and Active Learning",
        ICML 2015, section 5 (facility location among the most uncertain). Here uncertainty also weighs what
        is stood for, and known examples count as chosen. The margin is that of Tobias Scheffer, Christian
        Decomain, Stefan Wrobel, "Active Hidden Markov Models for Information Extraction", IDA 2001.
    """
    ordered = np.sort(shares, axis=1)
    unsure = 1 - (ordered[:, -1] - ordered[:, -2])  # [row]
    most = max(_MOST_CANDIDATES, n)
    candidates = np.sort(np.argsort(-unsure, kind="stable")[:most])
    covered = np.unique(
        np.linspace(0, len(features) - 1, min(len(features), _MOST_COVERED)).round().astype(int)
    )
    alike = np.maximum(features[covered] @ features[candidates].T, 0)  # [covered, candidate]
    nearest = np.maximum((features[covered] @ known.T).max(1), 0)  # [covered]
    chosen: list[int] = []
    for _ in range(min(n, len(candidates))):
        raised = unsure[covered] @ np.maximum(alike - nearest[:, None], 0)  # [candidate]
        raised[chosen] = -np.inf
        chosen.append(int(raised.argmax()))
        nearest = np.maximum(nearest, alike[:, chosen[-1]])
    return candidates[chosen].tolist()


def _shown(model: "FewShotClassifier", examples: Examples, rows: list[int], pool: Any) -> dict[str, Any]:
    """Return the columns that show the examples, in the form in which the model reads them."""
    item_column, columns = model.origin.get("item_column"), model.origin.get("features")
    if examples.index.name == "file":
        folder = _folder(pool, in_table=examples.origin["source"] == "table")
        return {str(item_column or "path"): [str(folder / examples.index[row]) for row in rows]}
    if examples.kind == "text":
        return {str(item_column or "text"): [examples.items[row] for row in rows]}
    if isinstance(columns, list):
        return {name: [examples.items[row][place] for row in rows] for place, name in enumerate(columns)}
    return {}


def _folder(pool: Any, *, in_table: bool) -> Path:
    """Return from where names of files go on."""
    if not isinstance(pool, str | Path):
        return Path()
    path = user_path(pool)
    if path.is_dir():
        return path
    return path.parent if in_table else Path()

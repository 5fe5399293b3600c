"""One rule for intervals over repeated splits, the one of `polytask.fit` and `polytask.compare`.

An interval over splits that share most of their rows is wider than one of independent values, by
``test_over_train`` of `polytask.core.mean_interval`: rows judged over rows trained on. Counted as trained on
are the rows (or tasks) that weights are fitted to; those that choose a step, a rate or a method count as
neither.
"""

__all__ = ["overlap"]


def overlap(n_judged: float, n_trained: float) -> float:
    r"""Return :math:`\rho` of a split.

    Args:
        n_judged: How many rows (or tasks) are judged.
        n_trained: How many weights are fitted to.

    Raises:
        ValueError: Nothing is trained on.

    Example:
        >>> overlap(20, 60)  # 20 % more validate
        0.3333333333333333

    References:
        Claude Nadeau, Yoshua Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003.
    """
    if n_trained <= 0:
        raise ValueError(f"A split must train on something, got {n_trained}.")
    return n_judged / n_trained

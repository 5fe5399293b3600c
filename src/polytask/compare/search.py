"""Search settings by Optuna: the next ones are drawn where earlier ones did well."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from polytask.compare.candidate import Settings
from polytask.compare.choice import Proposal
from polytask.compare.search_space import Space, Span
from polytask.compare.trials import Trial
from polytask.core import MissingPackageError, derive_seed

__all__ = ["check_search", "searched"]

_SEEDS = 2**32


def check_search() -> None:
    """Make sure that settings can be searched.

    Raises:
        MissingPackageError: Optuna is not installed.
    """
    _optuna()


def searched(space: Space, usual: Mapping[str, Any], n_trials: int, *, seed: int) -> Proposal:
    """Propose the usual settings first, then others by a tree-structured Parzen estimator (TPE).

    What is proposed follows from the seed and the trials so far alone, so that a search goes on where it was
    stopped as if nothing had happened. The first ten are drawn at random.

    Args:
        space: Between what it chooses; empty for the usual settings alone.
        usual: The usual values of settings, where known.
        n_trials: How many, the usual ones included.
        seed: Decides what is drawn.

    References:
        James Bergstra, Rémi Bardenet, Yoshua Bengio, Balázs Kégl, "Algorithms for Hyper-Parameter
        Optimization", NeurIPS 2011. Takuya Akiba, Shotaro Sano, Toshihiko Yanase, Takeru Ohta, Masanori
        Koyama, "Optuna: A Next-generation Hyperparameter Optimization Framework", KDD 2019, arXiv 1907.10902.
    """
    n_trials = n_trials if space else 1

    def propose(done: Sequence[Trial]) -> Settings | None:
        if len(done) >= n_trials:
            return None
        return _asked(space, usual, done, seed=derive_seed(seed, "trial", len(done))) if done else {}

    return propose


def _asked(space: Space, usual: Mapping[str, Any], done: Sequence[Trial], *, seed: int) -> Settings:
    """Ask Optuna for the next settings, after telling it of those that are done."""
    optuna = _optuna()
    distributions = {name: _distribution(optuna, values) for name, values in space.items()}
    with _quiet(optuna):
        study = optuna.create_study(
            direction="minimize", sampler=optuna.samplers.TPESampler(seed=seed % _SEEDS)
        )
        for trial in done:
            known = {**usual, **trial.settings}
            inside = {
                name: known[name] for name in space if name in known and _inside(known[name], space[name])
            }
            failed = {"state": optuna.trial.TrialState.FAIL}
            study.add_trial(
                optuna.trial.create_trial(
                    params=inside,
                    distributions={name: distributions[name] for name in inside},
                    **({"value": trial.loss} if trial.loss is not None else failed),
                )
            )
        return dict(study.ask(distributions).params)


def _distribution(optuna: Any, values: Span | tuple[Any, ...]) -> Any:
    distributions = optuna.distributions
    if not isinstance(values, Span):
        return distributions.CategoricalDistribution(values)
    if values.whole:
        return distributions.IntDistribution(values.low, values.high, log=values.log, step=values.step)
    return distributions.FloatDistribution(float(values.low), float(values.high), log=values.log)


def _inside(value: Any, values: Span | tuple[Any, ...]) -> bool:
    """Tell whether a value is one of a space; ``1`` and ``True`` are two."""
    if isinstance(values, Span):
        return value in values
    return any(value == one and type(value) is type(one) for one in values)


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _optuna() -> Any:
    try:
        return importlib.import_module("optuna")
    except ImportError as error:
        raise MissingPackageError("optuna", extra="tuning", purpose="searching settings") from error

"""The settings of a table model."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from polytask.balancing import balancer_names
from polytask.balancing.catalogue import balancer_listing
from polytask.core import InputError, SettingsCheck, record_from_json

__all__ = ["TableConfig", "check_used", "check_used_with"]

SharingName = Literal[
    "hard",
    "tabm",
    "soft",
    "trace-norm",
    "sparse-low-rank",
    "cross-stitch",
    "mmoe",
    "cgc",
    "ple",
    "dselect-k",
    "mtan",
    "film",
]

_USERS = {"members": ("tabm",), "soft_strength": ("soft", "trace-norm")}  # all else is used by every sharing
_FOR_ONE = {"sharing": ("hard", "tabm"), "balancing": ("equal",)}  # of one target, which shares with none
_MOST_WEIGHTS = 2**30  # of one trunk: 4 GB, and as much again for gradients and twice for the optimizer


@dataclass(frozen=True, slots=True, kw_only=True)
class TableConfig:
    """How a table model is built and trained; plain JSON.

    Args:
        sharing: ``"hard"`` (one trunk); ``"tabm"`` (one trunk that is an ensemble); ``"soft"``,
            ``"trace-norm"``, ``"sparse-low-rank"`` (a trunk per task, kept close); ``"cross-stitch"`` (a
            trunk per task, mixed after each layer); ``"mmoe"``, ``"cgc"``, ``"ple"``, ``"dselect-k"``
            (experts); ``"mtan"``, ``"film"`` (one trunk that tasks read or shift in their own way).
        balancing: A balancer's name, see `polytask.balancing.balancer_names`.
        width: Units of each layer of the trunk.
        depth: Layers of the trunk.
        dropout: Probability of dropping a unit.
        soft_strength: How strongly ``"soft"`` and ``"trace-norm"`` pull the trunks together.
        members: Networks in the ensemble of ``"tabm"``.
        epochs: Passes over the training rows at most.
        patience: Stop after so many epochs without a better validation score.
        batch_size: Rows a step.
        learning_rate: Of Adam.
        weight_decay: Of AdamW, decoupled.

    Raises:
        InputError: A setting has a wrong type or is out of range; all problems at once.
    """

    sharing: SharingName = "hard"
    balancing: str = "equal"
    width: int = 64
    depth: int = 2
    dropout: float = 0.1
    soft_strength: float = 1e-2
    members: int = 16
    epochs: int = 200
    patience: int = 30
    batch_size: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4

    def __post_init__(self) -> None:
        check = SettingsCheck()
        checked: dict[str, Any] = {
            "sharing": check.choice("sharing", self.sharing, get_args(SharingName)),
            "balancing": check.choice(
                "balancing", self.balancing, balancer_names(), listing=balancer_listing()
            ),
            "dropout": check.number("dropout", self.dropout, least=0, below=1),
            "learning_rate": check.number("learning_rate", self.learning_rate, above=0),
        }
        for name in ("width", "depth", "members", "epochs", "patience", "batch_size"):
            checked[name] = check.whole(name, getattr(self, name), least=1)
        for name in ("soft_strength", "weight_decay"):
            checked[name] = check.number(name, getattr(self, name), least=0)
        if not check.problems and self.sharing == "ple" and self.depth == 1:
            check.problems.append(
                f"`sharing` 'ple' needs a `depth` of 2 or more, got {self.depth}; or use 'cgc'"
            )
        if not check.problems:
            _check_size(check, checked)
        check.done()
        for name, value in checked.items():  # numpy's numbers as plain ones
            object.__setattr__(self, name, value)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TableConfig":
        """Build the settings from what `to_json` gave."""
        return record_from_json(cls, data, name="the settings")


def check_used(check: SettingsCheck, given: Mapping[str, Any]) -> None:
    """Report settings that were given, but that the kind of sharing does not use."""
    sharing = given.get("sharing", TableConfig().sharing)
    if not isinstance(sharing, str) or sharing not in get_args(SharingName):
        return
    for name, users in _USERS.items():
        if name in given and sharing not in users:
            check.unused(name, "sharing", sharing, users)


def check_used_with(targets: Sequence[str], config: TableConfig) -> None:
    """Refuse ways of sharing and balancing of a single target.

    Raises:
        InputError: One would be ignored.
    """
    asked = asdict(config)
    pointless = [f"`{name}={asked[name]!r}`" for name, usual in _FOR_ONE.items() if asked[name] not in usual]
    if len(targets) == 1 and pointless:
        raise InputError(
            f"{' and '.join(pointless)} would be ignored, as there is one target, {targets[0]!r}, which has "
            "nothing to share with. Leave this out, or name more `targets`."
        )


def _check_size(check: SettingsCheck, settings: Mapping[str, Any]) -> None:
    """Refuse a trunk that no memory holds; asked for, it would fail in the words of an allocator."""
    width, depth, members = settings["width"], settings["depth"], settings["members"]
    n_weights = width * width * (depth - 1) + width * depth
    if settings["sharing"] == "tabm":
        n_weights += width * depth * members
    if n_weights > _MOST_WEIGHTS:
        check.problems.append(
            f"`width` {width}, `depth` {depth}"
            + (f" and `members` {members}" if settings["sharing"] == "tabm" else "")
            + f" make {n_weights:.1e} weights, more than {_MOST_WEIGHTS:.1e}; lower them"
        )

"""The settings of a table model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from polytask.architectures import architecture_names
from polytask.architectures.catalogue import architecture_entries, architecture_entry
from polytask.architectures.entry import ArchitectureEntry
from polytask.balancing import balancer_names
from polytask.balancing.catalogue import balancer_listing
from polytask.core.records import record_from_json
from polytask.core.settings import SettingsCheck
from polytask.models.saved_settings import SavedSettings

__all__ = ["TableConfig", "check_used", "unused_for"]

_MOST_WEIGHTS = 2**30  # of one trunk: 4 GB, and as much again for gradients and twice for the optimizer


@dataclass(frozen=True, slots=True, kw_only=True)
class TableConfig(SavedSettings):
    """How a table model is built and trained; plain JSON.

    Args:
        architecture: Its name, see `polytask.architectures.architecture_names`: ``"hard"`` is one
            trunk, ``"tabm"`` an ensemble in one.
        balancing: A balancer's name, see `polytask.balancing.balancer_names`.
        width: Units of each layer of the trunk.
        depth: Layers of the trunk.
        dropout: Probability of dropping a unit.
        heads: ``"own"`` for a head of each target's own, ``"shared"`` for one of all numbers, one of all
            targets of two classes, and one of those with the same several classes; None for what the
            architecture has, which is own heads except for ``"own-input"``.
        soft_strength: How strongly ``"soft"`` and ``"trace-norm"`` pull the trunks together.
        members: Networks in the ensemble of ``"tabm"``.
        bins: Numbers are also encoded piecewise linearly in so many bins at most; 0 for none.
        epochs: Passes over the training rows at most.
        patience: A target stops after so many epochs without a lower loss on held-out rows.
        batch_size: Rows a step; None: about a twentieth of the training rows, from 16 to 1,024.
        learning_rate: Of Adam.
        weight_decay: Of AdamW, decoupled.

    Raises:
        InputError: A setting has a wrong type or is out of range; all problems at once.
    """

    architecture: str = "hard"
    balancing: str = "equal"
    width: int = 64
    depth: int = 2
    dropout: float = 0.1
    heads: str | None = None
    soft_strength: float = 1e-2
    members: int = 16
    bins: int = 48
    epochs: int = 200
    patience: int = 30
    batch_size: int | None = None
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2

    def __post_init__(self) -> None:
        check = SettingsCheck()
        checked: dict[str, Any] = {
            "architecture": check.choice("architecture", self.architecture, architecture_names()),
            "balancing": check.choice(
                "balancing", self.balancing, balancer_names(), listing=balancer_listing()
            ),
            "dropout": check.number("dropout", self.dropout, least=0, below=1),
            "learning_rate": check.number("learning_rate", self.learning_rate, above=0),
        }
        for name in ("width", "depth", "members", "epochs", "patience"):
            checked[name] = check.whole(name, getattr(self, name), least=1)
        checked["bins"] = check.whole("bins", self.bins, least=0)
        if self.batch_size is not None:
            checked["batch_size"] = check.whole("batch_size", self.batch_size, least=1)
        for name in ("soft_strength", "weight_decay"):
            checked[name] = check.number(name, getattr(self, name), least=0)
        if self.heads is not None:
            checked["heads"] = check.choice("heads", self.heads, ("own", "shared"))
        if not check.problems and self.heads == "shared":
            _check_heads(check, self.architecture)
        if not check.problems and self.depth < (least := architecture_entry(self.architecture).least_depth):
            check.problems.append(
                f"`architecture` {self.architecture!r} needs a `depth` of {least} or more, got {self.depth}"
            )
        if not check.problems:
            _check_size(check, checked)
        check.settle(self, checked)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Build the settings from what `to_json` gave, also before ``architecture`` was called so."""
        today = {"architecture" if name == "sharing" else name: value for name, value in data.items()}
        return record_from_json(cls, today, name="the settings")


def shares_heads(entry: ArchitectureEntry, heads: str | None) -> bool:
    """Tell whether targets of one kind have one head."""
    return entry.shared_heads if heads is None else heads == "shared"


def _check_heads(check: SettingsCheck, architecture: str) -> None:
    """Refuse one head for targets that it would predict all alike."""
    if architecture_entry(architecture).alike:
        others = [entry.name for entry in architecture_entries().values() if not entry.alike]
        check.problems.append(
            f"`heads='shared'` is not used with `architecture={architecture!r}`, where all targets read one "
            "representation and would be predicted alike; leave it out, or choose an `architecture` of "
            f"{', '.join(others)}"
        )


def check_used(check: SettingsCheck, given: Mapping[str, Any]) -> None:
    """Report settings that were given, but that the architecture does not use."""
    architecture = given.get("architecture", TableConfig().architecture)
    if not isinstance(architecture, str) or architecture not in architecture_names():
        return
    users: dict[str, list[str]] = {}
    for entry in architecture_entries().values():
        for name in entry.uses:
            users.setdefault(name, []).append(entry.name)
    for name, names in users.items():
        if name in given and architecture not in names:
            check.unused(name, "architecture", architecture, names)
    balancing = given.get("balancing", "equal")
    if given.get("bins") is not None and (architecture != "hard" or balancing != "equal"):
        check.problems.append(
            f"`bins` is not used with `architecture={architecture!r}` and `balancing={balancing!r}`; leave "
            "it out, or choose `architecture='hard'` and `balancing='equal'`"
        )


def unused_for(
    targets: Sequence[str],
    config: TableConfig,
    groups: Sequence[Sequence[str]] | None = None,
    *,
    weighed: Sequence[str] = (),
) -> str | None:
    """Say which settings change nothing for these targets: one alone has nothing to share; None if all do.

    Args:
        targets: Their names.
        config: The settings.
        groups: In which they are trained; None for all together.
        weighed: The settings that were given and say how much targets count.
    """
    entry = architecture_entry(config.architecture)
    pointless = [
        *([] if entry.for_one_task else [f"`architecture={config.architecture!r}`"]),
        *([] if config.balancing == "equal" else [f"`balancing={config.balancing!r}`"]),
        *(f"`{name}`" for name in weighed),
    ]
    largest = len(targets) if groups is None else max(map(len, groups))
    if largest > 1 or not pointless:
        return None
    verb = "change" if len(pointless) > 1 or "target_weights" in weighed else "changes"
    why = f"{targets[0]!r} is the only target" if len(targets) == 1 else "each target is alone in its group"
    return f"{' and '.join(pointless)} {verb} nothing, as {why} and shares with none"


def _check_size(check: SettingsCheck, settings: Mapping[str, Any]) -> None:
    """Refuse a trunk that no memory holds; asked for, it would fail in the words of an allocator."""
    width, depth, members = settings["width"], settings["depth"], settings["members"]
    ensemble = "members" in architecture_entry(settings["architecture"]).uses
    n_weights = width * width * (depth - 1) + width * depth
    if ensemble:
        n_weights += width * depth * members
    if n_weights > _MOST_WEIGHTS:
        check.problems.append(
            f"`width` {width}, `depth` {depth}"
            + (f" and `members` {members}" if ensemble else "")
            + f" make {n_weights:.1e} weights, more than {_MOST_WEIGHTS:.1e}; lower them"
        )

"""An ensemble in one network as the trunk that all tasks share."""

from polytask.architectures.entry import ArchitectureEntry, catalogued
from polytask.architectures.hard import HardSharing
from polytask.encoders import TabM
from polytask.encoders.tabm import TabMHead, member_task

__all__ = ["TabMSharing"]


@catalogued(
    ArchitectureEntry(
        name="tabm",
        build=lambda plan: TabMSharing(
            TabM(plan.n_features, plan.widths, n_members=plan.members, dropout=plan.dropout)
        ),
        reference="Gorishniy, Kotelnikov, Babenko, ICLR 2025, arXiv:2410.24210",
        summary="one trunk that is an ensemble",
        uses=("members",),
        for_one_task=True,
        alike=True,
        head=lambda plan, task: TabMHead(task, plan.width, n_members=plan.members),
        trained=member_task,
    )
)
class TabMSharing(HardSharing):
    """Hard sharing of a `polytask.encoders.TabM`, with a `TabMHead` and a `member_task` for each task.

    Args:
        trunk: The ensemble.

    When to use:
        Tables, as the default of `polytask.fit`: an ensemble in the cost of about one network. No
        use where weights must be few.

    References:
        As for `polytask.encoders.TabM`.

    Example:
        >>> import torch
        >>> sharing = TabMSharing(TabM(3, [8], n_members=4))
        >>> sharing(torch.zeros(5, 3), ["a"]).by_task["a"].shape
        torch.Size([5, 4, 8])
    """

    def __init__(self, trunk: TabM) -> None:
        super().__init__(trunk)

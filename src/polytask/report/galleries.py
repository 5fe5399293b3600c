"""Episodes and mistakes as pictures, or texts, side by side."""

from collections.abc import Sequence

from polytask.core.names import short_name
from polytask.models.report_details import Episode, Item
from polytask.report.page import Gallery, Part, Tile

__all__ = ["episode_galleries", "miss_gallery"]

_LONGEST = 30  # letters of a class


def episode_galleries(episode: Episode) -> list[Part]:
    """Show an episode: its labelled examples, and what was said of others."""
    right = sum(item.predicted == item.truth for item in episode.queries)
    support = [Tile(image=item.image, text=item.text, words=_class(item.truth)) for item in episode.support]
    return [
        Gallery(caption="What it was shown: one labelled example of each class", tiles=support),
        Gallery(
            caption=f"What it was asked: {right} of {len(episode.queries)} are right",
            tiles=[_tile(item) for item in episode.queries],
        ),
    ]


def miss_gallery(items: Sequence[Item], *, caption: str) -> Gallery:
    """Show examples that were taken for another class."""
    return Gallery(caption=caption, tiles=[_tile(item) for item in items])


def _tile(item: Item) -> Tile:
    sure = "" if item.probability is None else f", {100 * item.probability:.0f} %"
    named = "" if item.image or item.text or not item.name else f"{short_name(item.name, 60)}: "
    if item.predicted == item.truth:
        words = f"{named}right: {_class(item.truth)}{sure}"
    else:
        words = f"{named}taken for {_class(item.predicted)}{sure}; it is {_class(item.truth)}"
    tone = "good" if item.predicted == item.truth else "bad"
    return Tile(image=item.image, text=item.text, words=words, tone=tone)


def _class(name: str) -> str:
    return short_name(name, _LONGEST)

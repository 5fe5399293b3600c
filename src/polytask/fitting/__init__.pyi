from .few_shot_source import ClassSplit, class_split

__all__ = ["ClassSplit", "class_split"]

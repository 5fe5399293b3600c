"""What requests hold, field by field; their examples stand in the documentation."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Adapt",
    "Changed",
    "Example",
    "FitTable",
    "Forget",
    "MoreExamples",
    "NewName",
    "Predict",
    "Remove",
    "Rename",
]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Example(_Form):
    """A labelled example: one of text, image, sound and vector, and its class."""

    text: str | None = None
    image: str | None = Field(None, description="An image file in base64, or as a data: address.")
    sound: str | None = Field(None, description="A sound file, such as WAV, in base64.")
    vector: list[float | int] | None = None
    label: str = Field(alias="class", min_length=1, max_length=200)


class Predict(_Form):
    """What is to be predicted, of one kind."""

    rows: list[dict[str, Any]] | None = Field(None, description="Rows of a table: a value for each column.")
    texts: list[str] | None = None
    images: list[str] | None = Field(None, description="Image files in base64, or as data: addresses.")
    sounds: list[str] | None = Field(None, description="Sound files in base64.")
    vectors: list[list[float | int]] | None = None
    refuse: float | None = Field(None, description="Which share of known examples may be none of these.")
    sets: float | None = Field(None, description="Add sets of classes that hold this share of labels.")
    intervals: float | None = Field(None, description="Add intervals that hold this share of labels.")
    joint: bool = Field(False, description="Intervals for the labels of all targets together.")
    deviation: bool = Field(False, description="Add the standard deviation of numbers.")
    log_density: bool = Field(False, description="Add the log density of the labels that the rows have.")
    context: list[dict[str, Any]] | None = Field(
        None, description="Labelled rows of tasks, known for this request only."
    )


class MoreExamples(_Form):
    """Labelled examples, or rows of a table with tasks."""

    examples: list[Example] | None = None
    rows: list[dict[str, Any]] | None = None


class Adapt(MoreExamples):
    """The name of the new model, and what it learns from."""

    name: str = Field(min_length=1, max_length=200)


class Rename(_Form):
    """A class, and its new name."""

    label: str = Field(alias="class", min_length=1)
    to: str = Field(min_length=1, max_length=200)


class NewName(_Form):
    """The new name of a class that the path names."""

    rename: str = Field(min_length=1, max_length=200)


class Remove(_Form):
    """A class."""

    label: str = Field(alias="class", min_length=1)


class Changed(_Form):
    """An example, and the class that it belongs to."""

    example: str = Field(min_length=1)
    label: str = Field(alias="class", min_length=1, max_length=200)


class Forget(_Form):
    """An example."""

    example: str = Field(min_length=1)


class FitTable(_Form):
    """The name of the new model, its targets, and settings of the fit."""

    name: str = Field(min_length=1, max_length=200)
    targets: list[str] = Field(min_length=1, max_length=200)
    options: dict[str, Any] = Field(default_factory=dict)

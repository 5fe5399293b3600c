"""A many-class image set drawn from installed fonts: few-shot learning without a download."""

import math
from typing import get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from polytask.core import DataError
from polytask.core.random import numpy_generator
from polytask.data.episodes.labelled_examples import LabelledExamples
from polytask.datasets.glyph_parts.alphabets import Part
from polytask.datasets.glyph_parts.drawings import Character, characters

__all__ = ["deformed", "glyphs"]

_CHUNK = 1024  # images warped at once
_SIZES = range(8, 65)

# Ranges of the perturbations; the coordinates of an image run from -1 to 1.
_ROTATION = math.radians(15)
_SHEAR = 0.20
_SCALE = 0.18  # of log size
_STRETCH = 0.15  # of log aspect
_SHIFT = 0.10
_ERODE, _DILATE = -0.5, 1.0  # of a pixel of the canvas, on both sides of a stroke
_N_NUMBERS = 7


def glyphs(part: Part, *, n_samples: int = 20, size: int = 28, seed: int = 0) -> LabelledExamples:
    """Draw characters in many fonts, mildly deformed: a class is a character.

    The parts have no script in common: train on Latin, digits and symbols (401 classes), validate on Cyrillic
    and Lao (59), test on Greek, Armenian and Georgian (105). Characters that look like one of another part,
    such as the Greek capital Alpha, are left out; so are accented ones.

    The samples of a class show its 6 to 16 faces in turn (weights and slants of DejaVu Sans, Sans Mono, Serif
    and of STIX), scaled to fill the image, then rotated, sheared, stretched, shifted, and with thinner or
    thicker strokes. The first samples are the same whatever ``n_samples``.

    Args:
        part: ``"train"``, ``"validation"`` or ``"test"``.
        n_samples: Images per class.
        size: Height and width, 8 to 64.
        seed: Decides faces and deformations; the classes are always the same.

    Returns:
        uint8 ``[example, 1, size, size]``, ink 255 on 0, by class; the group of a class is its script.

    Raises:
        DataError: An argument is out of range, or the installed fonts are not as expected.
        MissingPackageError: ``matplotlib``, whose fonts are used, or ``pillow`` is not installed.

    Example:
        >>> examples = glyphs("validation", n_samples=2)
        >>> examples.inputs.shape, examples.class_names[:3]
        (torch.Size([118, 1, 28, 28]), ('Ђ', 'Љ', 'Њ'))
    """
    problems = []
    if part not in get_args(Part):
        problems.append(f"`part` is {part!r}; use one of {', '.join(get_args(Part))}")
    if n_samples < 1:
        problems.append(f"`n_samples` must be at least 1, got {n_samples}")
    if size not in _SIZES:
        problems.append(f"`size` must be a whole number from {_SIZES[0]} to {_SIZES[-1]}, got {size}")
    if problems:
        raise DataError("glyphs: " + "; ".join(problems) + ".")
    drawn = characters(part)
    chosen, numbers = zip(*(_draw(character, n_samples, seed) for character in drawn), strict=True)
    images = deformed(torch.cat(chosen), torch.cat(numbers), size)
    return LabelledExamples(
        inputs=images,
        labels=torch.arange(len(drawn)).repeat_interleave(n_samples),
        class_names=tuple(character.text for character in drawn),
        class_groups=tuple(character.script for character in drawn),
    )


def _draw(character: Character, n_samples: int, seed: int) -> tuple[Tensor, Tensor]:
    """Choose faces ``[sample, canvas, canvas]`` and random numbers in [-1, 1] ``[sample, number]``."""
    draw = numpy_generator(seed, "glyphs", character.text)
    n_faces = len(character.faces)
    order = draw.permutation(n_faces)
    faces = character.faces[torch.from_numpy(order[np.arange(n_samples) % n_faces])]
    return faces, torch.from_numpy(draw.uniform(-1, 1, (n_samples, _N_NUMBERS))).float()


def deformed(faces: Tensor, numbers: Tensor, size: int) -> Tensor:
    """Turn drawings into images.

    Args:
        faces: uint8 ``[image, canvas, canvas]``.
        numbers: What decides the deformation of each, from -1 to 1, ``[image, 7]``.
        size: Height and width of an image.

    Returns:
        uint8 ``[image, 1, size, size]``.
    """
    parts = []
    for drawings, drawn in zip(faces.split(_CHUNK), numbers.split(_CHUNK), strict=True):
        inked = _stroke(drawings.unsqueeze(1) / 255, drawn[:, -1])  # [image, 1, canvas, canvas]
        # Sampled at twice the size, then averaged: bilinear sampling alone would alias.
        grid = functional.affine_grid(
            _affine(drawn), [len(drawn), 1, 2 * size, 2 * size], align_corners=False
        )
        warped = functional.avg_pool2d(functional.grid_sample(inked, grid, align_corners=False), 2)
        parts.append((warped * 255).round().to(torch.uint8))
    return torch.cat(parts)


def _affine(numbers: Tensor) -> Tensor:
    """Build the maps from image to drawing, ``[image, 2, 3]``, out of numbers in [-1, 1]."""
    angle, shear, scale, stretch, shift_x, shift_y = numbers[:, :6].unbind(1)
    cosine, sine = torch.cos(_ROTATION * angle), torch.sin(_ROTATION * angle)
    wide = torch.exp(_SCALE * scale + _STRETCH * stretch)
    high = torch.exp(_SCALE * scale - _STRETCH * stretch)
    slant = _SHEAR * shear
    rows = [
        [wide * cosine, wide * (slant * cosine - sine), _SHIFT * shift_x],
        [high * sine, high * (slant * sine + cosine), _SHIFT * shift_y],
    ]
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


def _stroke(drawings: Tensor, number: Tensor) -> Tensor:
    """Thin or thicken the strokes of drawings ``[image, 1, canvas, canvas]``."""
    amount = (_ERODE + (_DILATE - _ERODE) * (number + 1) / 2).view(-1, 1, 1, 1)
    thick = functional.max_pool2d(drawings, 3, stride=1, padding=1)
    thin = -functional.max_pool2d(-drawings, 3, stride=1, padding=1)
    return drawings + amount.clamp(min=0) * (thick - drawings) - amount.clamp(max=0) * (thin - drawings)

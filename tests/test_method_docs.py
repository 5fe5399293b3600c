"""The site's page of a method is its docstring: each says when to use it, and where it comes from."""

import importlib
import inspect

import pytest

from polytask.architectures.catalogue import ARCHITECTURES
from polytask.balancing.catalogue import BALANCERS
from polytask.core.catalogue import Catalogue
from polytask.meta.catalogue import LEARNERS

WITHOUT_PAPER = {"EqualWeights"}


def owners(catalogue: Catalogue) -> set[type]:
    parts = (path.partition(":") for path in catalogue.paths.values())
    return {getattr(importlib.import_module(module, catalogue.package), name) for module, _, name in parts}


@pytest.mark.parametrize("catalogue", [BALANCERS, ARCHITECTURES, LEARNERS], ids=lambda one: one.package)
def test_a_method_says_when_to_use_it_and_names_its_paper(catalogue: Catalogue) -> None:
    lacking = [
        f"{owner.__name__}: {section}"
        for owner in owners(catalogue)
        for section in ("When to use:", "References:")
        if section not in (inspect.getdoc(owner) or "")
        and not (section == "References:" and owner.__name__ in WITHOUT_PAPER)
    ]
    assert not lacking


@pytest.mark.parametrize("catalogue", [BALANCERS, ARCHITECTURES, LEARNERS], ids=lambda one: one.package)
def test_when_to_use_a_method_differs_from_method_to_method(catalogue: Catalogue) -> None:
    told = [(inspect.getdoc(owner) or "").partition("When to use:")[2][:60] for owner in owners(catalogue)]
    assert len(set(told)) == len(told)

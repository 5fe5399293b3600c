"""Users import a method's class from the package that lists it; none is forgotten there."""

from importlib import import_module

import pytest

from polytask.architectures.catalogue import ARCHITECTURES
from polytask.balancing.catalogue import BALANCERS
from polytask.core.catalogue import Catalogue
from polytask.meta.catalogue import LEARNERS


@pytest.mark.parametrize("catalogue", [BALANCERS, ARCHITECTURES, LEARNERS], ids=lambda one: one.package)
def test_what_a_catalogue_names_is_listed_by_the_package_of_its_file(catalogue: Catalogue) -> None:
    missing = []
    for module, _, owner in (path.partition(":") for path in catalogue.paths.values()):
        folder, _, file = module.rpartition(".")
        package = import_module(catalogue.package + folder)
        listing = package if hasattr(package, "__all__") else import_module(catalogue.package)
        if owner not in listing.__all__:
            missing.append(f"{listing.__name__}/__init__.pyi: from .{file} import {owner}")
    assert not missing, "\n".join(missing)


def test_a_balancer_is_listed_once() -> None:
    room, methods = import_module("polytask.balancing"), import_module("polytask.balancing.methods")
    assert not set(room.__all__) & set(methods.__all__)
    assert {getattr(methods, name).__module__.rpartition(".")[0] for name in methods.__all__} == {
        "polytask.balancing.methods"
    }


def test_a_learner_is_listed_once() -> None:
    families = [import_module(f"polytask.meta.{name}") for name in ("initialization", "metric", "model")]
    families += [import_module("polytask.meta.optimization"), import_module("polytask.meta")]
    names = [name for family in families for name in family.__all__]
    assert len(names) == len(set(names))

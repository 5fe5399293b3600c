"""A method from outside the package is one file and one line; names cost nothing to list."""

import subprocess
import sys

import pytest
import torch

from polytask.architectures import architecture_names
from polytask.architectures.catalogue import ARCHITECTURES, architecture_entries
from polytask.balancing import Balancer, balancer_by_name, balancer_names
from polytask.balancing.catalogue import BALANCERS, balancer_entries
from polytask.checks import check_balancer, check_learner
from polytask.core import Batch, Episode, InputError, Sharing, Task
from polytask.meta import learner_names
from polytask.meta.catalogue import LEARNERS, learner_by_name, learner_entry
from polytask.models.few_shot_config import FewShotConfig
from polytask.models.table_config import TableConfig
from polytask.models.table_learner import build_table_learner

BALANCER = '''
import torch
from polytask.balancing import Balancer, Evidence, Weights
from polytask.balancing.balancer import catalogued

@catalogued("longest", "nobody, nowhere, 2031")
class Longest(Balancer):
    """Give all the longest gradient's length."""

    def forward(self, evidence: Evidence) -> Weights:
        lengths = evidence.gramian().diagonal().clamp(min=0).sqrt()
        return Weights(values=torch.where(lengths > 0, lengths.max() / lengths.clamp(min=1e-300), 1.0))
'''

ARCHITECTURE = '''
from polytask.architectures.entry import ArchitectureEntry, catalogued
from polytask.core import PerTask, Representation, Sharing

@catalogued(
    ArchitectureEntry(
        name="two-storeys",
        build=lambda plan: TwoStoreys(plan.names, plan.layers()),
        reference="nobody, nowhere, 2031",
        summary="all layers but the last are shared",
        least_depth=2,
    )
)
class TwoStoreys(Sharing):
    """Share all layers but the last."""

    def __init__(self, names, layers):
        super().__init__()
        self.low = layers[0]()
        self.high = PerTask({name: layers[1]() for name in names})

    def forward(self, inputs, names):
        low = self.low(inputs)
        return Representation(by_task={name: self.high[name](low) for name in names})
'''

LEARNER = '''
from polytask.meta.metric import Prototypes
from polytask.meta.entry import catalogued

@catalogued("near", "nobody, nowhere, 2031", family="metric", train_way=7)
class Near(Prototypes):
    """Nearest class mean, under another name."""
'''

TASKS = [Task(name="low", kind="regression"), Task(name="high", kind="binary")]


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """Files outside the package, and the line that each needs."""
    (tmp_path / "longest_of_mine.py").write_text(BALANCER)
    (tmp_path / "storeys_of_mine.py").write_text(ARCHITECTURE)
    (tmp_path / "near_of_mine.py").write_text(LEARNER)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(LEARNERS.paths, "near", "near_of_mine:Near")
    monkeypatch.setitem(BALANCERS.paths, "longest", "longest_of_mine:Longest")
    monkeypatch.setitem(ARCHITECTURES.paths, "two-storeys", "storeys_of_mine:TwoStoreys")
    yield
    for name in ("longest_of_mine", "storeys_of_mine", "near_of_mine"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("outside")
def test_a_balancer_is_one_file_and_one_line():
    assert "longest" in balancer_names()
    assert balancer_entries()["longest"].reference == "nobody, nowhere, 2031"
    check_balancer(lambda names: balancer_by_name("longest", names))
    assert TableConfig(balancing="longest").balancing == "longest"


@pytest.mark.usefixtures("outside")
def test_an_architecture_is_one_file_and_one_line():
    config = TableConfig(architecture="two-storeys", width=4, dropout=0.0)
    assert architecture_entries()["two-storeys"].summary == "all layers but the last are shared"
    learner = build_table_learner(TASKS, 3, config)
    inputs = torch.randn(6, 3)
    targets = {"low": torch.randn(6), "high": torch.tensor([0.0, 1, 1, 0, 1, 0])}
    check_learner(learner, [Episode(tasks=tuple(TASKS), query=Batch(inputs=inputs, targets=targets))])
    assert type(learner.sharing).__name__ == "TwoStoreys"
    assert type(build_table_learner(TASKS[:1], 3, config).sharing).__name__ == "HardSharing"
    with pytest.raises(InputError, match="'two-storeys' needs a `depth` of 2 or more, got 1"):
        TableConfig(architecture="two-storeys", depth=1)


@pytest.mark.usefixtures("outside")
def test_a_learner_is_one_file_and_one_line():
    config = FewShotConfig(learner="near", way=3, size=16, width=4).filled(n_classes=20)
    assert (learner_entry("near").reference, config.train_way) == ("nobody, nowhere, 2031", 7)
    assert type(learner_by_name("near", config.image_task())).__name__ == "Near"


def test_every_name_of_a_catalogue_is_that_of_its_class():
    for catalogue in (BALANCERS, ARCHITECTURES, LEARNERS):
        assert all(entry.name == name and entry.reference for name, entry in catalogue.entries().items())


def test_a_class_above_does_not_lend_its_name():
    assert Balancer.entries == Sharing.entries == ()
    for catalogue in (BALANCERS, ARCHITECTURES):
        owners = {catalogue.paths[name].partition(":")[2] for name in catalogue.names()}
        assert len(owners) >= len(catalogue.names()) - 1  # one class stands there twice


def test_an_unknown_name_is_refused_with_those_that_there_are():
    with pytest.raises(InputError, match=r"No balancer is called 'best'; .*balancer_names\(\)` lists all"):
        balancer_by_name("best", ["a"])


def test_names_are_listed_without_torch():
    code = (
        "import sys; from polytask.balancing import balancer_names; "
        "from polytask.architectures import architecture_names; from polytask.meta import learner_names; "
        "names = (balancer_names(), architecture_names(), learner_names()); "
        "print(*map(len, names), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    counts = [len(names()) for names in (balancer_names, architecture_names, learner_names)]
    assert done.stdout.split() == [*map(str, counts), "False"]

"""What the bundle of a network that reads rows must hold."""

import pytest
import torch

import polytask
from polytask.core import BundleError
from polytask.models.bundle import Bundle, load_bundle
from polytask.models.in_context_model import InContextModel


@pytest.fixture
def bundle(tmp_path) -> Bundle:
    def prior(generator):
        x = torch.rand(5, 1, generator=generator)
        return x, x[:, 0] + torch.randn(5, generator=generator)

    model = polytask.learn(prior, steps=1, width=8, progress=False).adapt([[0.1], [0.7]], [1.0, 2.0])
    model.save(tmp_path / "m")
    return load_bundle(tmp_path / "m")


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        ("bars.borders", lambda held: held.flip(0), "the borders of the bars do not rise"),
        ("known/task", lambda held: held + 7, "rows belong to tasks that have no name"),
        ("known/task", lambda held: held.float(), "types or shapes that do not fit"),
        ("known/labels", lambda held: held[:1], "sizes that do not fit"),
        ("known/inputs", lambda held: held.repeat(1, 2), "another number of features"),
        ("encoder.weight", lambda held: held[:4], "do not fit the description"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(bundle, name, change, problem):
    tensors = {key: tensor.clone() for key, tensor in bundle.tensors.items()}
    tensors[name] = change(tensors[name])
    spoilt = Bundle(kind=bundle.kind, config=bundle.config, tensors=tensors, data=bundle.data, files={})
    with pytest.raises(BundleError, match=problem):
        InContextModel.from_bundle(spoilt)

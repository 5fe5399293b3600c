"""Image encoders around models of timm."""

import sys
from types import ModuleType

import pytest
import torch
from torch import nn

from polytask.architectures import HardSharing
from polytask.checks import check_learner
from polytask.core import (
    Batch,
    Episode,
    InputError,
    MissingPackageError,
    SharedModel,
    Task,
    generator,
    seeded,
    shared_parameters,
)
from polytask.encoders.pretrained_image import TimmEncoder, timm_encoder

MEAN, SPREAD = (0.1, 0.2, 0.6), (0.5, 0.25, 0.15)


class Network(nn.Module):
    """Stand in for a model of timm: pooled features, without a classifier."""

    def __init__(self, n_channels: int = 3, width: int = 5) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(n_channels, width, 3)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, images):
        return self.norm(self.convolution(images)).mean((2, 3))


def create_model(model_name, pretrained=False, num_classes=1000, in_chans=3, width=5):
    assert num_classes == 0
    if model_name != "tiny":
        raise RuntimeError(f"Unknown model ({model_name})")
    if pretrained:
        raise FileNotFoundError("the hub cannot be reached")
    return Network(in_chans, width)


@pytest.fixture
def timm(monkeypatch):
    fake, data = ModuleType("timm"), ModuleType("timm.data")
    data.resolve_model_data_config = lambda model: {"mean": MEAN, "std": SPREAD, "input_size": (3, 32, 32)}
    fake.create_model, fake.data = create_model, data
    monkeypatch.setitem(sys.modules, "timm", fake)
    monkeypatch.setitem(sys.modules, "timm.data", data)


def images(n_channels: int = 3) -> torch.Tensor:
    return torch.rand(6, n_channels, 8, 8, generator=generator(0, "images"))


def encoder(tuned: bool = True) -> TimmEncoder:
    with seeded(0, "initialization"):
        return TimmEncoder(Network(), mean=MEAN, spread=SPREAD, tuned=tuned)


def test_channels_are_shifted_and_scaled_before_the_network():
    found = encoder().eval()
    x = images()
    expected = torch.stack([(x[:, c] - MEAN[c]) / SPREAD[c] for c in range(3)], 1)
    torch.testing.assert_close(found(x), found.network(expected))


def test_a_name_is_built_by_timm_with_its_own_means(timm):
    found = timm_encoder("tiny", width=7).eval()
    scaled = (images() - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(SPREAD).view(3, 1, 1)
    torch.testing.assert_close(found(images()), found.network(scaled))
    assert found(images()).shape == (6, 7)
    torch.testing.assert_close(found.mean.flatten(), torch.tensor(MEAN))
    torch.testing.assert_close(found.spread.flatten(), torch.tensor(SPREAD))


def test_other_channels_have_the_average_of_the_means(timm):
    found = timm_encoder("tiny", n_channels=1).eval()
    torch.testing.assert_close(found(images(1)), found.network((images(1) - 0.3) / 0.3))
    torch.testing.assert_close(found.mean.flatten(), torch.tensor([0.3]))
    torch.testing.assert_close(found.spread.flatten(), torch.tensor([0.3]))


def test_a_frozen_network_has_nothing_to_train_and_keeps_its_statistics():
    found = encoder(tuned=False).train()
    before = found.network.norm.running_mean.clone()
    answers = found(images())
    assert shared_parameters(found) == [] and not answers.requires_grad
    assert found.training and torch.equal(found.network.norm.running_mean, before)


def test_a_tuned_network_is_trained_and_moves_its_statistics():
    found = encoder().train()
    before = found.network.norm.running_mean.clone()
    found(images()).square().sum().backward()
    assert bool(found.network.convolution.weight.grad.any())
    assert not torch.equal(found.network.norm.running_mean, before)


@pytest.mark.parametrize("tuned", [False, True])
def test_a_model_of_images_keeps_the_contract_of_learners(tuned):
    task = Task(name="kind", kind="multiclass", n_outputs=3)
    with seeded(0, "head"):
        model = SharedModel([task], HardSharing(encoder(tuned)), {"kind": nn.Linear(5, 3)})
    targets = {"kind": torch.randint(3, (6,), generator=generator(0, "labels"))}
    check_learner(model, [Episode(tasks=(task,), query=Batch(inputs=images(), targets=targets))])


def test_a_model_that_timm_does_not_have_is_named(timm):
    with pytest.raises(InputError, match=r"timm cannot build 'huge': Unknown model \(huge\)\.$"):
        timm_encoder("huge")


def test_weights_that_cannot_be_had_offline_are_explained(timm):
    with pytest.raises(InputError, match=r"'tiny': the hub cannot be reached\. Without network, give"):
        timm_encoder("tiny", pretrained=True)


def test_without_the_package_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    monkeypatch.setitem(sys.modules, "timm.data", None)
    with pytest.raises(MissingPackageError, match=r'pip install "polytask\[vision\]"'):
        timm_encoder("resnet18")


@pytest.mark.parametrize("wrong", [images(1), images()[0], (images() * 255).to(torch.uint8)])
def test_inputs_that_are_no_such_images_are_refused(wrong):
    with pytest.raises(InputError, match=r"floats \[image, 3, height, width\] from 0 to 1, but are torch\."):
        encoder()(wrong)


@pytest.mark.parametrize(("mean", "spread"), [([], []), ([0.5], [0.2, 0.2]), ([0.5], [0.0])])
def test_means_and_spreads_must_fit(mean, spread):
    with pytest.raises(InputError, match="need a number for each channel, and spreads are positive; got"):
        TimmEncoder(nn.Identity(), mean=mean, spread=spread)


def test_a_real_model_of_timm_is_built_without_its_classifier():
    pytest.importorskip("timm")
    found = timm_encoder("resnet18", n_channels=1)
    assert found(torch.rand(2, 1, 32, 32, generator=generator(0, "real"))).shape == (2, 512)

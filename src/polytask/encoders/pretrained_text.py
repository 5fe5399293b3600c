"""Texts as the vectors of a pretrained language model."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from polytask.core import InputError, MissingPackageError
from polytask.core.batch import Inputs
from polytask.core.copied_module import module_copy

__all__ = ["SentenceEncoder", "Tokenize"]

Tokenize = Callable[..., Mapping[str, object]]
"""A tokenizer of Hugging Face: called with texts and ``padding``, ``truncation`` and ``return_tensors``."""


class SentenceEncoder(nn.Module):
    r"""Encode texts by a pretrained model, frozen or tuned along.

    The model is one of these:

    - a name, of a model on the Hugging Face hub or the folder of a saved one, loaded by
      sentence-transformers; a model that is no sentence encoder gets the average over its tokens;
    - a ``SentenceTransformer`` that is loaded already;
    - a text model of Hugging Face with its ``tokenizer``; its last hidden states are averaged:

    .. math:: \frac{\sum_i m_i h_i}{\sum_i m_i}, \qquad m = \text{the attention mask}

    A batch holds tensors, so that texts become tokens first, by `tokens`, once for all texts that are used
    together; the tokens of a batch are its inputs, a mapping of tensors ``[text, token]``. Where the model is
    frozen, `vectors` gives the representations once and for all, and the encoder need not be run in training.

    Args:
        model: The model, or its name.
        tokenizer: What makes the tokens of a Hugging Face model; None for sentence-transformers.
        tuned: Whether the model is trained. If not, its parameters do not train, it stays in evaluation mode
            and keeps no graph.

    Raises:
        MissingPackageError: A name is given, and sentence-transformers is not installed.
        InputError: No model of this name can be loaded, or a name comes with a tokenizer; or, when run, the
            inputs are no tokens.

    References:
        Nils Reimers, Iryna Gurevych, "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks", EMNLP
        2019, arXiv:1908.10084, for the average over tokens.

    Example:
        Needs ``pip install "polytask[text]"``, and the network or a saved model:

        >>> encoder = SentenceEncoder("sentence-transformers/all-MiniLM-L6-v2")  # doctest: +SKIP
        >>> encoder(encoder.tokens(["a cat", "two cats"])).shape  # doctest: +SKIP
        torch.Size([2, 384])
    """

    def __init__(
        self, model: nn.Module | str, *, tokenizer: Tokenize | None = None, tuned: bool = False
    ) -> None:
        super().__init__()
        if isinstance(model, str) and tokenizer is not None:
            raise InputError(
                f"`model` is the name {model!r}, which brings its own tokenizer; leave `tokenizer` out, or "
                "give the model itself."
            )
        network = _loaded(model) if isinstance(model, str) else model
        self.network = network if tuned else network.requires_grad_(False)
        self.tokenizer, self.tuned = tokenizer, tuned
        self.train(self.training)

    def train(self, mode: bool = True) -> "SentenceEncoder":
        """Set training mode; a frozen model stays in evaluation mode."""
        super().train(mode)
        if not self.tuned:
            self.network.eval()
        return self

    def forward(self, inputs: Inputs) -> Tensor:
        """Represent tokens, tensors ``[text, token]`` by name, as ``[text, width]``."""
        if isinstance(inputs, Tensor) or "input_ids" not in inputs or "attention_mask" not in inputs:
            raise InputError(
                "The inputs must be a mapping with `input_ids` and `attention_mask`, tensors [text, token]; "
                "make them with the encoder's `tokens`."
            )
        with torch.set_grad_enabled(self.tuned and torch.is_grad_enabled()):
            if self.tokenizer is None:
                return self.network(dict(inputs))["sentence_embedding"]
            return _average(self.network(**inputs), inputs["attention_mask"])

    def tokens(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Turn texts into what `forward` reads, filled up to the longest of them.

        Returns:
            ``[text, token]`` by name, among them ``input_ids`` and ``attention_mask``. What a text has beyond
            the model's length is cut off.

        Raises:
            InputError: There is no text, or one of them is no string.
        """
        odd = [position for position, text in enumerate(texts) if not isinstance(text, str)]
        if isinstance(texts, str) or not len(texts) or odd:
            what = f"{type(texts[odd[0]]).__name__} at position {odd[0]}" if odd else f"{texts!r}"
            raise InputError(f"`texts` must be a list of one string or more, but there is {what}.")
        if self.tokenizer is None:
            # Methods of its own: newer versions have the first, and warn of the second.
            network: Any = self.network
            read = network.preprocess if hasattr(network, "preprocess") else network.tokenize
            found = read(list(texts))
        else:
            found = self.tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
        return {name: value for name, value in found.items() if isinstance(value, Tensor)}

    @torch.no_grad()
    def vectors(self, texts: Sequence[str], *, batch_size: int = 32) -> Tensor:
        """Return the representations ``[text, width]`` of texts, in evaluation mode and without gradients.

        Args:
            texts: Any number of texts.
            batch_size: How many are run at once, on the device of the model.

        Raises:
            InputError: There is no text, or one of them is no string.
        """
        device = next((each.device for each in self.network.parameters()), torch.device("cpu"))
        own = module_copy(self, training=False)
        pieces = []
        for start in range(0, max(len(texts), 1), batch_size):
            tokens = own.tokens(texts[start : start + batch_size])
            pieces.append(own({name: ids.to(device) for name, ids in tokens.items()}))
        return torch.cat(pieces)


def _average(output: object, mask: Inputs) -> Tensor:
    """Average the hidden states ``[text, token, width]`` of what a Hugging Face model says."""
    hidden: Tensor = output["last_hidden_state"]  # pyright: ignore[reportIndexIssue] - a ModelOutput has names
    weights = torch.as_tensor(mask).unsqueeze(-1).to(hidden)  # [text, token, 1]
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)


def _loaded(name: str) -> nn.Module:
    """Load a model by sentence-transformers."""
    try:
        package = importlib.import_module("sentence_transformers")
    except ImportError as error:
        raise MissingPackageError(
            "sentence-transformers", extra="text", purpose="a text encoder by name"
        ) from error
    try:
        return package.SentenceTransformer(name)
    except (OSError, ValueError, RuntimeError) as error:  # what the hub and its models raise
        raise InputError(
            f"No text encoder {name!r} can be loaded: {error} Without network, give the folder of a saved "
            "model, or a model that is loaded already."
        ) from error

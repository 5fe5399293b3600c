r"""The share of each task in what is drawn, by how many rows it has.

With :math:`n_t` rows of task :math:`t` its share is in proportion to :math:`n_t^{1/\tau}`: to :math:`n_t`
with temperature :math:`\tau = 1` (proportional), to 1 with an infinite one (all alike, as in round robin).

References:
    Jacob Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding",
    NAACL 2019, arXiv:1810.04805, whose released multilingual model has :math:`1/\tau = 0.7`.

    Naveen Arivazhagan et al., "Massively Multilingual Neural Machine Translation in the Wild: Findings and
    Challenges", 2019, arXiv:1907.05019: :math:`\tau = 5`.
"""

import numpy as np

__all__ = ["SAMPLING_LAWS", "USUAL_TEMPERATURE", "sampling_shares"]

SAMPLING_LAWS = ("proportional", "temperature", "round-robin")

USUAL_TEMPERATURE = 5.0


def sampling_shares(counts: np.ndarray, law: str, temperature: float = USUAL_TEMPERATURE) -> np.ndarray:
    """Return the share of each task, float64 ``[task]``, of sum 1.

    Args:
        counts: Rows of each, 1 at least, ``[task]``.
        law: One of `SAMPLING_LAWS`.
        temperature: Of that law, above 0.

    Example:
        >>> sampling_shares(np.array([100, 1]), "temperature", 2).round(3).tolist()
        [0.909, 0.091]
    """
    exponent = {"proportional": 1.0, "temperature": 1 / temperature, "round-robin": 0.0}[law]
    logs = exponent * np.log(counts)
    shares = np.exp(logs - logs.max())  # the largest is 1, whatever the exponent
    return shares / shares.sum()

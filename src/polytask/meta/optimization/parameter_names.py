"""Names of parameters as keys of a `torch.nn.ParameterDict`, which allows no dots."""

__all__ = ["as_key"]


def as_key(name: str) -> str:
    """Return the key for the parameter of a model.

    Example:
        >>> as_key("0.weight")
        '0/weight'
    """
    return name.replace(".", "/")

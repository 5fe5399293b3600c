"""The models in the cache: which are there, whether they are whole, and their files' verified contents."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from polytask.core import DataError, InputError
from polytask.core.doors import by_door
from polytask.core.names import near_names
from polytask.encoders.pretrained.location import cache_folder
from polytask.encoders.pretrained.registry import MODELS, PretrainedFile, PretrainedModel

__all__ = ["check_models", "is_stored", "model_file", "model_fingerprint", "model_folder", "model_named"]


def model_named(name: str) -> PretrainedModel:
    """Return the entry of a model.

    Raises:
        InputError: There is no model of this name.
    """
    if name in MODELS:
        return MODELS[name]
    meant = near_names(name, MODELS)
    hint = f"; did you mean {meant[0]!r}?" if meant else "."
    raise InputError(f"There is no model {name!r}{hint} There are {', '.join(MODELS)}.")


def model_folder(model: PretrainedModel) -> Path:
    """Return the folder of a model in the cache, whose name changes with the wheel that it comes from."""
    return cache_folder() / "models" / f"{model.name}-{model.sha256[:12]}"


def is_stored(model: PretrainedModel) -> bool:
    """Tell whether all files of a model are in the cache, by name and size; see `check_models`."""
    folder = model_folder(model)
    try:
        return all((folder / file.path).stat().st_size == file.n_bytes for file in model.files)
    except OSError:
        return False


def check_models(names: Iterable[str] | None = None) -> dict[str, str]:
    """Compare every file of models in the cache with its hash.

    Args:
        names: Which models; None for all.

    Returns:
        What is wrong, by name: empty for a model whose files are all right, ``"not in the cache"``, or which
        file is missing or changed.

    Raises:
        InputError: There is no model of this name.
    """
    return {model.name: _problem(model) for model in map(model_named, MODELS if names is None else names)}


def model_file(name: str, path: str) -> bytes:
    """Return the content of a file of a model, compared with its hash.

    Args:
        name: A model of `MODELS`.
        path: The name of one of its files.

    Raises:
        InputError: There is no such model.
        DataError: The file is missing or changed; the message has the line to type.
    """
    model = model_named(name)
    (file,) = (file for file in model.files if file.path == path)
    place = model_folder(model) / path
    try:
        content = place.read_bytes()
    except FileNotFoundError as error:
        raise DataError(
            f"The model {name!r} is not in the cache: there is no {place}. {_how(name)}"
        ) from error
    except OSError as error:
        raise DataError(f"{place} cannot be read: {error.strerror or error}. {_how(name)}") from error
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise DataError(f"The file {place} of the model {name!r} is changed or damaged. {_how(name)}")
    return content


def model_fingerprint(name: str, preparation: str) -> str:
    """Return a digest of a model's files and of how its items are prepared; the files need not be there.

    Args:
        name: A model of `MODELS`.
        preparation: What else decides about the vectors, in words that change with it.
    """
    files = "".join(f"{file.path}={file.sha256};" for file in model_named(name).files)
    return hashlib.sha256(f"{name};{files}{preparation}".encode()).hexdigest()


def _problem(model: PretrainedModel) -> str:
    folder = model_folder(model)
    if not folder.is_dir():
        return "not in the cache"
    problems = [f"{file.path} {problem}" for file in model.files if (problem := _file_problem(folder, file))]
    return "; ".join(problems)


def _file_problem(folder: Path, file: PretrainedFile) -> str:
    try:
        with (folder / file.path).open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return "" if digest == file.sha256 else "is changed or damaged"


def _how(name: str) -> str:
    call = by_door(
        python=f"`polytask.encoders.fetch_models([{name!r}])`, or at the shell", command="this line"
    )
    return f"Get it by {call}: polytask models fetch {name}"

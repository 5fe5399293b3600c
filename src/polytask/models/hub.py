"""Models on the Hugging Face hub: pushed with their card, and fetched with every checksum verified."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polytask.core import InputError, MissingPackageError
from polytask.core.errors import first_line
from polytask.core.files import user_path
from polytask.models.bundle_description import check_directory, read_description
from polytask.models.bundle_folder import DESCRIPTION
from polytask.models.bundle_pages import CARD, PAGES, write_beside
from polytask.models.model_card import model_card
from polytask.models.model_record import ModelRecord
from polytask.models.saved import load
from polytask.models.saved_model import SavedModel

if TYPE_CHECKING:
    from polytask.models.saved import AnyModel

__all__ = ["from_hub", "push_to_hub"]

_OURS = ("*.json", "*.toml", "*.safetensors")  # of a bundle; nothing else is fetched, and never a pickle


def push_to_hub(
    model: SavedModel | str | Path,
    repo: str,
    *,
    private: bool | None = None,
    token: str | None = None,
    revision: str | None = None,
    message: str = "A model of polytask",
) -> str:
    """Put a model on the Hugging Face hub, with its card as ``README.md``.

    The files of the model replace those of an earlier one there, in one commit. ``report.html`` goes along
    where it stands beside a saved model.

    Args:
        model: The model, or the directory of a saved one.
        repo: ``"owner/name"``; it is made if it is not there.
        private: Whether only its owner sees a repository that is made now; None for the owner's usual.
        token: Of the hub; None for the one that ``hf auth login`` keeps, or ``HF_TOKEN``.
        revision: The branch; None for the main one.
        message: Of the commit.

    Returns:
        The address of the commit.

    Raises:
        MissingPackageError: huggingface_hub is not installed.
        BundleError: The directory holds no model, or a changed one.
        InputError: The hub is out of reach, or refuses it.
    """
    hub = _hub()
    _check_repo(repo)
    with tempfile.TemporaryDirectory(prefix="polytask-hub-") as folder:
        directory = model.save(Path(folder) / "model") if isinstance(model, SavedModel) else user_path(model)
        record = ModelRecord.read(directory)  # verifies every file
        if not (directory / CARD).exists():
            write_beside(directory, CARD, model_card(record, name=repo.rpartition("/")[2]))
        names = [DESCRIPTION, *read_description(directory)["files"]]
        names += [page for page in PAGES if (directory / page).is_file()]
        with _fenced(repo, "push to"):
            api = hub.HfApi(token=token)
            api.create_repo(repo, private=private, exist_ok=True)
            found = api.upload_folder(
                repo_id=repo,
                folder_path=directory,
                allow_patterns=names,
                delete_patterns=list(_OURS),
                revision=revision,
                commit_message=message,
            )
    return str(getattr(found, "commit_url", found))


def from_hub(
    repo: str,
    *,
    revision: str | None = None,
    token: str | None = None,
    cache: str | Path | None = None,
) -> "AnyModel":
    """Load a model from the Hugging Face hub.

    Only JSON, TOML and safetensors are fetched, and every file is compared with its checksum, as when any
    model is loaded. What was fetched once is there offline.

    Args:
        repo: ``"owner/name"``.
        revision: A branch, a tag, or a commit; name a commit where it must be the same model for ever.
        token: Of the hub; None for the one that ``hf auth login`` keeps, or ``HF_TOKEN``.
        cache: Where fetched files are kept; None for the hub's own cache.

    Raises:
        MissingPackageError: huggingface_hub is not installed.
        InputError: The hub is out of reach, or has no such model.
        BundleError: What is there is no model of polytask, or was changed.
    """
    hub = _hub()
    _check_repo(repo)
    with _fenced(repo, "fetch from"):
        folder = hub.snapshot_download(
            repo,
            revision=revision,
            token=token,
            cache_dir=None if cache is None else user_path(cache),
            allow_patterns=list(_OURS),
        )
    check_directory(Path(folder))
    return load(folder)


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingPackageError(
            "huggingface_hub", extra="hub", purpose="sharing models on the hub"
        ) from error
    return huggingface_hub


def _check_repo(repo: Any) -> None:
    parts = repo.split("/") if isinstance(repo, str) else []
    if len(parts) != 2 or not all(part.strip() for part in parts):
        raise InputError(f"A model is called 'owner/name' on the hub, got {repo!r}.")


@contextmanager
def _fenced(repo: str, what: str) -> Iterator[None]:
    """Turn the many exceptions of the hub and of the network into one message."""
    try:
        yield
    except Exception as error:
        if isinstance(error, InputError):
            raise
        if type(error).__name__ == "LocalEntryNotFoundError" and isinstance(error.__cause__, Exception):
            error = error.__cause__  # not in the cache, because of what happened before
        offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON")
        status = getattr(getattr(error, "response", None), "status_code", None)
        name = type(error).__name__
        if offline:
            why = (
                "HF_HUB_OFFLINE is set, and it is not in the cache. Unset it, or fetch the model once before"
            )
        elif status in (401, 403) or "Gated" in name:
            why = "it does not let you. Check the name, and log in by hf auth login, or give a token"
        elif status == 404 or "NotFound" in name:
            why = "there is no such model, or it is private. Check the name and the revision, or give a token"
        elif status is not None:
            why = f"it answers {first_line(error)}. Try again later"
        else:
            why = f"it is out of reach ({first_line(error)}). Check the network, or use a copy of the folder"
        raise InputError(f"Cannot {what} {repo!r} on the hub: {why}.") from error

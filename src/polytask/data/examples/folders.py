"""Examples in folders: a folder a class, or files without labels."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from polytask.core import DataError
from polytask.core.names import counted
from polytask.data.examples.decoding import ENDINGS, decode, kind_of_file
from polytask.data.examples.examples import ExampleKind, Examples
from polytask.data.examples.labels import read_labels
from polytask.data.examples.request import Request
from polytask.data.examples.texts import checked_texts
from polytask.data.images.image_paths import FolderImages, find_images
from polytask.data.images.picture import printable
from polytask.data.tables.problems import examples

__all__ = ["read_files", "read_folder"]

_PARTS = {"train", "training", "val", "valid", "validation", "dev", "test", "testing"}
_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


def read_folder(root: Path, request: Request) -> Examples:
    """Read a folder with a folder for each class; without labels, every file in it and below.

    A class is a folder that holds files, and its name the way to it from the folder that holds all classes.
    Links are followed, hidden files and what systems put beside others are passed over.

    Raises:
        DataError: There are no such files, or of several kinds; or a file that is needed cannot be read.
        MissingPackageError: A package that reads the files is not installed.
    """
    found = find_images(root, endings=[ending for endings in ENDINGS.values() for ending in endings])
    messages = []
    if request.labelled:
        loose = found.images.pop(root, [])
        if not found.images:
            raise _no_classes(root, loose, found)
        found.left_out += loose
    kind = _kind(found, root, request)
    _keep_kind(found, kind)
    if not found.images:
        raise _no_files(root, found, kind)
    holder = _holder(list(found.images), root) if request.labelled else root
    if request.labelled:
        _refuse_parts(list(found.images), root)
        messages += _nested(list(found.images), holder)
    if holder != root:
        messages.append(f"The class folders are in {printable(holder.relative_to(root))}.")
    folders = sorted(found.images)
    files = [file for folder in folders for file in found.images[folder]]
    classes = [
        printable(folder.relative_to(holder).as_posix()) for folder in folders for _ in found.images[folder]
    ]
    messages += [
        f"{note[0].upper()}{note[1:]}." for note in found.notes(what="folder", holding="file of that kind")
    ]
    names = [printable(file.relative_to(root).as_posix()) for file in files]
    return _examples(files, names, classes if request.labelled else None, kind, messages, request)


def read_files(files: Sequence[Path], request: Request, labels: Sequence[object] | None = None) -> Examples:
    """Read files, each one example, called as they are given.

    Raises:
        DataError: Their kinds differ or are unknown, or a file cannot be read.
        MissingPackageError: A package that reads the files is not installed.
    """
    kinds: Counter[ExampleKind | None] = Counter(kind_of_file(file) for file in files)
    kind = request.kind
    if kind is None:
        if None in kinds:
            odd = next(file for file in files if kind_of_file(file) is None)
            raise DataError(
                f"{printable(odd)}: what the file holds cannot be told by its ending. Say it by `kind`, e.g. "
                '`kind="image"`.'
            )
        if len(kinds) > 1:
            raise _several_kinds("The files", kinds)
        kind = next(filter(None, kinds))
    check_in_files(kind)
    names = [printable(file) for file in files]
    return _examples(files, names, labels, kind, [], request)


def check_in_files(kind: ExampleKind) -> None:
    """Refuse a kind that is in no files of its own.

    Raises:
        DataError: It is that of vectors.
    """
    if kind not in ENDINGS:
        raise DataError(
            "Vectors are rows of a table or an array, not files of their own. Give a CSV file with a column "
            "for each number."
        )


def _examples(
    files: Sequence[Path],
    names: Sequence[str],
    classes: Sequence[object] | None,
    kind: ExampleKind,
    messages: list[str],
    request: Request,
) -> Examples:
    read = decode(files, kind, leave_out=request.labelled, called=names.__getitem__)
    names = [names[index] for index in read.kept]
    if kind == "text":
        checked_texts(read.items, names.__getitem__, labelled=request.labelled, where="Text files")
    labels, notes = None, []
    if classes is not None:
        labels, notes = read_labels(
            [classes[index] for index in read.kept], names.__getitem__, where="The files"
        )
        lost = sorted({str(name) for name in classes} - {str(classes[index]) for index in read.kept})
        if lost:
            notes.append(f"No file of {examples(lost)} can be read, so there is no such class.")
    in_all = counted(len(read.items), kind)
    in_all += f" of {counted(len(set(labels)), 'class', 'classes')}" if labels else ""
    return Examples(
        kind=kind,
        items=tuple(read.items),
        labels=labels,
        index=pd.Index(names, name="file", dtype=object),
        messages=(f"Read {in_all}, by the endings of the files.", *messages, *read.messages, *notes),
        origin={"source": "files", "kind": kind},
    )


def _kind(found: FolderImages, root: Path, request: Request) -> ExampleKind:
    if request.kind is not None:
        check_in_files(request.kind)
        return request.kind
    kinds: Counter[ExampleKind | None] = Counter(
        kind_of_file(file) for files in found.images.values() for file in files
    )
    if not kinds:
        raise _no_files(root, found, None)
    if len(kinds) > 1:
        raise _several_kinds(f"The folder {printable(root)}", kinds)
    kind = next(iter(kinds))
    if kind is None:
        raise _no_files(root, found, None)
    return kind


def _keep_kind(found: FolderImages, kind: ExampleKind) -> None:
    """Leave out the files of other kinds."""
    for folder, files in list(found.images.items()):
        wanted = [file for file in files if kind_of_file(file) == kind]
        found.left_out += [file for file in files if kind_of_file(file) != kind]
        if wanted:
            found.images[folder] = wanted
        else:
            del found.images[folder]


def _holder(folders: list[Path], root: Path) -> Path:
    """Return the folder that holds all classes: below the one that was given, where an archive wrapped it."""
    parents = [set(folder.parents) for folder in folders]
    shared = [parent for parent in set.intersection(*parents) if parent == root or root in parent.parents]
    return max(shared, key=lambda parent: len(parent.parts)) if len(folders) > 1 else root


def _refuse_parts(folders: list[Path], root: Path) -> None:
    """Refuse train/cat beside test/cat, which are no two classes."""
    tops = {folder.relative_to(root).parts[0] for folder in folders}
    deep = any(len(folder.relative_to(root).parts) > 1 for folder in folders)
    if deep and len(tops) > 1 and {top.lower() for top in tops} <= _PARTS:
        raise DataError(
            f"The folders {', '.join(sorted(tops))} in {printable(root)} are the parts of a split, and each "
            "has folders of classes. Give one of them."
        )


def _nested(folders: list[Path], holder: Path) -> list[str]:
    inside = [folder for folder in folders if not set(folders).isdisjoint(folder.parents)]
    if not inside:
        return []
    name = printable(inside[0].relative_to(holder).as_posix())
    verb = "counts as a class of its own" if len(inside) == 1 else "count as classes of their own"
    return [f"{counted(len(inside), 'folder')} inside class folders {verb} (e.g. {name})."]


def _several_kinds(where: str, kinds: Counter[ExampleKind | None]) -> DataError:
    told = " and ".join(counted(count, kind) for kind, count in sorted(kinds.items()) if kind)
    remedy = " or ".join(f'`kind="{kind}"`' for kind in sorted(filter(None, kinds)))
    verb = "holds" if where.startswith("The folder") else "are"
    return DataError(f"{where} {verb} {told}. Say which are meant: {remedy}.")


def _no_classes(root: Path, loose: list[Path], found: FolderImages) -> DataError:
    name = printable(root)
    tables = [path for path in found.left_out if path.name.lower().endswith(_TABLES)]
    if tables:
        remedy = f"If {printable(tables[0])} says their labels, give that file"
    elif loose:
        remedy = "Put the files of each class into a folder of its own"
    else:
        remedy = (
            "Put each class's images (.png, .jpg …), sounds (.wav …) or texts (.txt) into a folder of its own"
        )
    loosely = f"; {counted(len(loose), 'file')} in it have no class" if loose else ""
    return DataError(f"{name} has no folder with examples in it{loosely}{_others(found)}. {remedy}.")


def _no_files(root: Path, found: FolderImages, kind: ExampleKind | None) -> DataError:
    what = counted(2, kind).partition(" ")[2] if kind else "images, sounds or texts"
    endings = ", ".join(ENDINGS[kind][:4]) if kind else ".png, .jpg, .wav, .txt"
    where = f"{printable(root)}{_others(found)}"
    return DataError(f"There are no {what} in {where}. Their names end in {endings} …")


def _others(found: FolderImages) -> str:
    """Say which files are there instead."""
    if not found.left_out:
        return ""
    endings = Counter(path.suffix.lower() or "none" for path in found.left_out)
    named = ", ".join(printable(ending) for ending, _ in endings.most_common(3))
    return f"; there are {counted(len(found.left_out), 'other file')} (ending: {named})"

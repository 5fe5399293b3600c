"""``polytask datasets``: what there is, and how it comes."""

import hashlib
import json

import pytest
from typer.testing import CliRunner

from polytask.cli import app
from polytask.datasets.registry import DATASETS, Dataset, DatasetFile

pytest.importorskip("pooch")
CONTENT = b"official"


@pytest.fixture
def run(tmp_path, monkeypatch):
    origin = tmp_path / "origin.bin"
    origin.write_bytes(CONTENT)
    file = DatasetFile(path="a.bin", url=origin.as_uri(), sha256=hashlib.sha256(CONTENT).hexdigest())
    dataset = Dataset(
        name="small", module="small", about="a file", tasks="none", address="https://example.org",
        licence="CC0", reference="made here", folder="small_files", files=(file,),
    )  # fmt: skip
    monkeypatch.setitem(DATASETS, "small", dataset)
    monkeypatch.delenv("POLYTASK_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, ["datasets", *map(str, words)], env={"COLUMNS": "200"})


def here(run, *words) -> dict[str, str]:
    listed = json.loads(run(*words, "--json").stdout)["datasets"]
    return {name: entry["here"] for name, entry in listed.items()}


def test_all_are_listed_with_what_they_are_and_how_they_come(run):
    shown = run()
    assert shown.exit_code == 0 and "No data folder is named" in shown.stdout
    for name, dataset in DATASETS.items():
        (line,) = (line for line in shown.stdout.splitlines() if line.startswith(f"{name} "))
        assert dataset.tasks in line or dataset.tasks[:20] in line
    found = here(run)
    assert list(found) == list(DATASETS)
    assert (found["glyphs"], found["small"], found["school"]) == ("built in", "fetch", "by hand")


def test_one_is_fetched_to_a_folder_and_then_it_is_here(run, tmp_path):
    ended = run("fetch", "small", "--to", "data")
    assert ended.exit_code == 0 and "small is in data/small_files, checksums verified." in ended.stdout
    assert (tmp_path / "data" / "small_files" / "a.bin").read_bytes() == CONTENT
    assert here(run, "--to", "data")["small"] == "yes"


def test_one_is_fetched_to_the_folder_of_the_environment(run, tmp_path, monkeypatch):
    monkeypatch.setenv("POLYTASK_DATA", str(tmp_path / "all"))
    told = json.loads(run("fetch", "small", "--json").stdout)
    assert told["files"] == [str(tmp_path / "all" / "small_files" / "a.bin")]
    assert here(run)["small"] == "yes"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fetch"], "NAME is missing; fetch takes one of census_income"),
        (["fetch", "smal", "--to", "d"], "no dataset 'smal'; did you mean 'small'?"),
        (["fetch", "small"], "POLYTASK_DATA to the one that holds those of all datasets, or name it by --to"),
        (
            ["fetch", "school", "--to", "d"],
            "by hand, from https://github.com/jiayuzhou/MALSAR; put them into",
        ),
        (["fetch", "glyphs", "--to", "d"], "needs no files"),
        (["list", "small"], "list lists all. To fetch it: datasets fetch small."),
        (["fetch", "small", "--to", "origin.bin"], "cannot be written: Not a directory"),
    ],
)
def test_what_cannot_be_fetched_is_one_message(run, tmp_path, words, message):
    ended = run(*words)
    assert ended.exit_code == 2 and message in " ".join(ended.stderr.split())
    assert [path.name for path in tmp_path.iterdir()] == ["origin.bin"]


def test_what_cannot_be_reached_names_the_address_and_the_place(run, tmp_path):
    (tmp_path / "origin.bin").unlink()
    ended = run("fetch", "small", "--to", "d")
    said = " ".join(ended.stderr.split())
    assert ended.exit_code == 2 and "Cannot download file:///" in said
    assert "by hand and put it at d/small_files/a.bin." in said and not list(tmp_path.iterdir())


def test_one_is_made_of_its_official_file(run, tmp_path):
    columns = (
        "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName"
    )
    (tmp_path / "styles.csv").write_text(f"{columns}\n1,Men,A,B,C,D,E,2011,F,Shirt, white\n")
    ended = run("make", "fashion_titles", "styles.csv", "--to", "data")
    assert ended.exit_code == 0 and "fashion_titles is in data/fashion_styles." in ended.stdout
    assert (tmp_path / "data" / "fashion_styles" / "styles_text.csv").is_file()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["make"], "make takes one of chembl5, fashion_titles"),
        (["make", "tox21"], "name the official file or folder. They come from https://moleculenet.org"),
        (["make", "mnist", "x"], "'mnist' is read as it is published"),
        (["make", "glyphs"], "'glyphs' needs no files; use one of"),
        (["make", "nothing"], "'nothing' is no dataset"),
        (["make", "spoken_digits", "nowhere", "--to", "data"], "has no recordings"),
        (["fetch", "small", "x"], "fetch gets files by itself"),
        (["fetch", "spoken_digits", "--to", "data"], "polytask datasets make spoken_digits OFFICIAL"),
    ],
)
def test_what_cannot_be_made_is_told(run, words, problem):
    ended = run(*words)
    assert ended.exit_code == 2 and problem in " ".join(ended.stderr.split())

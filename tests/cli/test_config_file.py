"""Every run writes its configuration, and ``--config`` takes it back."""

import json
import shlex
import shutil
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.main import get_command
from typer.testing import CliRunner

import polytask.estimators
import polytask.models
from polytask.cli import app
from polytask.cli.config_file import CONFIG_FILE, run_text
from polytask.core import BundleError, DataError
from polytask.models import load
from polytask.models.bundle_folder import named_file
from polytask.version import __version__

pytestmark = pytest.mark.trains

# A model that was saved by no command.
WRITTEN_BEFORE = Path(__file__).parents[1] / "models" / "written_before" / "table"

FIT = ["fit", "t.csv", "--target", "y", "--target", "z", "--epochs", "2", "--width", "4", "--folds", "2"]
FIT += ["--no-baselines", "--learning-rate", "0.001", "--drop", "c"]
ROWS = "a,b,c,y,z\n" + "".join(f"{i},{i % 5},{i * 7 % 11},{i / 7},{(i * i) % 3}\n" for i in range(40))
TRAINING = ("fit", "compare", "learn", "adapt", "update", "extend")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text(ROWS)
    return lambda *words: CliRunner().invoke(app, [*map(str, words)])


@pytest.fixture
def taken(monkeypatch):
    """What `fit` is called with; it ends there."""
    seen = {}

    def refuse(table, target, **options):
        seen.update(options, table=str(table), target=target)
        raise DataError("enough")

    monkeypatch.setattr(polytask.estimators, "fit", refuse)
    return seen


def weights(folder: Path) -> bytes:
    (path,) = folder.glob("weights-*")
    return path.read_bytes()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a model of two groups, and what the run is made of."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("t.csv").write_text(ROWS)
        assert CliRunner().invoke(app, [*FIT, "--groups", "z;y", "-o", "my model"]).exit_code == 0
    return folder


@pytest.fixture
def model(run, made):
    """Its copy where the command is run."""
    return Path(shutil.copytree(made / "my model", "my model"))


def test_a_model_is_made_again_from_its_configuration(run, model):
    assert tomllib.loads(named_file(model, CONFIG_FILE).read_text())["groups"] == "z;y"
    again = run("fit", "--config", model, "-o", "second")
    assert again.exit_code == 0, again.stderr
    assert weights(Path("second")) == weights(model)
    assert load("second").data["groups"] == [["y"], ["z"]]
    first, second = (tomllib.loads(file.read_text()) for file in sorted(Path().glob("*/config-*.toml")))
    assert first.pop("output") == "my model" and second.pop("output") == "second"
    assert first == second and first["polytask"] == __version__ and first["command"] == "fit"


def test_the_comment_is_the_command_that_makes_it_again(run, model):
    (file,) = model.glob("config-*.toml")
    (line,) = (line for line in file.read_text().splitlines() if line.startswith("#   polytask "))
    words = shlex.split(line.removeprefix("#   polytask "))
    before = weights(model)
    assert run(*words).exit_code == 0
    assert weights(model) == before
    assert "--seed" not in words and words[:2] == ["fit", "t.csv"]


@pytest.mark.parametrize("command", TRAINING)
def test_every_option_stands_in_the_file(command):
    definition = get_command(app).commands[command]
    defaults = {one.name: one.default for one in definition.params}
    context = SimpleNamespace(info_name=command, command=definition, params=defaults)
    text = run_text(context)
    shown = {"--help", "--config", "--json", "--quiet", "--dry-run", "--worker"}
    for one in definition.params:
        key = max(one.opts, key=len)
        written = key.lstrip("-").replace("_", "-")
        stands = any(line.lstrip("# ").startswith(f"{written} ") for line in text.splitlines())
        assert stands == (key not in shown), key


def test_what_is_typed_wins_over_the_file(run, taken):
    Path("c.toml").write_text(
        'command = "fit"\ntable = "t.csv"\ntarget = ["y"]\ndrop = ["a", "b"]\noutput = "m"\n'
        "baselines = false\nepochs = 9\nlearning_rate = 1\n"
    )
    run("fit", "--config", "c.toml", "--epochs", "7", "--target", "z", "--baselines")
    assert (taken["epochs"], taken["target"], taken["baselines"]) == (7, ["z"], True)
    assert (taken["drop"], taken["learning_rate"], taken["table"]) == (["a", "b"], 1.0, "t.csv")
    run("fit", "other.csv", "--config=c.toml")
    assert (taken["table"], taken["epochs"], taken["target"]) == ("other.csv", 9, ["y"])


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            'epoch = 3\ntarget = 4\nwidth = "8"\nbaselines = 1\nlearning-rate = true\ndrop = [1]\n',
            [
                "there is no option 'epoch'; did you mean 'epochs'",
                "'target' must be a list of texts, got 4",
                "'width' must be a whole number, got '8'",
                "'baselines' must be true or false, got 1",
                "'learning-rate' must be a number, got True",
                "'drop' must be a list of texts, got [1]",
            ],
        ),
        ('command = "learn"\nway = 3\n', ["is the configuration of `polytask learn`, not of `polytask fit`"]),
        ("[fit]\nepochs = 3\n", ["there is no option 'fit'"]),
        ("epochs = \n", ["is no TOML", "line 1"]),
        ("learning-rate = 1.0\nlearning_rate = 2.0\n", ["stands there twice"]),
        ('polytask = "0.0.1"\nepoch = 3\n', ["It was written by polytask 0.0.1, this is"]),
        ("\udcff", ["is no TOML"]),
        ("config = 'x'", ["there is no option 'config'"]),
    ],
)
def test_what_is_wrong_with_a_file_is_one_message(run, text, messages):
    Path("c.toml").write_bytes(text.encode(errors="surrogateescape"))
    ended = run(*FIT, "-o", "m", "--config", "c.toml")
    said = " ".join(ended.stderr.split())
    assert ended.exit_code == 2 and ended.stderr.count("error: ") == 1 and said.startswith("error: c.toml")
    assert all(message in said for message in messages), said
    assert not Path("m").exists()


def test_a_value_of_a_file_is_checked_like_one_that_is_typed(run):
    Path("c.toml").write_text('ground = "blue"\nway = 1\n')
    said = run("learn", "glyphs", "-o", "m", "--config", "c.toml").stderr
    assert "'ground' must be one of dark, light, got 'blue'" in said
    Path("c.toml").write_text("patience = 0\n")
    said = run(*FIT, "-o", "m", "--config", "c.toml").stderr
    assert "--patience must be at least 1, got 0" in said and not Path("m").exists()


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere.toml", "nowhere.toml cannot be read: No such file"),
        ("empty", "empty has no config.toml"),
        ("old", "old has no config.toml: it was not made by a command, or by an earlier version"),
    ],
)
def test_a_place_without_a_configuration_is_named(run, place, message):
    Path("empty").mkdir()
    shutil.copytree(WRITTEN_BEFORE, "old")
    ended = run(*FIT, "-o", "m", "--config", place)
    assert ended.exit_code == 2 and message in " ".join(ended.stderr.split())


def test_the_file_is_covered_by_the_checksums_of_the_model(run, model):
    (file,) = model.glob("config-*.toml")
    assert file.name in json.loads((model / "model.json").read_text())["files"]
    file.write_text(file.read_text().replace("epochs = 2", "epochs = 3"))
    with pytest.raises(BundleError, match="does not match its checksum"):
        load(model)
    assert "is missing or was changed" in " ".join(run("fit", "--config", model).stderr.split())
    with pytest.raises(BundleError, match="changed"):
        named_file(model, CONFIG_FILE)


def test_a_comparison_has_its_configuration_and_goes_on_with_it(run):
    candidates = ["--candidate", "constant", "--candidate", "linear", "--folds", "2", "--workers", "1"]
    first = run("compare", "t.csv", "--target", "y", *candidates, "-o", "compared", "--json")
    assert first.exit_code == 0, first.stderr
    written = tomllib.loads(Path("compared/config.toml").read_text())
    assert written["candidate"] == ["constant", "linear"] and written["folds"] == 2
    again = run("compare", "--config", "compared", "--json")
    assert again.exit_code == 0, again.stderr
    assert json.loads(again.stdout)["targets"] == json.loads(first.stdout)["targets"]


def test_an_extended_model_has_the_configuration_of_the_extension(run):
    run(*FIT, "-o", "m")
    assert run("extend", "m", "t.csv", "--target", "c", "-o", "more").exit_code == 0
    file = named_file(Path("more"), CONFIG_FILE)
    assert file is not None
    found = tomllib.loads(file.read_text())
    assert (found["command"], found["model"], found["target"]) == ("extend", "m", ["c"])


DEFINITION = get_command(app).commands["fit"]
anything = st.text().filter(lambda text: all(not "\ud800" <= letter <= "\udfff" for letter in text))


@settings(max_examples=50, deadline=None)
@given(
    table=anything,
    drop=st.lists(anything, min_size=1, max_size=3),
    rate=st.floats(allow_nan=False),
    seed=st.integers(),
)
def test_whatever_the_options_are_the_file_says_them(table, drop, rate, seed):
    given_ = {one.name: one.default for one in DEFINITION.params}
    given_ |= {"table": Path(table), "drop": drop, "learning_rate": rate, "seed": seed, "target": ["y"]}
    found = tomllib.loads(run_text(SimpleNamespace(info_name="fit", command=DEFINITION, params=given_)))
    assert found["table"] == str(Path(table)) and found["drop"] == drop
    assert found["learning-rate"] == rate and found["seed"] == seed


def test_a_name_that_no_text_holds_is_left_out_with_a_word():
    given_ = {one.name: one.default for one in DEFINITION.params} | {"table": Path("\udcff.csv")}
    text = run_text(SimpleNamespace(info_name="fit", command=DEFINITION, params=given_))
    assert "# table is a text that TOML cannot hold." in text and tomllib.loads(text.encode().decode())


def test_one_text_for_an_option_that_may_be_repeated_is_a_list_of_one(run, taken):
    Path("old.toml").write_text('command = "fit"\ntable = "t.csv"\ntarget = "y"\ndrop = "c"\noutput = "m"\n')
    run("fit", "--config", "old.toml")
    assert (taken["target"] if isinstance(taken["target"], list) else list(taken["target"])) == ["y"]
    assert list(taken["drop"]) == ["c"]

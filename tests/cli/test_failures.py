"""Every command ends with one message, whose remedies can be typed."""

import re
import warnings

import pytest
import torch
from typer.testing import CliRunner

import polytask.estimators
import polytask.models.saved
from polytask.cli import app
from polytask.core import DataError, DataWarning, ResultWarning, TrainingError
from polytask.core.errors import NotFiniteError
from polytask.core.interrupts import interruptible
from polytask.data import LabelledExamples
from polytask.meta import conv4
from polytask.meta.metric import Prototypes
from polytask.models import FewShotModel
from polytask.models.few_shot_config import FewShotConfig

FIT = ["fit", "t.csv", "--target", "y", "-o", "m"]
LEARN = ["learn", "glyphs", "-o", "m"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def invoke(*words, does=None, name="fit"):
        if does is not None:
            room = polytask.models.saved if name == "load" else polytask.estimators
            monkeypatch.setattr(room, name, does)
        return CliRunner().invoke(app, [*map(str, words)])

    return invoke


def raising(error):
    def function(*_, **__):
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (DataError("Lower `learning_rate`, see `time_column`."), 2, "Lower --learning-rate, see --time."),
        (DataError("`targets` is empty; try `repeats=2`."), 2, "--target is empty; try --repeats 2."),
        (
            DataError("use `architecture=\"tabm\"` or `architecture='hard'`"),
            2,
            "use --architecture tabm or --architecture hard",
        ),
        (DataError("the column `y` [/kg]"), 2, "the column `y` [/kg]"),
        (TrainingError("raise `patience`"), 1, "raise --patience"),
        (NotFiniteError("The loss is bad.", "Lower `dropout`."), 1, "bad. Lower --dropout."),
        (PermissionError(13, "Permission denied", "t.csv"), 1, "t.csv: Permission denied."),
        (OSError(28, "No space left on device"), 1, "No space left on device."),
    ],
)
def test_an_error_is_one_message_and_a_code(run, error, code, said):
    ended = run(*FIT, does=raising(error))
    assert ended.exit_code == code
    assert ended.stderr == f"error: {said}\n" or ended.stderr.endswith(f"{said}\n")
    assert ended.stdout == "" and "Traceback" not in ended.stderr


def test_a_setting_of_another_command_is_named_with_it(run):
    error = DataError("Give 5 classes, or train with `way=3`.")
    ended = run("predict", "m", "t.csv", "-o", "a.csv", does=raising(error), name="load")
    assert ended.stderr == "error: Give 5 classes, or train with `polytask learn --way 3`.\n"


def test_warnings_of_ours_are_notes(run):
    def warned(*_, **__):
        warnings.warn("the column [m/s] is new", DataWarning, stacklevel=1)
        warnings.warn("no better; raise `epochs`", ResultWarning, stacklevel=1)
        raise DataError("x")

    ended = run("predict", "m", "t.csv", "-o", "a.csv", does=warned, name="load")
    notes = "note: the column [m/s] is new\nnote: no better; raise `polytask fit --epochs`\n"
    assert ended.stderr == notes + "error: x\n"
    assert (
        run(*FIT, does=warned).stderr == notes.replace("`polytask fit --epochs`", "--epochs") + "error: x\n"
    )


WRONG = [
    [*FIT, "--learning-rate", "nan", "--repeats", "0", "--seed", "-1", "--folds", "1", "--time-budget", "0"],
    [*FIT, "--accelerator", "tpu9", "--width", "0", "--balancing", "upgard"],
    [*FIT, "--precision", "8", "--dropout", "1", "--batch-size", "0", "--weight-decay", "inf"],
    [*FIT, "--patience", "0", "--members", "0", "--soft-strength", "-1", "--depth", "0"],
    [*FIT, "--architecture", "ple", "--depth", "1"],
    [*FIT, "--resume-folder", "t.csv/x"],
    [*FIT, "--group", "nobody", "--drop", "nothing"],
    [*FIT, "--group", "a", "--time", "b"],
    [*FIT[:1], "nowhere.csv", *FIT[2:]],
    [*LEARN, "--way", "1", "--shot", "0", "--learner", "prototype", "--episodes", "0"],
    [*LEARN, "--steps", "-1", "--size", "3", "--width", "0", "--train-way", "-1", "--n-query", "-1"],
    [*LEARN, "--episodes-per-step", "-1", "--learning-rate", "0", "--batch-size", "0"],
    [*LEARN, "--inner-rate", "nan", "--inner-steps", "0", "--accelerator", "gpux", "--seed", "-1"],
    [*FIT, "--members", "4"],
    [*FIT, "--architecture", "mmoe", "--bins", "4"],
    [*FIT, "--architecture", "mmoe", "--weight", "a"],
    [*FIT, "--weight", "nothing"],
    [*FIT, "--group", "a", "--time", "b", "--weight", "c"],
    [*FIT, "--architecture", "tabm", "--soft-strength", "1"],
    [*FIT, "--architecture", "had"],
    [*FIT, "--drop", "y"],
    [*LEARN, "--inner-rate", "0.1", "--inner-steps", "3", "--n-query", "8"],
    [*LEARN, "--learner", "prototypes", "--batch-size", "8"],
    [*LEARN, "--learner", "maml", "--train-way", "9"],
    [*LEARN, "--learner", "tim", "--n-query", "9", "--episodes-per-step", "2"],
    ["learn", "nowhere", "-o", "m"],
    ["learn", "omniglott", "-o", "m"],
    ["learn", "t.csv", "-o", "m"],
    ["predict", "t.csv", "t.csv", "-o", "a.csv"],
    ["adapt", "no", "no", "-o", "m"],
    ["classes", "no"],
    ["classes", "t.csv", "--remove", "a"],
    ["classes", "no", "-o", "m"],
    ["label", "no", "t.csv", "-o", "a.csv"],
    ["label", "no", "t.csv", "-o", "t.csv"],
    ["predict", "no", "t.csv", "-o", "a.txt"],
    ["predict", "no", "t.csv", "-o", "t.csv"],
    ["predict", "no", "t.csv", "-o", "no/a.csv"],
    ["predict", "no", "t.csv", "-o", "t.csv/a.csv"],
    ["demo", "-o", "t.csv"],
]


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_every_remedy_can_be_typed_and_nothing_is_written(run, tmp_path, words):
    (tmp_path / "t.csv").write_text("a,b,y\n" + "".join(f"{i},{i % 5},{i % 2}\n" for i in range(30)))
    ended = run(*words)
    assert ended.exit_code == 2, ended.stderr
    assert ended.stderr.count("error: ") == 1 and ended.stdout == ""
    assert not re.search(r"`[a-z_]+`|polytask\.", ended.stderr)
    shown = CliRunner().invoke(app, [words[0], "--help"], env={"COLUMNS": "200"}).stdout
    assert all(option in shown for option in re.findall(r"--[a-z-]+", ended.stderr))
    for option in words:  # every wrong setting is named
        if option.startswith("--") and option not in ("--target", "--architecture"):
            assert option in ended.stderr or (option == "--episodes" and "--test-episodes" in ended.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_a_wrong_name_is_answered_with_near_ones_and_how_to_list_all(run, tmp_path):
    (tmp_path / "t.csv").write_text("alpha,beta,y\n" + "".join(f"{i},{i % 5},{i / 7}\n" for i in range(30)))
    (tmp_path / "letters").mkdir()
    for words, said in {
        (
            *FIT,
            "--balancing",
            "pcgrd",
        ): "did you mean 'pcgrad', 'pcd' or 'upgrad'? `polytask methods` lists all 48.",
        (*LEARN, "--learner", "protonets"): "did you mean 'prototypes'? `polytask methods` lists all 32.",
        (*FIT, "--group", "Alfa"): "no column 'Alfa'; did you mean 'alpha'?",
        (*FIT, "--drop", "zzz"): "no column 'zzz'; the table has 'alpha', 'beta', 'y'.",
        (*FIT, "--architecture", "tabn"): "'tabn'; did you mean 'tabm' or 'mtan'? There are hard, tabm,",
        ("learn", "letter", "-o", "m"): "no source letter. Did you mean 'letters'? Give glyphs,",
    }.items():
        assert said in " ".join(run(*words).stderr.split())


def test_a_model_of_another_kind_is_found_before_the_training(run, tmp_path):
    model = FewShotModel(
        Prototypes(conv4(width=2)), config=FewShotConfig(learner="prototypes", size=16, width=2), data={}
    )
    model.save(tmp_path / "m")
    (tmp_path / "t.csv").write_text("a,b,y\n1,2,3\n")
    ended = run(*FIT, does=raising(AssertionError("trained")))
    assert ended.exit_code == 2
    told = " ".join(ended.stderr.split())
    assert "m holds a few-shot model (made by `polytask learn`)" in told
    assert (
        "a model of a table (made by `polytask fit`). Choose another directory, or delete that one." in told
    )


def test_numbers_that_are_taken_for_classes_are_told_with_what_to_type(run, tmp_path):
    rows = "".join(f"{i % 9},{(i * i) % 7},{i % 4}\n" for i in range(60))
    (tmp_path / "t.csv").write_text("a,b,my stars\n" + rows)
    words = ["fit", "t.csv", "--target", "my stars", "-o", "m", "--epochs", 1, "--no-baselines"]
    told = " ".join(run(*words).stderr.split())
    assert "'my stars' has 4 different whole numbers, which are learned as classes" in told
    assert "Ask for --target 'my stars:regression' if they are amounts" in told
    words[3] = "my stars:multiclass"
    assert "whole numbers" not in run(*words).stderr


def test_a_stopped_command_says_which_option_goes_on(run):
    ended = run(*FIT, "--resume-folder", "my work", does=raising(KeyboardInterrupt()))
    assert ended.exit_code == 130
    told = " ".join(ended.stderr.split())
    assert "the resume folder my work is kept" in told and "again with --resume-folder 'my work'" in told
    ended = run(*FIT, does=raising(KeyboardInterrupt()))
    assert ended.exit_code == 130 and "nothing is kept. A run with --resume-folder FOLDER" in ended.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["learn", "shops", "--task-column", "shop", "--target", "sold", "-o", "m"],
        ["learn", "sounds", "--kind", "sound", "-o", "m"],
        ["learn", "texts.csv", "-o", "m"],
    ],
)
def test_learning_that_keeps_nothing_names_no_option_that_it_refuses(run, tmp_path, words):
    (tmp_path / "texts.csv").write_text("text,label\na,b\n")
    ended = run(*words, does=raising(KeyboardInterrupt()), name="learn")
    assert ended.exit_code == 130 and ended.stderr.strip() == "Stopped."
    ended = run(*LEARN, does=raising(KeyboardInterrupt()), name="learn")
    assert "A run with --resume-folder FOLDER" in ended.stderr


def test_a_command_that_keeps_nothing_names_no_option_of_what_it_trains_inside(run):
    def trained(*_, **__):
        with interruptible(keep="`resume_folder`"):
            raise KeyboardInterrupt

    ended = run("learn", "sounds", "--kind", "sound", "-o", "m", does=trained, name="learn")
    assert ended.exit_code == 130 and ended.stderr.strip() == "Stopped."


def test_options_under_their_old_names_are_noted_and_taken(run):
    taken = {}

    def noted(*_, **settings):
        taken.update(settings)
        raise DataError("x")

    ended = run(*FIT, "--sharing=soft", "--checkpoint", "work", does=noted)
    assert "note: --sharing is now --architecture; the old name goes" in ended.stderr
    assert "note: --checkpoint is now --resume-folder" in ended.stderr
    assert taken["architecture"] == "soft"
    assert str(taken["resume_folder"]) == "work"


def test_a_model_of_another_kind_is_no_table_model_to_extend_and_knows_no_classes_yet(run, tmp_path):
    FewShotModel(
        Prototypes(conv4(width=2)), config=FewShotConfig(learner="prototypes", size=16, width=2), data={}
    ).save(tmp_path / "shots")
    (tmp_path / "t.csv").write_text("a,b,y\n1,2,3\n")
    ended = run("extend", "shots", "t.csv", "--target", "y", "-o", "m")
    assert ended.exit_code == 2
    assert "shots is no model of a table. Give a directory that `polytask fit` made." in ended.stderr
    ended = run("predict", "shots", "t.csv", "-o", "a.csv")
    assert (
        ended.exit_code == 2 and "shots knows no classes yet. Adapt it first: polytask adapt" in ended.stderr
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shots", "t.csv"]


def test_intervals_and_joint_are_refused_of_a_model_that_answers_images(run, tmp_path):
    base = FewShotModel(
        Prototypes(conv4(width=2)), config=FewShotConfig(learner="prototypes", size=16, width=2), data={}
    )
    examples = LabelledExamples(
        inputs=torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0)),
        labels=torch.tensor([0, 0, 1, 1]),
        class_names=("cat", "dog"),
        class_groups=("pet", "pet"),
    )
    base.adapt(examples).save(tmp_path / "pets")
    for words in (["--intervals", "0.9"], ["--joint"], ["--keep", "id"], ["--row-numbers"]):
        ended = run("predict", "pets", tmp_path, "-o", "a.csv", *words)
        said = " ".join(ended.stderr.split())
        assert ended.exit_code == 2 and "--intervals, --joint, --keep and --row-numbers are for" in said
        assert "Leave them out: answers are in the order of the examples." in said
    assert [path.name for path in tmp_path.iterdir()] == ["pets"]


def test_an_option_of_another_command_is_told_to_be_one(run):
    ended = run("learn", "t.csv", "--task-column", "shop", "--target", "y", "--group", "city", "-o", "m")
    said = " ".join(ended.stderr.split())
    assert ended.exit_code == 2
    assert "polytask learn has no --group. It belongs to polytask fit" in said
    assert "polytask relate and polytask compare; leave it out here." in said
    ended = run("learn", "t.csv", "--group=city", "-o", "m")
    assert ended.exit_code == 2 and "polytask learn has no --group." in ended.stderr
    ended = run("learn", "t.csv", "--task-column", "--group", "--target", "y", "-o", "m")  # a column's name
    assert "has no --group" not in ended.stderr
    ended = run("learn", "--nothing-of-this-name", "t.csv")
    assert ended.exit_code == 2 and "No such option" in ended.stderr

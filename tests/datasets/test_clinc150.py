"""The loader of CLINC150: on small files of our own, and on the real ones where they are."""

import json
import os
from pathlib import Path

import pytest
import torch

from polytask.core import DataError
from polytask.data import ClassificationEpisodes
from polytask.datasets.clinc150 import clinc

needs_data = pytest.mark.skipif(
    not (Path(os.environ.get("POLYTASK_DATA") or "/nonexistent") / "clinc150").is_dir(),
    reason="POLYTASK_DATA names no folder with clinc150",
)

DOMAINS = {"bank": ["pay", "owe"], "road": ["drive"]}
QUERIES = {
    "oos_val": [],
    "val": [["how far is it", "drive"]],
    "train": [["pay my bill", "pay"], ["what do i owe", "owe"], ["take me home", "drive"]],
    "oos_test": [["why is it so", "oos"], ["sing", "oos"]],
    "test": [["pay rent", "pay"]],
    "oos_train": [["what is love", "oos"]],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "clinc150" / "data"
    made.mkdir(parents=True)
    (made / "domains.json").write_text(json.dumps(DOMAINS))
    (made / "data_full.json").write_text(json.dumps(QUERIES))
    return made


def root(folder: Path) -> Path:
    return folder.parent.parent


def test_every_query_keeps_its_intent_and_its_part(folder):
    found = clinc(root(folder))
    read = [
        (part, query, found.intent_names[intent] if intent >= 0 else "oos")
        for part, query, intent in zip(found.parts, found.queries, found.intents.tolist())
    ]
    expected = [
        (part, query, intent)
        for key, part in (("train", "train"), ("val", "validation"), ("test", "test"))
        for query, intent in QUERIES[key] + QUERIES[f"oos_{key}"]
    ]
    assert read == expected
    assert dict(zip(found.intent_names, found.intent_domains)) == {
        "pay": "bank",
        "owe": "bank",
        "drive": "road",
    }


def test_the_official_parts_do_not_meet_and_leave_nothing_out(folder):
    found = clinc(root(folder))
    rows = [found.rows(part).tolist() for part in ("train", "validation", "test")]
    assert sorted(row for part in rows for row in part) == list(range(len(found.queries)))
    assert [found.queries[row] for row in rows[1]] == ["how far is it"]


def test_classes_are_the_intents_in_scope_and_groups_their_domains(folder):
    found = clinc(root(folder))
    examples = found.by_intent(torch.arange(len(found.queries)).float().unsqueeze(1))
    named = {
        found.queries[int(row)]: examples.class_names[label]
        for row, label in zip(examples.inputs[:, 0], examples.labels)
    }
    assert named == {query: intent for key in ("train", "val", "test") for query, intent in QUERIES[key]}
    assert examples.of_groups(["road"]).class_names == ("drive",)


def test_a_query_out_of_scope_has_no_label_but_that_it_is_so(folder):
    found = clinc(root(folder))
    posed = found.examples(torch.zeros(len(found.queries), 2))
    outside = torch.tensor([query in ("what is love", "why is it so", "sing") for query in found.queries])
    assert torch.equal(posed.data.targets["in scope"], (~outside).float())
    for name in ("intent", "domain"):
        assert torch.equal(posed.data.masks[name], ~outside)
    domain = {task.name: task for task in posed.tasks}["domain"]
    assert domain.labels == ("bank", "road")
    known = posed.data.targets["domain"][~outside]
    assert known.tolist() == [0, 0, 1, 1, 0]  # pay, owe, drive; drive; pay


@pytest.mark.parametrize("pose", ["by_intent", "examples"])
def test_inputs_of_other_queries_are_refused(folder, pose):
    with pytest.raises(DataError, match="3 inputs, but 8 queries"):
        getattr(clinc(root(folder)), pose)(torch.zeros(3, 2))


def test_an_absent_set_is_named_with_its_address(tmp_path):
    with pytest.raises(DataError, match=r"'clinc150' is missing.*archive\.ics\.uci\.edu/dataset/570"):
        clinc(tmp_path)


def test_an_absent_file_is_named(folder):
    with pytest.raises(DataError, match=r"data_small\.json is missing"):
        clinc(root(folder), variant="small")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("domains.json", "{", r"domains\.json cannot be read"),
        ("domains.json", "[]", r"domains\.json holds no object"),
        ("domains.json", '{"bank": "pay"}', "the domain 'bank' has no list of intents"),
        ("domains.json", '{"bank": ["pay"]}', "has the intent 'owe', which domains.json lacks"),
        ("data_full.json", '{"train": []}', "'oos_train' is no list of"),
        ("data_full.json", json.dumps(QUERIES | {"val": [["a"]]}), "'val' is no list of"),
        ("data_full.json", json.dumps({key: [] for key in QUERIES}), "has no query"),
    ],
)
def test_a_file_of_another_layout_is_refused(folder, name, content, message):
    (folder / name).write_text(content)
    with pytest.raises(DataError, match=message):
        clinc(root(folder))


def test_a_file_that_is_no_text_is_refused(folder):
    (folder / "data_full.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read"):
        clinc(root(folder))


def test_an_unknown_variant_or_part_names_those_that_exist(folder):
    with pytest.raises(DataError, match="full, small, oos_plus"):
        clinc(root(folder), variant="large")  # pyright: ignore[reportArgumentType]
    with pytest.raises(DataError, match="train, validation, test"):
        clinc(root(folder)).rows("val")


@needs_data
@pytest.mark.parametrize(
    ("variant", "n_train", "n_outside"), [("full", 100, 1200), ("small", 50, 1200), ("oos_plus", 100, 1350)]
)
def test_the_real_set_has_the_published_sizes(variant, n_train, n_outside):
    found = clinc(variant=variant)
    assert len(found.intent_names) == 150
    assert {found.intent_domains.count(domain) for domain in set(found.intent_domains)} == {15}
    assert int((~found.in_scope).sum()) == n_outside
    for part, n_queries in (("train", n_train), ("validation", 20), ("test", 30)):
        intents = found.intents[found.rows(part)]
        assert set(intents[intents >= 0].bincount(minlength=150).tolist()) == {n_queries}


@needs_data
def test_the_real_set_gives_episodes_of_one_domain():
    found = clinc()
    rows = torch.arange(len(found.queries)).unsqueeze(1)
    banking = found.by_intent(rows).of_groups(["banking"])
    episode = ClassificationEpisodes(banking, n_way=15, n_shot=5, n_query=145).step(0)[0]
    assert isinstance(episode.query.inputs, torch.Tensor)
    drawn = episode.query.inputs[:, 0].reshape(15, 145)  # [class, query]
    assert drawn.unique().numel() == 15 * 145
    for of_class in found.intents[drawn]:
        assert of_class.unique().numel() == 1

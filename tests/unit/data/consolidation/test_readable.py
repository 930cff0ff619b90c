"""What is committed can be read again, however many datasets nodes have and whatever they are."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saltext_mip.data import data_path
from saltext_mip.data.cde.model import parse
from saltext_mip.data.consolidation import dataset_limits, documents
from saltext_mip.data.consolidation.documents import DocumentTooLarge, DocumentUnreadable
from saltext_mip.data.consolidation.planner import Labels, Previous, ServedFile, plan
from saltext_mip.data.inventory.collect import collect
from saltext_mip.data.inventory.model import FileRecord, Inventory
from saltext_mip.data.limits import (
    CDE_BYTES,
    CODE_CHARS,
    DATASETS_OF_FILE,
    DATASETS_OF_NODE,
    DATASETS_OF_PATHOLOGY,
)
from saltext_mip.generations.generation import Generation
from saltext_mip.problems import Problem
from saltext_mip.transaction.coordinator import check_readable
from saltext_mip.transaction.journal import Pending
from tests.support import cdes
from tests.unit.data.consolidation import plancases

WORKERS = ("wk-b", "wk-a")
NAMES = ("dementia", "tbi")

# one that JSON escapes, one whose capital is two, one outside the first plane
chars = st.sampled_from(["x", '"', "\\", "ß", "\U0001f600"])
files = st.lists(st.tuples(chars, st.integers(0, 12)), max_size=4)
folders = st.fixed_dictionaries(dict.fromkeys(NAMES, files))
scenes = st.fixed_dictionaries(dict.fromkeys(WORKERS, folders))


def asked(scene, previous=None):
    words = {
        node: {
            name: {
                f"{number}.csv": {"datasets": codes(f"{node}{number}", *of), "verified": []}
                for number, of in enumerate(listed)
            }
            for name, listed in own.items()
        }
        for node, own in scene.items()
    }
    case = {
        "cdes": {name: {"a": "A"} for name in NAMES},
        "inventories": words,
        "options": {"missing_worker": "keep"},
    }
    return {**plancases.inputs(case), "previous": previous}


def codes(prefix: str, char: str, count: int) -> dict[str, int]:
    texts = (f"{prefix}-{number}-" for number in range(count))
    return {text + char * (CODE_CHARS - len(text)): 20 for text in texts}


@given(scenes)
def test_what_is_written_is_read(tmp_path_factory, scene):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset_limits, "DATASETS_OF_NODE", 20)
        patch.setattr(dataset_limits, "DATASETS_OF_PATHOLOGY", 30)
        made = plan(plancases.federation(), **asked(scene))
    check_written(made, tmp_path_factory.mktemp("written"), scene, of_node=20, of_pathology=30)


def test_what_is_written_of_36_files_of_long_codes_is_read(tmp_path):
    full = {"dementia": [("\U0001f600", DATASETS_OF_FILE)] * 18, "tbi": []}
    scene = dict.fromkeys(WORKERS, full)
    made = plan(plancases.federation(), **asked(scene))
    check_written(
        made, tmp_path, scene, of_node=DATASETS_OF_NODE, of_pathology=DATASETS_OF_PATHOLOGY
    )
    assert max(map(len, made.blobs.values())) < CDE_BYTES / 8


def check_written(made, root, scene, *, of_node, of_pathology):
    for write in made.writes:
        path = root / "document.json"
        path.write_bytes(made.blobs[write.sha256])
        content = data_path.content(path)
        if write.kind == "cde":
            cde = parse(content, pathology=write.pathology)
            assert len(cde.datasets) <= of_pathology
        else:
            assert isinstance(json.loads(content), list)
    generation = Generation.of_plan(made, number=1, when="2026-01-01", actor="a", labels={})
    check_readable(Pending("t", "staging", "a", "2026-01-01", WORKERS, generation))
    for problem in made.problems:
        sent = problem.at(node=None).wire()
        assert Problem.from_wire("n", sent).rule == problem.rule
    for node in WORKERS:
        listed = {
            (p.name, code)
            for p in made.pathologies
            for code, nodes in p.datasets.items()
            if node in nodes
        }
        assert len(listed) <= of_node
        wanted = sum(count for own in scene[node].values() for _, count in own)
        named = sum(p.count for p in made.problems if (p.rule, p.node) == ("TooManyDatasets", node))
        assert len(listed) + named == wanted


def served(*codes: str) -> tuple[ServedFile, ...]:
    return (ServedFile("1.csv", 1, "0" * 64, 20, tuple((code, 20) for code in codes)),)


def test_what_was_listed_comes_before_what_is_new(monkeypatch):
    monkeypatch.setattr(dataset_limits, "DATASETS_OF_NODE", 3)
    before = Previous(1, {"w1": {"p": served("c", "d")}}, ("p",))
    kept, problems = dataset_limits.within({"w1": {"p": served(*"abcd")}}, ["w1"], before)
    assert [code for code, _ in kept["w1"]["p"][0].datasets] == ["a", "c", "d"]
    (problem,) = problems
    assert (problem.rule, problem.node, problem.pathology, problem.count) == (
        "TooManyDatasets",
        "w1",
        "p",
        1,
    )
    assert "3 others" in (problem.about or "")


def test_a_node_does_not_take_the_room_of_another(monkeypatch):
    monkeypatch.setattr(dataset_limits, "DATASETS_OF_NODE", 2)
    monkeypatch.setattr(dataset_limits, "DATASETS_OF_PATHOLOGY", 3)
    before = Previous(1, {"w2": {"p": served("x", "y")}}, ("p",))
    found = {"w1": {"p": served("a", "b")}, "w2": {"p": served("x", "y")}}
    kept, problems = dataset_limits.within(found, ["w1", "w2"], before)
    assert [code for code, _ in kept["w2"]["p"][0].datasets] == ["x", "y"]
    assert [code for code, _ in kept["w1"]["p"][0].datasets] == ["a"]
    assert [(problem.node, problem.count) for problem in problems] == [("w1", 1)]


@dataclass(frozen=True)
class Document:
    kind: str
    pathology: str | None
    sha256: str = "0"


def test_a_document_that_is_too_large_is_named_with_its_size(monkeypatch):
    monkeypatch.setattr(documents, "_OF_KIND", {"cde": (1000, "Remove variables.")})
    with pytest.raises(DocumentTooLarge) as refused:
        documents.check([Document("cde", "dementia")], {"0": b"x" * 2000})
    assert str(refused.value) == (
        "dementia/CDEsMetadata.json would have 2 kB, the limit is 1 kB: Remove variables. "
        "Nothing was changed."
    )


def test_all_documents_together_fit_into_one_commit(monkeypatch):
    monkeypatch.setattr(documents, "COMMIT_BYTES", 100)
    found = {str(number): cdes.content() for number in range(2)}
    with pytest.raises(DocumentTooLarge, match="The whole commit"):
        documents.check([Document("cde", name, name) for name in found], found)


def test_a_document_that_its_reader_refuses_is_named_with_what_to_do():
    with pytest.raises(DocumentUnreadable) as refused:
        documents.check([Document("cde", "dementia")], {"0": b'{"code": NaN}'})
    assert "dementia/CDEsMetadata.json (13 B)" in str(refused.value)
    with pytest.raises(DocumentUnreadable, match=r"pathologies\.json"):
        documents.check([Document("pathologies", None)], {"0": b"[NaN]"})


def test_a_cde_that_the_master_could_not_send_is_refused(monkeypatch):
    monkeypatch.setattr(documents.wire, "MEMORY", 1 << 20)
    many = [f"d{number}" for number in range(20_000)]
    with pytest.raises(DocumentUnreadable, match="an answer of the master has no room"):
        documents.check([Document("cde", "dementia")], {"0": cdes.content(datasets=many)})


def test_a_label_that_no_reader_takes_ends_the_plan():
    labels = Labels({}, {"dementia": {"edsd": "x" * 2_000_000}})
    scene = {
        "cdes": {"dementia": {}},
        "inventories": {"wk-b": {"dementia": {"1.csv": {"edsd": 20}}}},
    }
    case = plancases.inputs(scene) | {"labels": labels, "missing_worker": "skip"}
    case["absent"] = {"wk-a": "WorkerMissing"}
    with pytest.raises(DocumentUnreadable, match=r"dementia/CDEsMetadata\.json \(2\.0 MB\)"):
        plan(plancases.federation(), **case)


def test_texts_of_problems_are_written_as_long_as_they_are_read():
    problem = Problem("AmbiguousCode", pathology="p", about="é" * 5000, column="c" * 3000)
    assert Problem.from_wire("n", problem.wire()).rule == "AmbiguousCode"


def test_a_generation_that_could_not_be_read_is_not_begun():
    files = {"w1": {"p": (replace(served("a")[0], rows=1.5),)}}  # type: ignore[arg-type]
    generation = Generation(1, "2026-01-01", "a", files, {}, {}, "0" * 64, [])
    with pytest.raises(Exception, match=r"record of generation 1 could not be read back"):
        check_readable(Pending("t", "staging", "a", "2026-01-01", ("w1",), generation))


@pytest.mark.parametrize("limit", [2, 3])
def test_a_folder_with_too_many_files_is_unknown_not_empty(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(data_path, "FILES", limit)
    folder = tmp_path / "data" / "dementia"
    folder.mkdir(parents=True)
    for number in range(3):
        (folder / f"{number}.csv").write_text(f"dataset,age\nedsd,{number}\n")
    found = collect(tmp_path / "data", tmp_path / "state", federation="f", node="n")
    (record,) = Inventory.from_wire("n", "f", found.wire(10)).pathologies
    assert (record.unknown, len(record.files)) == (("TooManyFiles", 0) if limit == 2 else (None, 3))


def test_more_folders_than_are_read_are_no_empty_node(tmp_path, monkeypatch):
    monkeypatch.setattr("saltext_mip.data.inventory.collect.PATHOLOGIES", 2)
    for name in "abc":
        (tmp_path / "data" / name).mkdir(parents=True)
    found = collect(tmp_path / "data", tmp_path / "state", federation="f", node="n")
    assert (found.status, found.pathologies) == ("Unreadable", ())
    assert "3 folders, at most 2" in (Inventory.from_wire("n", "f", found.wire(10)).absence.about)


def test_a_node_that_sends_longer_codes_than_files_may_have_is_refused():
    record = FileRecord("a.csv", 1, "0" * 64, 20, (("x" * (CODE_CHARS + 1), 20),), ("dataset",))
    words = plancases.inventory("n", {"dementia": {}}, {})
    found = replace(words, pathologies=(replace(words.pathologies[0], files=(record,)),))
    with pytest.raises(Exception, match="longer than 64"):
        Inventory.from_wire("n", "fed1", found.wire(10))

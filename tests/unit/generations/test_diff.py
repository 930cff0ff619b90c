"""What differs between two generations, as tuples."""

from __future__ import annotations

from dataclasses import replace

from saltext_mip.generations.diff import Change, compare, summary
from tests.unit.generations.test_store import EDSD, FIRST


def test_nothing_differs_from_itself_whoever_made_it_when():
    other = replace(FIRST, number=2, when="later", actor="another", note=None, pending=())
    assert compare(FIRST, FIRST) == ()
    assert compare(FIRST, other) == ()


def test_a_dataset_added_and_one_removed():
    after = replace(
        FIRST, pathologies={"dementia": {"edsd": ("fed1-wk-chuv",), "ppmi": ("a", "b")}}
    )
    assert compare(FIRST, after) == (
        Change("remove", ("pathologies", "dementia", "few"), ["fed1-wk-chuv"], None),
        Change("add", ("pathologies", "dementia", "ppmi"), None, ["a", "b"]),
    )


def test_a_dataset_that_moved():
    after = replace(
        FIRST, pathologies={"dementia": {**FIRST.pathologies["dementia"], "edsd": ("wk2",)}}
    )
    assert compare(FIRST, after) == (
        Change("change", ("pathologies", "dementia", "edsd"), ["fed1-wk-chuv"], ["wk2"]),
    )


def test_a_file_whose_rows_changed_names_what_of_it_changed():
    after = replace(
        FIRST,
        files={"fed1-wk-chuv": {"dementia": (replace(EDSD, rows=37, sha256="d" * 64),)}},
    )
    where = ("files", "fed1-wk-chuv", "dementia", "edsd.csv")
    assert compare(FIRST, after) == (
        Change("change", (*where, "rows"), 36, 37),
        Change("change", (*where, "sha256"), "a" * 64, "d" * 64),
    )


def test_a_file_added_is_one_change():
    new = replace(EDSD, name="ppmi.csv", kept=False)
    after = replace(FIRST, files={"fed1-wk-chuv": {"dementia": (EDSD, new)}})
    (change,) = compare(FIRST, after)
    assert (change.op, change.field) == ("add", ("files", "fed1-wk-chuv", "dementia", "ppmi.csv"))
    assert change.new["datasets"] == {"edsd": 20, "few": "<10"}


def test_against_nothing_everything_is_added_by_its_name():
    assert [change.field for change in compare(None, FIRST)] == [
        ("cdes", "dementia"),
        ("files", "fed1-wk-chuv", "dementia", "edsd.csv"),
        ("pathologies", "dementia", "edsd"),
        ("pathologies", "dementia", "few"),
        ("pathologies_json",),
    ]
    assert {change.op for change in compare(None, FIRST)} == {"add"}
    assert {change.op for change in compare(FIRST, None)} == {"remove"}


def test_a_line_of_history_says_what_came_and_went():
    before = replace(FIRST, pathologies={"dementia": {"edsd": (), "ppmi": ()}})
    line = summary(FIRST, before)
    assert line.added == [["dementia", "few"]]
    assert line.removed == [["dementia", "ppmi"]]
    assert line.wrote == ["fed1-ms", "fed1-ui"]
    assert (line.generation, line.note, line.problems) == (1, "rollback to 3", 1)
    assert summary(before, None).added == [["dementia", "edsd"], ["dementia", "ppmi"]]

"""What the loader of MIP 8 and 9 refuses: each case was tried with the public package mipdb."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from saltext_mip.console.screens.render import render
from saltext_mip.data.inventory.check import check
from saltext_mip.node import queries
from tests.support import cdes

VISITS = (cdes.variable("subjectid"), cdes.variable("visitid", enumerations=["BL", "FL1"]))
CDES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing odd": (cdes.tree(variables=[cdes.variable("x", "int", minValue=0, maxValue=1)]), []),
    "a minimum alone": (cdes.tree(variables=[cdes.variable("x", "int", min=2)]), []),
    "a letter with an accent": (cdes.tree(variables=[cdes.variable("é")]), []),
    "longitudinal as it is meant": (cdes.tree(variables=VISITS, longitudinal=True), []),
    "a blank in a code": (cdes.tree(variables=[cdes.variable("a b")]), ["'a b'"]),
    "a dash in a code": (cdes.tree(variables=[cdes.variable("a-b")]), ["'a-b'"]),
    "a digit first": (cdes.tree(variables=[cdes.variable("1a")]), ["'1a'"]),
    "no type": (cdes.tree(variables=[cdes.variable("x", type=None)]), ["'type'"]),
    "another type": (cdes.tree(variables=[cdes.variable("x", type="polynominal")]), ["'type'"]),
    "capitals": (cdes.tree(variables=[cdes.variable("x", "INT", type="integer")]), ["sql_type"]),
    "equal bounds": (
        cdes.tree(variables=[cdes.variable("x", "int", minValue=1, maxValue=1)]),
        ["minimum"],
    ),
    "equal bounds of the other spelling": (
        cdes.tree(variables=[cdes.variable("x", "int", min=1, max=1)]),
        ["minimum"],
    ),
    "crossed bounds": (
        cdes.tree(variables=[cdes.variable("x", "real", min=2, max=1)]),
        ["minimum"],
    ),
    "bounds as texts": (
        cdes.tree(variables=[cdes.variable("x", "int", minValue="1", maxValue="5")]),
        ["JSON numbers"],
    ),
    "a bound that is null": (
        cdes.tree(variables=[cdes.variable("x", "int", minValue=1, maxValue=None)]),
        ["JSON numbers"],
    ),
    "categories as numbers": (
        cdes.tree(variables=[cdes.variable("x", "int", enumerations=["0", "1"])]),
        ["categorical variables that are not text"],
    ),
    "visits that are not listed": (
        cdes.tree(variables=[VISITS[0], cdes.variable("visitid")], longitudinal=True),
        ["'visitid'"],
    ),
    "visits that are numbers": (
        cdes.tree(
            variables=[VISITS[0], cdes.variable("visitid", "int", enumerations=["1"])],
            longitudinal=True,
        ),
        ["'visitid'", "categorical variables that are not text"],
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "dementia"
    made.mkdir()
    return made


def later(folder: Path, tree: dict[str, Any], text: str) -> list[tuple[str, str | None, int, str]]:
    (folder / "CDEsMetadata.json").write_bytes(cdes.content(tree))
    (folder / "a.csv").write_text(text)
    checked = check(folder)
    assert {note.rule for note in checked.later} <= {"RefusedByMip9"}
    assert {note.severity for note in checked.later} <= {"note"}
    return [(n.file or "", n.column, n.count, n.about or "") for n in checked.later]


@pytest.mark.parametrize(("tree", "words"), CDES.values(), ids=CDES)
def test_what_is_refused_of_a_cde(folder, tree, words):
    found = later(folder, tree, "dataset\na\n")
    found = [of for of in found if of[0] == "CDEsMetadata.json"]
    assert len(found) == len(words)
    for (_, _, _, about), word in zip(found, words, strict=True):
        assert word in about


def test_a_cde_without_a_version_is_refused(folder):
    tree = cdes.tree()
    del tree["version"]
    [(file, _, _, about)] = later(folder, tree, "dataset\na\n")
    assert (file, about) == ("CDEsMetadata.json", "the root has no 'version'")


LONGITUDINAL = cdes.tree(variables=VISITS, longitudinal=True)
PLAIN = cdes.tree(
    variables=[
        cdes.variable("x", "int", minValue=0, maxValue=120),
        cdes.variable("y", "real", min=1, max=5),
        cdes.variable("sex", enumerations=["M", "F"]),
        cdes.variable("open", enumerations=["M"], isCategorical=False),
        cdes.variable("*", "int"),
    ]
)
FILES = {
    "all as it should be": (PLAIN, "dataset,x,y,sex\na,1,1,M\na, 2 ,5.0,\na,+3,,F\n", []),
    "a bound of 0 is not applied": (PLAIN, "dataset,x\na,-5\n", []),
    "above the maximum": (PLAIN, "dataset,x\na,150\na,121\n", [("x", 2, "bounds")]),
    "below the minimum": (PLAIN, "dataset,y\na,0.5\na,7\na,1\n", [("y", 2, "bounds")]),
    "a value that is not listed": (PLAIN, "dataset,sex\na,X\na, M\n", [("sex", 2, "list")]),
    "enumerated, and not categorical": (PLAIN, "dataset,open\na,X\n", []),
    "a point in an int": (PLAIN, "dataset,*\na,3.0\na,3\na,1e2\n", [("*", 2, "point")]),
    "subjectcode": (PLAIN, "dataset,subjectcode\na,s\n", [("subjectcode", 1, "CDE")]),
    "rows of separators": (PLAIN, "dataset,x\na,1\n,\n,\n", [(None, 2, "separators")]),
    "blank lines": (PLAIN, "dataset,x\n\na,1\n\n", []),
    "a dataset that is no value": (PLAIN, "dataset,x\nNA,1\na,1\n", [("dataset", 1, "empty")]),
    "visits as they should be": (
        LONGITUDINAL,
        "dataset,subjectid,visitid\na,s1,BL\na,s1,FL1\na,-,BL\n",
        [],
    ),
    "no visit": (LONGITUDINAL, "dataset,subjectid\na,s1\n", [("visitid", 1, "without")]),
    "no subject and no visit": (
        LONGITUDINAL,
        "dataset\na\n",
        [("subjectid", 1, "without"), ("visitid", 1, "without")],
    ),
    "an empty subject": (
        LONGITUDINAL,
        "dataset,subjectid,visitid\na,,BL\na,NA,BL\na,None,FL1\n",
        [("subjectid", 3, "rows without")],
    ),
    "an empty visit": (
        LONGITUDINAL,
        "dataset,subjectid,visitid\na,s1,\na,s2,BL\n",
        [("visitid", 1, "rows without")],
    ),
    "a doubled visit": (
        LONGITUDINAL,
        "dataset,subjectid,visitid\na,s1,BL\nb,s1,BL\n",
        [(None, 1, "more than one row")],
    ),
    "a visit that is not listed": (
        LONGITUDINAL,
        "dataset,subjectid,visitid\na,s1,FL9\n",
        [("visitid", 1, "list")],
    ),
}


@pytest.mark.parametrize(("tree", "text", "expected"), FILES.values(), ids=FILES)
def test_what_is_refused_of_a_file(folder, tree, text, expected):
    found = [of for of in later(folder, tree, text) if of[0] == "a.csv"]
    assert [(column, count) for _, column, count, _ in found] == [of[:2] for of in expected]
    for (_, _, _, about), (_, _, word) in zip(found, expected, strict=True):
        assert word in about


def test_of_a_file_that_is_refused_now_nothing_is_noted(folder):
    found = later(folder, PLAIN, "dataset,x,subjectcode\na,seven,s\na,150,s\n")
    assert [of for of in found if of[0] == "a.csv"] == []


def test_all_notes_are_under_one_heading(folder):
    later(folder, PLAIN, "dataset,x,subjectcode\na,150,s\na,151,s\n")
    value = queries.check(folder, None, values=True)
    assert value.problems == 2  # without the notes
    text = str(render("check", value))
    before, heading, notes = text.partition("Refused by MIP 8 and 9")
    assert heading
    assert "CDEsMetadata.json: codes of variables that are no identifiers: '*'" in notes
    assert "a.csv, column subjectcode: a column that the CDE does not have" in notes
    assert "a.csv, column x: values out of bounds (2 rows)" in notes
    assert "MIP 8" not in before


def test_what_is_sent_has_no_counts_of_rows(folder):
    later(folder, PLAIN, "dataset,x\na,150\na,151\n")
    value = queries.check(folder, None, values=False)
    assert [of.count for of in value.refused_later["a.csv"]] == [UNSET]

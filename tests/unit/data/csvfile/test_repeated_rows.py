"""Rows that repeat earlier ones: by subject and visit, by all columns, and which are left alone."""

from __future__ import annotations

import io
import random
from pathlib import Path

import polars as pl
import pytest

from saltext_mip.data.csvfile.duplicate_visits import SAME, Key, RepeatedRows
from saltext_mip.data.csvfile.findings import FindingCollector
from tests.support import cdes
from tests.unit.data.csvfile.test_validator import check, made, told

NUMBERS = [cdes.variable(name, "real") for name in ("a1", "a2", "a3", "a4", "a5")]
SUBJECT = cdes.variable("subjectcode")
VISITS = [cdes.variable("subjectvisitid"), cdes.variable("subjectvisitdate")]
ROWS = "a,1,2,3,4\na,1,2,3,4\na,1,2,3,5\na,1,2,3,4\n"


def rules(found):
    return [each for each in told(found) if each[0] in ("SameRow", "DoubledVisit")]


def test_a_row_that_is_the_same_in_every_column_is_named(tmp_path: Path):
    found = check(tmp_path, f"dataset,a1,a2,a3,a4\n{ROWS}", made(*NUMBERS))
    assert rules(found) == [("SameRow", None, 2, (3, 5))]


def test_rows_that_differ_in_another_column_are_not(tmp_path: Path):
    text = "dataset,a1,a2,a3,a4,filler\na,1,2,3,4,x\na,1,2,3,4,y\n"
    assert rules(check(tmp_path, text, made(*NUMBERS))) == []


@pytest.mark.parametrize(
    "text",
    [
        "dataset,a1,a2,a3\na,1,2,3\na,1,2,3\n",  # too little to tell patients apart
        "dataset,a1,a2,a3,a4\na,1,2,3,\na,1,2,3,\n",
        "dataset,filler\na,x\na,x\n",
    ],
)
def test_rows_that_can_be_equal_by_chance_are_left_alone(tmp_path: Path, text: str):
    assert rules(check(tmp_path, text, made(*NUMBERS))) == []


def test_a_subject_in_two_rows_that_differ_has_perhaps_two_visits(tmp_path: Path):
    cde = made(SUBJECT, *NUMBERS)
    text = "subjectcode,dataset,a1\ns1,a,1\ns1,a,2\ns2,a,1\n"
    assert rules(check(tmp_path, text, cde)) == []
    text += "s2,a,1\n"
    assert rules(check(tmp_path, text, cde)) == [("SameRow", None, 1, (5,))]


def test_a_subject_and_visit_twice_is_named_also_where_the_rows_differ(tmp_path: Path):
    cde = made(SUBJECT, *VISITS, *NUMBERS)
    text = "subjectcode,subjectvisitid,dataset,a1\ns1,v1,a,1\ns1,v2,a,1\ns1,v1,a,2\n"
    assert rules(check(tmp_path, text, cde)) == [("DoubledVisit", None, 1, (4,))]
    text = text.replace("subjectvisitid", "subjectvisitdate")
    assert rules(check(tmp_path, text, cde)) == [("DoubledVisit", None, 1, (4,))]


def test_a_subject_of_another_dataset_is_another_one(tmp_path: Path):
    cde = made(SUBJECT, *VISITS, *NUMBERS)
    text = "subjectcode,subjectvisitid,dataset,a1\ns1,v1,a,1\ns1,v1,b,1\ns1,,a,2\ns1,,a,2\n"
    assert rules(check(tmp_path, text, cde)) == []


def test_with_a_subjectcode_that_the_database_keeps_it_counts(tmp_path: Path):
    text = "subjectcode,dataset,a1\ns1,a,1\ns1,a,1\n"
    assert rules(check(tmp_path, text, made(*NUMBERS))) == []
    assert rules(check(tmp_path, text, made(*NUMBERS), subjectcode=True)) == [
        ("SameRow", None, 1, (3,))
    ]


def test_however_many_rows_it_takes_several_passes():
    rng = random.Random(1)
    rows = [tuple(rng.randrange(40) for _ in range(4)) for _ in range(3000)]
    header = ("k1", "k2", "k3", "k4")
    text = "\n".join([",".join(header), *(",".join(map(str, row)) for row in rows)]) + "\n"
    repeated = RepeatedRows(Key(SAME, header[:2], header[:2], 2), at_once=256)
    repeated.add(pl.DataFrame(rows, schema=dict.fromkeys(header, pl.Int64), orient="row"))
    found = FindingCollector()
    repeated.report(found, io.BytesIO(text.encode()), header)
    count = len(rows) - len(set(rows))
    assert [each.problem.count for each in found.findings()] == [count] * bool(count)

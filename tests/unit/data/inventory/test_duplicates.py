"""Files that repeat rows of others: no patient is counted twice without a word."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from saltext_mip.data.csvfile.row_digest import row_digest
from saltext_mip.data.database import compare
from saltext_mip.data.inventory import collect as inventories
from saltext_mip.data.inventory import duplicates
from saltext_mip.data.inventory.check import check
from saltext_mip.storage import state as state_files
from tests.support import cdes
from tests.unit.data.database.independent import csv_rows, database_rows
from tests.unit.data.database.test_compiler import DATABASE, Folder

COLUMNS = {"dataset": "text", "x": "int", "t": "text"}
ROWS = [f"edsd,{number},t{number}" for number in range(30)]
TEXT = "\n".join(["dataset,x,t", *ROWS, ""])
COPIES = {
    "the same bytes": TEXT,
    "another order": "\n".join(["dataset,x,t", *reversed(ROWS), ""]),
    "quoted, with CRLF": "\r\n".join(
        ",".join(f'"{cell}"' for cell in row.split(",")) for row in ["dataset,x,t", *ROWS]
    ),
    "a byte order mark": "\ufeff" + TEXT,
    "other columns first": "\n".join(
        ",".join(reversed(row.split(","))) for row in ["dataset,x,t", *ROWS]
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path, cdes.variable("x", "int"), cdes.variable("t"))
    write(made, "edsd.csv", TEXT, 1_000)
    return made


def write(folder: Folder, name: str, text: str, age: int) -> None:
    """``age``: seconds since it was written."""
    folder.write(name, text)
    path = folder.path / name
    before = path.stat().st_mtime_ns - age * 1_000_000_000
    os.utime(path, ns=(before, before))


def collected(folder: Folder) -> dict[str, list[str]]:
    """Hard problems by file, as the inventory has them."""
    [record] = inventories.collect(
        folder.path.parent, folder.state, federation="fed1", node="n", deep=True
    ).pathologies
    return {of.name: [p.rule for p in of.problems if p.severity != "note"] for of in record.files}


@pytest.mark.parametrize("name", ["~edsd.csv", "edsd (conflicted copy).csv", "a.csv", "z.csv"])
@pytest.mark.parametrize("text", COPIES.values(), ids=COPIES)
def test_a_file_with_the_rows_of_another_is_not_taken(folder, name, text):
    write(folder, name, text, 500)
    done = folder.compile()
    assert dict(done.files) == {"edsd.csv": "compiled", name: "out"}
    assert (done.status, done.rows) == ("failed", 30)
    [problem] = [of for of in done.problems if of.severity == "error"]
    assert (problem.rule, problem.file) == ("DuplicateFile", name)
    assert "'edsd.csv'" in problem.about
    assert database_rows(folder.path / DATABASE) == csv_rows(folder.path / "edsd.csv", COLUMNS)
    assert collected(folder) == {"edsd.csv": [], name: ["DuplicateFile"]}
    rules = {of.problem.rule: of.problem.file for of in check(folder.path).all_findings}
    assert rules["DuplicateFile"] == name
    assert folder.compile().status == "failed"
    assert folder.current() == (True, None)


@pytest.mark.parametrize("text", COPIES.values(), ids=COPIES)
def test_a_copy_beside_a_file_that_was_compiled_changes_nothing(folder, text):
    folder.compile()
    before = database_rows(folder.path / DATABASE)
    write(folder, "b.csv", text, 10)
    assert dict(folder.compile().files) == {"edsd.csv": "compiled", "b.csv": "out"}
    assert database_rows(folder.path / DATABASE) == before


@pytest.mark.parametrize("names", [("edsd.csv", "b.csv"), ("b.csv", "edsd.csv")])
def test_when_the_first_is_gone_or_another_its_copy_is_taken(folder, names):
    write(folder, "b.csv", TEXT, 10)
    folder.compile()
    (folder.path / "edsd.csv").unlink()
    assert dict(folder.compile().files) == {"b.csv": "compiled"}
    assert folder.select("SELECT count(*) FROM DATA") == [(30,)]
    write(folder, "edsd.csv", "dataset,x,t\nedsd,99,other\n", 1_000)
    done = folder.compile()
    assert (dict(done.files), done.rows) == ({"b.csv": "compiled", "edsd.csv": "compiled"}, 31)
    assert compare.verify(folder.path, folder.state) == ()
    assert collected(folder) == {"b.csv": [], "edsd.csv": []}


def test_a_file_that_becomes_a_copy_keeps_the_rows_that_it_had(folder):
    write(folder, "ppmi.csv", "dataset,x,t\nppmi,1,a\n", 10)
    folder.compile()
    write(folder, "ppmi.csv", TEXT, 10)
    done = folder.compile()
    assert (dict(done.files), done.rows) == ({"edsd.csv": "compiled", "ppmi.csv": "kept"}, 31)
    assert dict(done.datasets) == {"edsd": 30, "ppmi": 1}


@pytest.mark.parametrize("names", [(), ("rowid", "oid", "_rowid_")], ids=["plain", "hidden"])
def test_files_without_rows_or_with_other_rows_are_no_copies(tmp_path, names):
    made = Folder(tmp_path, cdes.variable("t"), *(cdes.variable(n, "int") for n in names))
    for name in "abc":
        made.write(f"{name}.csv", "dataset,t\n")
    made.write("d.csv", "dataset,t\ned,x\ned,y\n")
    made.write("e.csv", "dataset,t\ned,x\ned,x\n")
    done = made.compile()
    assert set(done.files.values()) == {"compiled"}
    assert done.rows == 4


OVERLAPS = {
    "the other and more rows": [*ROWS, *(f"edsd,{number},new" for number in range(100, 110))],
    "most of its rows": [*ROWS[:20], *(f"edsd,{number},new" for number in range(100, 105))],
    "a part of the other": ROWS[5:15],
}


@pytest.mark.parametrize("rows", OVERLAPS.values(), ids=OVERLAPS)
def test_a_file_that_repeats_many_rows_of_another_is_a_warning(folder, rows):
    write(folder, "more.csv", "\n".join(["dataset,x,t", *rows, ""]), 10)
    assert folder.compile().rows == 30 + len(rows)
    assert collected(folder) == {"edsd.csv": [], "more.csv": ["OverlappingFile"]}
    rules = {of.problem.rule for of in check(folder.path).all_findings}
    assert rules == {"OverlappingFile"}


@pytest.mark.parametrize("shared", [0, 5, 14])
def test_a_file_that_shares_few_rows_is_none(folder, shared):
    rows = [*ROWS[:shared], *(f"edsd,{number},new" for number in range(100, 130))]
    write(folder, "more.csv", "\n".join(["dataset,x,t", *rows, ""]), 10)
    assert collected(folder) == {"edsd.csv": [], "more.csv": []}


def test_each_file_is_read_once_for_its_digest_however_many_are_alike(folder, monkeypatch):
    """Files of as many rows: all pairs of them would be too many."""
    for number in range(40):
        rows = [f"edsd,{number},t{row}" for row in range(30)]
        write(folder, f"{number}.csv", "\n".join(["dataset,x,t", *rows, ""]), 10)
    read: list[str] = []
    digest, saved = duplicates.row_digest, state_files.write_state

    def counted(path: Path, *of: object) -> object:
        read.append(path.name)
        return digest(path, *of)

    def remembered(path: Path, value: object) -> bool:
        read.extend(["state"] if path.name == state_files.ROW_DIGESTS else [])
        return saved(path, value)

    monkeypatch.setattr(duplicates, "row_digest", counted)
    monkeypatch.setattr(state_files, "write_state", remembered)
    folder.compile()
    assert sorted(read) == sorted([*(f"{number}.csv" for number in range(40)), "edsd.csv", "state"])
    read.clear()
    folder.compile(force=True)
    assert read == []


def test_rows_are_hashed_alike_in_every_process(folder):
    path = folder.path / "edsd.csv"
    code = (
        "import sys, pathlib; from saltext_mip.data.csvfile.row_digest import row_digest;"
        "print(row_digest(pathlib.Path(sys.argv[1]), ('dataset', 'x', 't'), ('x', 't')).sums)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True
    )
    assert ran.stdout.strip() == str(row_digest(path, ("dataset", "x", "t"), ("x", "t")).sums)


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("dataset,subjectid,visitid\na,s1,BL\na,s1,FL1\n", []),
        ("dataset,subjectid\na,s1\n", ["VisitColumnMissing"]),
        ("dataset\na\n", ["VisitColumnMissing", "VisitColumnMissing"]),
        ("dataset,subjectid,visitid\na,,BL\na,s1,\na,s1,BL\n", ["VisitIncomplete"]),
        ("dataset,subjectid,visitid\na,s1,BL\na,s1,BL\n", ["DoubledVisit"]),
    ],
)
def test_a_longitudinal_file_names_subject_and_visit_in_every_row(tmp_path, text, rules):
    visits = cdes.variable("visitid", enumerations=["BL", "FL1"])
    made = Folder(tmp_path, cdes.variable("subjectid"), visits, longitudinal=True)
    made.write("a.csv", text)
    found = check(made.path).all_findings
    assert [of.problem.rule for of in found] == rules

"""Rows of nothing, headers again, labels and footers become no dataset and no patient."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltext_mip.data.csvfile import reader
from saltext_mip.data.csvfile.joined import empty_lines, is_empty, without_empty
from saltext_mip.data.database import compare
from saltext_mip.data.inventory.check import check
from tests.support import cdes
from tests.support.soak import examples
from tests.unit.data.database.independent import csv_rows, database_rows
from tests.unit.data.database.test_compiler import DATABASE, Folder

COLUMNS = {"dataset": "text", "x": "int", "t": "text"}
EMPTY = [",,", ",", ",,,,,,", '"","",""', " , ,\t", '"",,', "", "  ", '" ",""', '""', "\t"]
GOOD = ["edsd,1,a", '"edsd",2,"b"', 'edsd,,"two\nlines"', "edsd,3,", 'edsd,4,","', 'edsd,5,""""']


def compiled(root: Path, text: str, name: str = "a.csv") -> Folder:
    made = Folder(root, cdes.variable("x", "int"), cdes.variable("t"))
    made.write(name, text)
    return made


def problems(path: Path) -> dict[str, tuple[int, ...]]:
    return {f.problem.rule: f.problem.lines for f in reader.read(path).findings}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("empty", EMPTY)
@pytest.mark.parametrize("place", [0, 3, len(GOOD)])
def test_a_row_of_nothing_is_no_row_and_is_counted(tmp_path, empty, place, end):
    lines = [*GOOD[:place], empty, empty, *GOOD[place:]]
    folder = compiled(tmp_path, end.join(["dataset,x,t", *lines, ""]))
    clean = tmp_path / "clean.csv"
    clean.write_text("\n".join(["dataset,x,t", *GOOD, ""]), newline="")
    done = folder.compile()
    assert (done.status, done.rows, dict(done.datasets)) == ("compiled", 6, {"edsd": 6})
    found = {problem.rule: problem for problem in done.problems}
    if empty:
        line = 2 + sum(1 + good.count("\n") for good in GOOD[:place])
        assert list(found) == ["EmptyRows"]
        assert (found["EmptyRows"].lines, found["EmptyRows"].severity) == ((line, line + 1), "note")
    else:
        assert not found
    expected = csv_rows(clean, COLUMNS)
    assert database_rows(folder.path / DATABASE) == expected
    assert compare.verify(folder.path, folder.state) == ()


@pytest.mark.parametrize("block", [1 << 20, 4000])
def test_rows_of_nothing_are_skipped_in_blocks_of_any_file(tmp_path, monkeypatch, block):
    monkeypatch.setattr(reader, "BLOCK", block)
    monkeypatch.setattr("saltext_mip.data.csvfile.blocks.BLOCK", block)
    shuffled = random.Random(block)
    lines = [shuffled.choice([*GOOD, *EMPTY]) for _ in range(5000)]
    folder = compiled(tmp_path, "\n".join(["dataset,x,t", *lines, ""]))
    good = [line for line in lines if line in GOOD]
    clean = tmp_path / "clean.csv"
    clean.write_text("\n".join(["dataset,x,t", *good, ""]), newline="")
    done = folder.compile()
    assert (done.status, done.rows) == ("compiled", len(good))
    assert database_rows(folder.path / DATABASE) == csv_rows(clean, COLUMNS)


def test_a_problem_behind_rows_of_nothing_has_its_own_line(tmp_path):
    folder = compiled(tmp_path, 'dataset,x,t\n,,\nedsd,1,"a\nb"\n"","",""\n\nedsd,no number,c\n')
    [skipped, wrong] = folder.compile().problems
    assert (skipped.rule, skipped.lines) == ("EmptyRows", (2, 5))
    assert (wrong.rule, wrong.line) == ("NotANumber", 7)


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.sampled_from([*GOOD, *EMPTY, 'edsd,6,"\n,,\n"']), max_size=12))
def test_what_is_left_without_rows_of_nothing_is_what_the_csv_module_reads(lines):
    body = "\n".join([*lines, ""]).encode()
    left = csv.reader(io.StringIO(without_empty(body).decode(), newline=""))
    every = csv.reader(io.StringIO(body.decode(), newline=""))
    rows = [row for row in every if any(cell.strip(" \t") for cell in row)]
    assert list(left) == rows
    assert all(is_empty(body[begin:end]) for begin, end in empty_lines(body))


@pytest.mark.parametrize(
    "again", ["dataset,x,t", '"dataset","x","t"', "Dataset, X ,T", "DATASET,x,t"]
)
@pytest.mark.parametrize("others", [["edsd,1,a"], ["edsd,1,a"] * 5000])
def test_a_header_in_the_middle_is_an_error_with_its_line(tmp_path, again, others):
    folder = compiled(tmp_path, "\n".join(["dataset,x,t", *others, again, "edsd,2,b", ""]))
    done = folder.compile()
    assert dict(done.files) == {"a.csv": "out"}
    assert done.datasets == ()
    assert problems(folder.path / "a.csv") == {"SecondHeader": (len(others) + 2,)}


@pytest.mark.parametrize(
    "row",
    ["\ufeffedsd,1,a", "\ufeffdataset,x,t", "edsd,1,\ufeffa", 'edsd,1,"\ufeffa"', '"\ufeffrp",1,a'],
)
@pytest.mark.parametrize("others", [["edsd,1,ä"], ["edsd,1,a"] * 5000])
def test_a_byte_order_mark_in_the_middle_is_an_error_with_its_line(tmp_path, row, others):
    folder = compiled(tmp_path, "\ufeff" + "\n".join(["dataset,x,t", *others, row, ""]))
    assert dict(folder.compile().files) == {"a.csv": "out"}
    assert problems(folder.path / "a.csv") == {"MarkInside": (len(others) + 2,)}


@pytest.mark.parametrize(
    "code", ["Total 17", "TOTAL", "Sum:", "Note: data of 2019", "N = 12", "X", "t"]
)
def test_a_dataset_of_one_row_that_is_called_like_a_footer_is_a_warning(tmp_path, code):
    folder = compiled(tmp_path, f'dataset,x,t\nedsd,1,a\nedsd,2,b\n"{code}",,\n')
    done = folder.compile()
    assert [(of.rule, of.severity) for of in done.problems] == [("DatasetOdd", "warning")]
    assert done.rows == 3


@pytest.mark.parametrize("code", ["edsd2", "totalis", "note1", "adni", "summer", "n1", "minnesota"])
def test_a_small_dataset_is_no_footer(tmp_path, code):
    folder = compiled(tmp_path, f"dataset,x,t\nedsd,1,a\nedsd,2,b\n{code},3,c\n")
    assert folder.compile().problems == ()
    folder.write("a.csv", "dataset,x,t\nedsd,1,a\nedsd,2,b\ntotal,3,c\ntotal,3,c\n")
    assert folder.compile().problems == ()
    folder.write("a.csv", "dataset,x,t\ntotal,1,a\n")
    assert folder.compile().problems == ()


@pytest.mark.parametrize("code", ["Variable of x", "variable of X ", "VARIABLE OF T"])
def test_a_dataset_of_one_row_that_is_a_label_is_a_warning(tmp_path, code):
    variables = [cdes.variable("x", "int", label="Variable of x")]
    variables.append(cdes.variable("t", label="Variable of t"))
    folder = Folder(tmp_path, *variables)
    folder.write("a.csv", f"dataset,x,t\nedsd,1,a\nedsd,2,b\n{code},,\n")
    found = check(folder.path).all_findings
    assert [of.problem.rule for of in found] == ["DatasetOdd"]
    folder.write("a.csv", "dataset,x\nedsd,1\nVariable of t,2\n")
    assert check(folder.path).all_findings == ()

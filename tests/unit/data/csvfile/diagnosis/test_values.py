"""What a value or a column that is refused is meant to be, and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from saltext_mip.data.cde.model import Variable, parse
from saltext_mip.data.csvfile import reader
from saltext_mip.data.csvfile.diagnosis.columns import unknown_columns
from saltext_mip.data.csvfile.diagnosis.values import Reader, advise
from saltext_mip.data.csvfile.validator import check_file
from tests.support import cdes

GENDER = (("M", "Male"), ("F", "Female"))


def variable(kind: str = "text", codes=None, **more) -> Variable:
    return Variable("x", "X", kind, bool(codes), codes, **more)


@pytest.mark.parametrize(
    ("codes", "text", "kind", "write"),
    [
        (GENDER, "Male", "code", "M"),
        (GENDER, "female ", "code", "F"),
        (GENDER, "m", "code", "M"),
        (GENDER, "\u200bM", "code", "M"),
        (GENDER, "NA", "missing", ""),
        (GENDER, "Mal", "near", None),
        (GENDER, "X", "no code", None),
        ((("1", "yes"), ("0", "no")), "TRUE", "code", "1"),
        ((("1", "male"), ("0", "female")), "TRUE", "ambiguous", None),
        ((("1", "yes"), ("2", "no")), "TRUE", "no code", None),
        ((("1", "a"), ("2", "b")), "1.0", "code", "1"),
        ((("1", "a"), ("1.0", "b")), "1.00", "ambiguous", None),
        ((("a", "Left"), ("b", "left")), "LEFT", "ambiguous", None),
        ((("NA", "not asked"), ("1", "yes")), "na", "code", "NA"),
    ],
)
def test_a_value_that_is_no_code(codes, text, kind, write):
    reading = Reader(variable(codes=codes)).read(text)
    assert (reading.kind, reading.write) == (kind, write)


@pytest.mark.parametrize(
    ("text", "kind", "write"),
    [
        ("1,5", "decimal comma", "1.5"),
        ("1,234", "ambiguous", None),
        ("1 234", "number", "1234"),
        ("1\u202f234", "number", "1234"),
        ("1'234.5", "number", "1234.5"),
        ("1.234,5", "number", "1234.5"),
        ("1,234.5", "number", "1234.5"),
        ("−5", "number", "-5"),
        ("12%", "percent", None),
        ("<5", "limit", None),
        ("12 cm", "unit", None),
        ("01.02.2020", "date", None),
        ("1-Feb", "date", None),
        ("Feb 20", "date", None),
        ("TRUE", "boolean", None),
        ("N/A", "missing", ""),
        ("#N/A", "missing", ""),
        (".", "missing", ""),
        ("hello", "other", None),
    ],
)
def test_a_value_that_is_no_number(text, kind, write):
    reading = Reader(variable("real")).read(text)
    assert (reading.kind, reading.write) == (kind, write)


def test_other_values_of_the_column_tell_what_a_comma_is():
    assert Reader(variable("real"), ["1,5", "1,234"]).read("1,234").write == "1.234"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("-9", "looks like a mark for 'missing': leave the cell empty"),
        ("43862", "may be the number of a day in Excel"),
        ("31", "is out of bounds"),
    ],
)
def test_a_value_out_of_bounds(value, words):
    told = advise(variable("int", min=0, max=30), "OutOfBounds", [(2, value)], 1)
    assert words in told
    assert "Allowed: 0 to 30." in told


CDE = parse(
    cdes.content(
        datasets=["edsd"],
        variables=[
            cdes.variable("gender", enumerations=[{"code": "M", "label": "Male"}], label="Sex"),
            cdes.variable("agevalue", "int", label="Age Years"),
            cdes.variable("visit_date", type="date"),
            cdes.variable("score", "int"),
            cdes.variable("note"),
        ],
    ),
    pathology="dementia",
)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("Gender ", "Rename the column 'Gender ' to 'gender' (lower case, no blank at the end)."),
        ("\ufeffgender", "'\\ufeffgender' to 'gender' (no invisible characters)"),
        ("age value", "Rename the column 'age value' to 'agevalue'."),
        ("Sex", "has the label of the variable 'gender': rename it to 'gender'"),
        ("agevalu", "Is 'agevalu' the variable 'agevalue' (Age Years)? Then rename it"),
        ("Unnamed: 0", "looks like row numbers"),
        ("blood_group", "The CDE has no variable like 'blood_group': ask the operator"),
    ],
)
def test_a_column_names_the_variable_that_it_is_like(column, words):
    (finding,) = unknown_columns([column], ["dataset", column], CDE)
    assert words in finding.advice


def test_however_many_columns_it_is_one_problem():
    names = [f"extra_{number}" for number in range(500)]
    (finding,) = unknown_columns(names, ["dataset", *names], CDE)
    assert (finding.problem.column, finding.problem.count) == ("extra_0", 500)
    assert finding.problem.about.endswith("and 494 more")
    assert "And 490 more columns" in finding.advice


def found(tmp_path: Path, content: str):
    path = tmp_path / "a.csv"
    path.write_text(content)
    table = reader.read(path)
    both = table.findings + check_file(path, table, CDE, subjectcode=False)
    return {each.problem.rule: each for each in both}


def test_a_second_header_is_one_problem_with_its_line(tmp_path):
    content = "dataset,gender,score\nDataset,Sex,Total score\nedsd,M,3\nedsd,M,4\n"
    told = found(tmp_path, content)
    assert list(told) == ["DatasetOdd", "SecondHeader"]
    assert told["SecondHeader"].advice.endswith("delete line 2.")


def test_marks_for_missing_are_found_where_nothing_else_is_like_them(tmp_path):
    rows = "".join(f"edsd,{value}\n" for value in (1, 5, -9, 8, -9, 30))
    assert list(found(tmp_path, "dataset,score\n" + rows)) == ["MissingMark"]
    rows = "".join(f"edsd,{value}\n" for value in (-20, 5, -9, 8, -9, 30))
    assert not found(tmp_path, "dataset,score\n" + rows)
    assert not found(tmp_path, "dataset,score\nedsd,-9\nedsd,4\n")
    assert list(found(tmp_path, "dataset,note\nedsd,NA\nedsd,NA\n")) == ["MissingMark"]


def test_quotes_that_swallow_rows_are_found(tmp_path):
    content = 'dataset,score,note\nedsd,1,"x\nedsd,2,y\nedsd,3,z"\nedsd,4,\n'
    told = found(tmp_path, content)
    assert told["RowsInQuotes"].problem.lines == (2,)
    assert not found(tmp_path, 'dataset,score,note\nedsd,1,"two\nlines"\n')


def test_a_date_is_a_date(tmp_path):
    rows = "edsd,2020-01-31\nedsd,31.01.2020\nedsd,\n"
    assert found(tmp_path, "dataset,visit_date\n" + rows)["NotADate"].problem.lines == (3,)


def test_what_hides_values_hides_no_problem_of_them(tmp_path):
    """The rows end with a comma and the numbers have a decimal comma: one round tells both."""
    told = found(tmp_path, 'dataset,score\nedsd,"1,5",\nedsd,"2,5",\n')
    assert set(told) == {"RowsUnlikeHeader", "NotANumber"}
    assert told["NotANumber"].problem.lines == (2, 3)

"""Which values a file may have, and how it is told which it may not."""

from __future__ import annotations

import math
import re
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltext_mip.data.cde import model as cde
from saltext_mip.data.csvfile import decimals, reader, validator
from saltext_mip.data.csvfile.blocks import blocks
from saltext_mip.problems import Finding
from tests.support import cdes
from tests.support.soak import examples


def made(*variables: dict[str, Any], **root: Any) -> cde.Cde:
    tree = cdes.tree(datasets=["a"], variables=[*variables, cdes.variable("filler")], **root)
    return cde.parse(cdes.content(tree), pathology="dementia")


def check(
    tmp_path: Path, text: str, of: cde.Cde, *, subjectcode: bool = False, strict: bool = False
) -> list[Finding]:
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8", newline="")
    table = reader.read(path)
    assert table.sound, table.findings
    return list(validator.check_file(path, table, of, subjectcode=subjectcode, strict=strict))


def told(findings: list[Finding]) -> list[tuple[Any, ...]]:
    return [
        (found.problem.rule, found.problem.column, found.problem.count, found.problem.lines)
        for found in findings
    ]


NUMBERS: list[tuple[str, int | str, float | str]] = [
    ("7", 7, 7.0),
    (" 7 ", 7, 7.0),
    ("\t7", 7, 7.0),
    ("+7", 7, 7.0),
    ("-7", -7, -7.0),
    ("007", 7, 7.0),
    ("3.0", 3, 3.0),
    (" 3.000\t", 3, 3.0),
    ("3.", 3, 3.0),
    (".5", "NotWhole", 0.5),
    ("-.5", "NotWhole", -0.5),
    ("3.5", "NotWhole", 3.5),
    ("1e5", 100000, 1e5),
    ("1E+5", 100000, 1e5),
    ("1e-5", "NotWhole", 1e-5),
    ("35e-1", "NotWhole", 3.5),
    ("30e-1", 3, 3.0),
    ("10000000000000000000e-3", 10**16, 1e16),
    ("0.00000000000000000001e20", 1, 1.0),
    ("9007199254740993", 2**53 + 1, 9007199254740992.0),
    ("9007199254740993.0", 2**53 + 1, 9007199254740992.0),
    ("9223372036854775807", 2**63 - 1, 2.0**63),
    ("9223372036854775807.0", 2**63 - 1, 2.0**63),
    ("9223372036854775808", "OutOfRange64", 2.0**63),
    ("-9223372036854775808", -(2**63), -(2.0**63)),
    ("-9223372036854775808e0", -(2**63), -(2.0**63)),
    ("-9223372036854775809", "OutOfRange64", -(2.0**63)),
    ("1" * 400, "OutOfRange64", "OutOfRange64"),
    ("1" + "0" * 400 + "e-400", 1, 1.0),
    ("0." + "0" * 400, 0, 0.0),
    ("1e309", "OutOfRange64", "OutOfRange64"),
    ("1e-400", "NotWhole", 0.0),
    ("0e" + "9" * 5000, 0, 0.0),
    ("1e" + "9" * 5000, "OutOfRange64", "OutOfRange64"),
    ("1e-" + "9" * 5000, "NotWhole", 0.0),
    ("NaN", "NotANumber", "NotANumber"),
    ("inf", "NotANumber", "NotANumber"),
    ("-Infinity", "NotANumber", "NotANumber"),
    ("1+1", "NotANumber", "NotANumber"),
    ("0x10", "NotANumber", "NotANumber"),
    ("1_000", "NotANumber", "NotANumber"),
    ("1,5", "NotANumber", "NotANumber"),
    ("1 000", "NotANumber", "NotANumber"),
    ("true", "NotANumber", "NotANumber"),
    ("٣", "NotANumber", "NotANumber"),
    ("\u00a07", "NotANumber", "NotANumber"),
    ("7\n", "NotANumber", "NotANumber"),
    (".", "NotANumber", "NotANumber"),
    ("-", "NotANumber", "NotANumber"),
    ("e5", "NotANumber", "NotANumber"),
    ("1e", "NotANumber", "NotANumber"),
    ("--1", "NotANumber", "NotANumber"),
    ("NULL", "NotANumber", "NotANumber"),
    ("'; DROP TABLE DATA; --", "NotANumber", "NotANumber"),
]


@pytest.mark.parametrize(("text", "as_int", "as_real"), NUMBERS, ids=[n[0][:24] for n in NUMBERS])
def test_a_text_means_a_number_or_breaks_a_rule(text, as_int, as_real):
    assert (decimals.whole(text), decimals.real(text)) == (as_int, as_real)


@pytest.mark.parametrize("kind", ["int", "real"])
def test_a_file_is_told_the_rule_the_line_and_the_column_of_each_such_text(tmp_path, kind):
    rows = ['"' + text.replace('"', '""') + '"' for text, _, _ in NUMBERS]
    lines = []
    line = 2
    for row in rows:
        lines.append(line)
        line += 1 + row.count("\n")
    text = "dataset,x\n" + "".join(f"a,{row}\n" for row in rows)
    expected: dict[str, list[int]] = {}
    for at, (_, as_int, as_real) in zip(lines, NUMBERS, strict=True):
        if isinstance(answer := as_int if kind == "int" else as_real, str):
            expected.setdefault(answer, []).append(at)
    found = check(tmp_path, text, made(cdes.variable("x", kind)))
    assert {rule: (count, lines) for rule, _, count, lines in told(found)} == {
        rule: (len(lines), tuple(lines[:10])) for rule, lines in expected.items()
    }
    assert {column for _, column, _, _ in told(found)} == {"x"}


def test_texts_are_taken_as_they_are(tmp_path):
    texts = ["it's", '"quoted"', "a,b", "x\ny", "DROP TABLE DATA;", " blank ", "", "NULL", "x"]
    rows = "".join('a,"' + text.replace('"', '""') + '"\n' for text in texts)
    assert check(tmp_path, "dataset,x\n" + rows, made(cdes.variable("x"))) == []


@pytest.mark.parametrize("kind", ["int", "real", "text"])
def test_an_empty_value_breaks_no_rule_of_values(tmp_path, kind):
    of = made(cdes.variable("x", kind, enumerations=["1"], min=1, max=1))
    assert check(tmp_path, 'dataset,x\na,\na,""\na,1\n', of) == []


def test_blanks_alone_are_an_empty_number(tmp_path):
    of = made(cdes.variable("i", "int"), cdes.variable("r", "real"))
    assert check(tmp_path, "dataset,i,r\na,  ,\t\n", of) == []


def test_values_outside_an_enumeration_are_warned_of(tmp_path):
    of = made(cdes.variable("x", enumerations=["M", "F"]))
    found = check(tmp_path, "dataset,x\na,M\na,m\na,F \na,F\na,m\n", of)
    assert told(found) == [("NotEnumerated", "x", 3, (3, 4, 6))]
    assert found[0].examples == ((3, "m"), (4, "F "), (6, "m"))
    assert not found[0].problem.hard


def test_codes_of_a_numeric_enumeration_are_numbers(tmp_path):
    of = made(cdes.variable("x", "int", enumerations=["0", "1", "other"]))
    found = check(tmp_path, "dataset,x\na,1.0\na,00\na, 1\na,2\n", of)
    assert told(found) == [("NotEnumerated", "x", 1, (5,))]


def test_the_datasets_of_the_cde_do_not_bind_the_file(tmp_path):
    assert check(tmp_path, "dataset,filler\nnew one,\n", made()) == []


@pytest.mark.parametrize(
    ("kind", "bounds", "good", "bad"),
    [
        ("int", {"min": 0, "maxValue": 10}, ["0", "10", "1e1"], ["-1", "11", "1e9"]),
        ("int", {"minValue": 1.5, "max": "3"}, ["2", "3"], ["1", "4"]),
        ("int", {"max": 1e30}, ["9223372036854775807"], []),
        ("int", {"min": 2**53 + 1}, [str(2**53 + 1)], [str(2**53)]),
        ("real", {"min": 0.1}, ["0.1", "1e300"], ["0.0999999", "-1"]),
        ("real", {"minValue": 0, "min": 5}, ["5"], ["4.9"]),
        ("text", {"min": 5}, ["4", "x"], []),
    ],
)
def test_values_out_of_bounds_are_warned_of(tmp_path, kind, bounds, good, bad):
    rows = "".join(f"a,{text}\n" for text in [*good, *bad])
    found = check(tmp_path, "dataset,x\n" + rows, made(cdes.variable("x", kind, **bounds)))
    lines = tuple(range(2 + len(good), 2 + len(good) + len(bad)))
    assert told(found) == ([("OutOfBounds", "x", len(bad), lines)] if bad else [])


def test_strict_makes_warnings_keep_the_file_out(tmp_path):
    of = made(cdes.variable("x", "int", max=1))
    [found] = check(tmp_path, "dataset,x\na,2\n", of, strict=True)
    assert found.problem.hard
    assert found.problem.severity == "error"


def test_all_problems_of_a_file_are_found(tmp_path):
    of = made(cdes.variable("i", "int"), cdes.variable("r", "real"), cdes.variable("g"))
    text = "dataset,i,unknown,r\na,x,,y\na,1,,2\na,1.5,,inf\na,y,,\n"
    assert told(check(tmp_path, text, of)) == [
        ("UnknownColumn", "unknown", 1, ()),
        ("NotANumber", "i", 2, (2, 5)),
        ("NotWhole", "i", 1, (4,)),
        ("NotANumber", "r", 2, (2, 4)),
    ]


def test_only_the_first_lines_are_named_and_all_are_counted(tmp_path):
    text = "dataset,x\n" + "a,oops\n" * 1000
    [found] = check(tmp_path, text, made(cdes.variable("x", "int")))
    assert found.problem.count == 1000
    assert found.problem.lines == tuple(range(2, 12))
    assert found.problem.line == 2


def test_a_row_is_on_the_line_where_it_begins(tmp_path):
    text = '\ufeff\r\ndataset,"x","g"\r\n\r\na,1,"two\r\nlines"\r\na,bad,""\r\n\n\na,"bad","\n"\n'
    found = check(tmp_path, text, made(cdes.variable("x", "int"), cdes.variable("g")))
    assert told(found) == [("NotANumber", "x", 2, (6, 9))]


def test_no_value_is_in_what_leaves_the_node(tmp_path):
    of = made(
        cdes.variable("i", "int"),
        cdes.variable("g", enumerations=["m"]),
        cdes.variable("subjectid"),
        cdes.variable("visitid"),
        longitudinal=True,
    )
    text = "dataset,i,g,subjectid,visitid\n" + "a,canary1,canary2,canary3,canary4\n" * 2
    found = check(tmp_path, text, of)
    assert {finding.problem.rule for finding in found} == {
        "NotANumber",
        "NotEnumerated",
        "DoubledVisit",
    }
    assert not any("canary" in str(finding.problem.wire()) for finding in found)
    assert not any("canary" in str(finding.problem) for finding in found)
    assert all("canary" in str(finding.examples) for finding in found)


@pytest.mark.parametrize(
    ("subjectcode", "rules"), [(False, ["SubjectcodeLeftOut"]), (True, [])], ids=["out", "in"]
)
def test_a_subjectcode_that_the_cde_lacks_is_no_error(tmp_path, subjectcode, rules):
    found = check(tmp_path, "dataset,subjectcode\na,s1\n", made(), subjectcode=subjectcode)
    assert [finding.problem.rule for finding in found] == rules
    assert not any(finding.problem.hard for finding in found)


def test_a_file_that_is_no_table_is_checked_as_far_as_its_header(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("dataset,nobody\na\n")
    found = validator.check_file(path, reader.read(path), made(), subjectcode=False)
    assert [finding.problem.rule for finding in found] == ["UnknownColumn"]


# -- visits

VISITS = (cdes.variable("subjectid"), cdes.variable("visitid"))


def test_a_second_row_of_a_subject_and_visit_is_warned_of(tmp_path):
    text = "visitid,dataset,subjectid\nv1,a,s1\nv2,a,s1\nv1,a,s2\nv1,a,s1\nv1,b,s1\n,a,s1\n,a,s1\n"
    [incomplete, found] = check(tmp_path, text, made(*VISITS, longitudinal=True))
    assert told([incomplete]) == [("VisitIncomplete", None, 2, ())]
    assert told([found]) == [("DoubledVisit", None, 2, (5, 6))]
    assert found.examples == ((5, "s1, v1"), (6, "s1, v1"))


def test_subject_and_visit_are_told_apart(tmp_path):
    text = "dataset,subjectid,visitid\na,1,12\na,11,2\na,112,1\n"
    assert check(tmp_path, text, made(*VISITS, longitudinal=True)) == []


def test_visits_count_in_longitudinal_data_only(tmp_path):
    text = "dataset,subjectid,visitid\na,s1,v1\na,s1,v1\n"
    assert check(tmp_path, text, made(*VISITS)) == []


def in_blocks(path: Path, of: cde.Cde, size: int) -> list[Finding]:
    """What is found where a block has ``size`` bytes."""
    table = reader.read(path)
    checker = validator.Validator(table.header, of, subjectcode=False)
    with path.open("rb") as file:
        for block in blocks(file, table.header, size=size):
            checker.values(block)
        return list(checker.findings(file))


MARKS = ["-2147483648", "9999", "-99", "-9", "999", "-999"]


@pytest.mark.parametrize("kind", ["int", "real"])
@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("size", [20, 1 << 20])
def test_marks_for_missing_are_a_warning_at_the_column_without_values(tmp_path, kind, mark, size):
    texts = ["1", "7", mark, "40", "", mark, "3", mark, "12", "5"]
    path = tmp_path / "a.csv"
    path.write_text("dataset,x\n" + "".join(f"a,{text}\n" for text in texts))
    [finding] = in_blocks(path, made(cdes.variable("x", kind)), size)
    assert told([finding]) == [("MissingMark", "x", 3, (4, 7, 9))]
    assert finding.problem.severity == "warning"
    assert mark not in str(finding.problem.wire())
    # with bounds it is out of them; where other values are like it, it is none
    bounded = made(cdes.variable("x", kind, minValue=0, maxValue=50))
    assert [of.problem.rule for of in in_blocks(path, bounded, size)] == ["OutOfBounds"]
    like = str(int(mark) * 3 // 4)
    with path.open("a") as file:
        file.write("".join(f"a,{number}\n" for number in range(20)) + f"a,{like}\n")
    assert in_blocks(path, made(cdes.variable("x", kind)), size) == []


@pytest.mark.parametrize("texts", [["-9", "5"], ["-8", "-8", "998", "998"], ["", "", " "]])
def test_one_mark_and_values_that_are_none_are_no_marks(tmp_path, texts):
    text = "dataset,x\n" + "".join(f"a,{each}\n" for each in texts)
    for kind in ("int", "real"):
        assert check(tmp_path, text, made(cdes.variable("x", kind))) == []


bounds_ = st.one_of(st.none(), st.integers(-20, 20), st.integers(-(2**62), 2**62))
values_ = st.one_of(
    st.integers(-25, 25).map(str),
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.sampled_from(["", " ", "-0", "3.0", "1e3", "NaN", "inf", "-inf", "x", "0.5"]),
)


@given(
    st.sampled_from(["int", "real"]), bounds_, bounds_, st.lists(values_, max_size=12), st.data()
)
@settings(max_examples=examples(80), deadline=None)
def test_however_a_file_is_cut_each_value_is_judged(kind, low, high, texts, data):
    """The extremes of a block stand for its values: what they skip is found by no other means."""
    bounds = {key: of for key, of in {"min": low, "max": high}.items() if of is not None}
    of = made(cdes.variable("x", kind, **bounds))
    crossed = low is not None and high is not None and low > high
    expected: dict[str, list[int]] = {}
    for line, text in enumerate(texts, 2):
        value = exactly(text, kind)
        if isinstance(value, str):
            expected.setdefault(value, []).append(line)
        elif value is not None and bounds and not crossed:
            least = (float if kind == "real" else int)(low if low is not None else -(2**63))
            most = (float if kind == "real" else int)(high if high is not None else 2**63 - 1)
            if (low is not None and value < least) or (high is not None and value > most):
                expected.setdefault("OutOfBounds", []).append(line)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_text("dataset,x\n" + "".join(f"a,{text}\n" for text in texts))
        found = in_blocks(path, of, data.draw(st.sampled_from([5, 30, 1 << 20])))
    judged = {f.problem.rule: f.problem for f in found if f.problem.rule != "MissingMark"}
    assert {rule: of.count for rule, of in judged.items()} == {
        rule: len(lines) for rule, lines in expected.items()
    }
    assert {rule: of.lines for rule, of in judged.items()} == {
        rule: tuple(lines[:10]) for rule, lines in expected.items()
    }


# -- against exact arithmetic

_GRAMMAR = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_digits = st.text("0123456789", max_size=22)
_numbers = st.builds(
    lambda blank, sign, whole, part, exponent, end: blank + sign + whole + part + exponent + end,
    st.sampled_from(["", "", " ", "\t "]),
    st.sampled_from(["", "", "-", "+"]),
    _digits,
    st.one_of(st.just(""), st.just("."), _digits.map(lambda digits: "." + digits)),
    st.one_of(
        st.just(""),
        st.builds(
            "{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), _digits
        ).filter(lambda text: len(text) < 5),
        st.integers(-25, 25).map("e{}".format),
    ),
    st.sampled_from(["", "", "  ", "x", "\u00a0"]),
)
_near = st.builds(
    lambda base, off, point: str(base + off) + point,
    st.sampled_from([2**53, -(2**53), 2**63, -(2**63), 0, 10**15, 10**18]),
    st.integers(-2, 2),
    st.sampled_from(["", ".", ".0", "e0", "0e-1", ".5"]),
)
cells = st.one_of(_numbers, _near, st.text(st.characters(codec="utf-8"), max_size=5))


def exactly(text: str, kind: str) -> int | float | str | None:
    """What the rule says, by exact fractions."""
    stripped = text.strip(" \t")
    if not stripped:
        return None
    if not _GRAMMAR.fullmatch(stripped):
        return "NotANumber"
    value = Fraction(stripped)
    if kind == "int":
        if value.denominator != 1:
            return "NotWhole"
        return int(value) if -(2**63) <= value < 2**63 else "OutOfRange64"
    try:
        nearest = float(value)
    except OverflowError:
        return "OutOfRange64"
    return -0.0 if nearest == 0 and stripped.startswith("-") else nearest


def same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return type(one) is type(other) and one == other


@given(cells)
@settings(max_examples=examples(300), deadline=None)
def test_a_text_means_what_exact_arithmetic_says(text):
    if text.strip(" \t"):
        assert same(decimals.whole(text), exactly(text, "int"))
        assert same(decimals.real(text), exactly(text, "real"))

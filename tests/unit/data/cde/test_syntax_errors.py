"""Each kind of mistake in a CDE's JSON: its place, what it is called, and advice that helps."""

from __future__ import annotations

import json

import pytest

from saltext_mip.data.cde.model import CdeInvalid, parse
from tests.support import cdes

GOOD = json.dumps(cdes.tree(), indent=2)
FIRST = '"code": "'  # of the root, in line 2


def broken(old: str, new: str, *, last: bool = False) -> str:
    assert old in GOOD
    if last:
        before, _, after = GOOD.rpartition(old)
        return before + new + after
    return GOOD.replace(old, new, 1)


CONFLICT = (
    '<<<<<<< HEAD\n  "label": "A",\n=======\n  "label": "B",\n>>>>>>> other\n  "version": "1",\n'
)
KINDS = {
    "a doubled key": (broken("{", '{"code": "x",'), "twice in one object", "Keep one"),
    "a trailing comma in an object": (broken("\n}", ",\n}", last=True), "a comma before", "Delete"),
    "a trailing comma in a list": (
        broken("\n  ]", ",\n  ]"),
        "a comma before the closing ]",
        "Delete this comma",
    ),
    "two commas": (broken(",", ",,"), "a comma with no entry", "Delete this comma"),
    "a line break in a text": (broken(FIRST, FIRST + "\n"), "a line break in a text", "Delete it"),
    "a tab in a text": (broken(FIRST, FIRST + "\t"), "a tab in a text", "Delete it"),
    "a control character": (broken(FIRST, FIRST + "\x01"), "U+0001", "Delete it"),
    "merge marks": (
        broken("{\n", "{\n" + CONFLICT),
        "a merge conflict mark",
        "keep one of the two",
    ),
    "a missing comma": (broken(",\n", "\n"), "a comma is missing", "Insert a comma"),
    "a quote in a text": (broken(FIRST, FIRST + 'the "one" '), "a comma is missing", '\\"'),
    "a missing colon": (broken('"code": ', '"code" '), "a colon is missing", "Insert a colon"),
    "single quotes": (broken('"code"', "'code'"), "other quotes", "double quotes"),
    "typographic quotes": (broken('"code"', "“code”"), "other quotes", "double quotes"),
    "a key without quotes": (broken('"code"', "code"), "without quotes", "double quotes"),
    "a Python literal": (broken(": true", ": True"), "True instead of true", "Write true"),
    "a comment": (broken("{\n", "{\n  // the root\n"), "a comment", "Delete the comment"),
    "a backslash": (broken(FIRST, FIRST + "\\q"), "a backslash", "twice"),
    "a text that is open": (GOOD[: GOOD.rindex('"')], "", ""),
    "cut off": (GOOD[: GOOD.rindex("}")].rstrip(), "ends too early", "copy it again"),
    "an end too early": (GOOD + "\n}", "follows the end", "bracket too many"),
    "no number": (
        broken("{", '{"min": NaN,'),
        "a number that JSON does not have",
        "remove the key",
    ),
    "UTF-16": (GOOD.encode("utf-16-le").decode(), "bytes of 0", "UTF-8"),
    "an empty file": (" \n", "the file is empty", "Restore the file"),
    "a web page": ("<!DOCTYPE html>\n<html></html>", "a web page", "as JSON"),
}


def invalid(text: str) -> CdeInvalid:
    with pytest.raises(CdeInvalid) as error:
        parse(text.encode(), pathology="dementia", node="fed1-ms")
    return error.value


@pytest.mark.parametrize("kind", KINDS)
def test_a_mistake_has_its_name_its_place_and_its_advice(kind: str) -> None:
    text, message, hint = KINDS[kind]
    mistake = invalid(text).mistakes[0]
    assert message in mistake.message
    assert hint in mistake.hint
    assert mistake.line is not None
    assert mistake.where.startswith(f"line {mistake.line}, column ")


def place(text: str) -> tuple[int, int]:
    line, column = invalid(text).mistakes[0].where.removeprefix("line ").split(", column ")
    return int(line), int(column)


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ('{\n  "a": 1,\n}', (2, 9)),
        ("[\n  1,\n]", (2, 4)),
        ('{\n "a": "x\ny"}', (2, 9)),
        ('{\n "a": 1\n "b": 2}', (3, 2)),
        ('{"b":\n  {"a": 1,\n   "c": 3, "a": 2}}', (3, 12)),
        ('{"a":\n [1, NaN]}', (2, 6)),
        ('{"a": 1,\n<<<<<<< HEAD\n"b": 2\n=======\n"b": 3\n>>>>>>> x\n}', (2, 1)),
    ],
)
def test_the_place_is_where_to_put_the_cursor(text: str, there: tuple[int, int]) -> None:
    assert place(text) == there


@pytest.mark.parametrize(
    ("kind", "delete"),
    [
        ("a trailing comma in an object", ","),
        ("a trailing comma in a list", ","),
        ("two commas", ","),
        ("a line break in a text", "\n"),
        ("a tab in a text", "\t"),
        ("a control character", "\x01"),
        ("a comment", "// the root"),
        ("an end too early", "}"),
    ],
)
def test_deleting_what_the_advice_names_makes_it_good(kind: str, delete: str) -> None:
    text = KINDS[kind][0]
    line, column = place(text)
    at = sum(len(each) for each in text.splitlines(keepends=True)[: line - 1]) + column - 1
    assert text.startswith(delete, at)
    assert parse((text[:at] + text[at + len(delete) :]).encode(), pathology="dementia")


def test_all_doubled_keys_are_found_in_one_run_each_with_its_line() -> None:
    text = GOOD.replace('"isCategorical"', '"label": "x",\n "isCategorical"')
    found = invalid(text)
    assert len(found.mistakes) == GOOD.count('"isCategorical"') > 1
    lines = [problem.line for problem in found.problems()]
    assert lines == sorted({line for line in lines if line})
    assert [mistake.line for mistake in found.mistakes] == lines

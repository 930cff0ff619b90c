"""A CDE as tables for a spreadsheet."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from saltext_mip.data.cde.codebook import codebook, template
from saltext_mip.data.cde.model import parse
from saltext_mip.data.csvfile.reader import read
from saltext_mip.errors import Misuse
from tests.support import cdes

CDE = parse(
    cdes.content(
        datasets=["edsd"],
        variables=[
            cdes.variable("gender", enumerations=[{"code": "M", "label": "Male"}, "F"]),
            cdes.variable("age", "int", label="Age", minValue=0, max=120, units="years"),
            cdes.variable("note", label='=HYPERLINK("x")\n\x1b[2J', description="Größe, in cm"),
        ],
    ),
    pathology="dementia",
)


def rows(text: str, separator: str = ",") -> list[list[str]]:
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:], newline=""), delimiter=separator))


@pytest.mark.parametrize(("name", "separator"), [("comma", ","), ("semicolon", ";"), ("tab", "\t")])
def test_each_variable_is_a_row_with_what_it_allows(name, separator):
    found = {row[0]: row[1:] for row in rows(codebook(CDE, separator=name), separator)}
    assert found["gender"][2] == "M = Male; F"
    assert found["age"] == ["Age", "whole number", "", "0", "120", "years", ""]
    assert found["note"][0] == '\'=HYPERLINK("x") \\x1b[2J'
    assert found["note"][-1] == "Größe, in cm"


def test_another_separator_is_refused():
    with pytest.raises(Misuse):
        codebook(CDE, separator="x")


def test_the_template_filled_in_is_a_good_file(tmp_path: Path):
    (header,) = rows(template(CDE))
    assert header[0] == "dataset"
    path = tmp_path / "a.csv"
    path.write_bytes((template(CDE) + "edsd" + "," * (len(header) - 1) + "\r\n").encode())
    assert read(path).findings == ()
    assert read(path).header == tuple(header)

"""A corrected file is the data that it was made of, or what is left is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from saltext_mip.data.cde.model import parse
from saltext_mip.data.corrections.fix import fix, write
from saltext_mip.data.inventory.check import check
from saltext_mip.errors import DataError, Misuse
from tests.support.mess import CDE, Mess, clean, corpus, text
from tests.support.obedience import same

CORPUS = corpus(seed=2)
PARSED = parse(CDE, pathology="dementia")
# what a program's file becomes by itself: at least these end as the clean data
WHOLE = {
    *("excel de", "excel fr, bom", "excel en in de", "excel unicode text", "excel sep"),
    *("excel sep comma", "access tabs", "access bars", "access utf-16 no mark", "spss dat"),
    *("lines in quotes", "excel mac ends", "title", "title cells", "capital", "blank"),
    *("zero width", "capitals", "trailing comma", "three trailing", "rows end in comma"),
    *("labels", "small codes", "blanks", "pandas floats", "R booleans", "redcap labels"),
    *("decimal commas", "spss comma point"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cde.json").write_bytes(CDE)
    return tmp_path


@pytest.mark.parametrize("mess", CORPUS, ids=lambda mess: mess.name)
def test_what_is_accepted_after_it_is_the_clean_data(folder: Path, mess: Mess):
    path, target = folder / mess.file, folder / "fixed.csv"
    path.write_bytes(mess.content)
    if mess.rule in ("NotCsv", "LockFile"):
        with pytest.raises(DataError, match="is not a CSV file"):
            fix(path, PARSED)
        return
    fixed = fix(path, PARSED)
    write(fixed, target)
    assert path.read_bytes() == mess.content
    found = check(target, folder / "cde.json").all_findings
    left = [each for each in found if each.problem.severity != "note"]
    assert left or same(fixed.content, mess)
    if mess.name in WHOLE:
        assert not left
        assert fixed.changes


def test_a_good_file_needs_no_correction(folder: Path):
    import random

    path = folder / "a.csv"
    path.write_text(text(clean(random.Random(3))))
    fixed = fix(path, PARSED)
    assert (fixed.changes, fixed.left) == ({}, [])
    assert fixed.content == path.read_bytes()


def test_changes_are_counted_by_cell(folder: Path):
    path = folder / "a.csv"
    path.write_text("dataset;Gender ;volume\nedsd;Male;1,5\nedsd;M;2,5\n;;\n")
    changes = fix(path, PARSED).changes
    assert changes == {
        "semicolons between fields to commas (rows)": 4,
        "rows of separators removed": 1,
        "decimal comma to point (cells)": 2,
        "column 'Gender ' to 'gender'": 1,
        "column 'gender': values rewritten (cells)": 1,
    }


def test_an_encoding_that_is_not_sure_is_left_until_it_is_named(folder: Path):
    path = folder / "a.csv"
    path.write_bytes("dataset,city\nedsd,España\n".encode("cp1252"))
    fixed = fix(path, PARSED)
    assert fixed.content == path.read_bytes()
    assert "name it with encoding=" in fixed.left[0]
    assert "España".encode() in fix(path, PARSED, encoding="cp1252").content
    with pytest.raises(Misuse):
        fix(path, PARSED, encoding="no such")


def test_text_that_was_read_in_the_wrong_encoding_is_left_and_named(folder: Path):
    path = folder / "a.csv"
    path.write_text("dataset,city\nedsd,GenÃ¨ve\nedsd,Bern\nedsd,Gen\ufffdve\n")
    fixed = fix(path, PARSED)
    assert fixed.content == path.read_bytes()
    (left,) = fixed.left
    assert left.startswith("Column 'city': 2 cells were read in the wrong encoding")


def test_thousands_are_left(folder: Path):
    path = folder / "a.csv"
    path.write_text("dataset;score\nedsd;1,234\n")
    fixed = fix(path, PARSED)
    assert fixed.left
    assert fixed.content == path.read_bytes()


def test_it_is_written_nowhere_but_into_a_new_file_outside_the_data(folder: Path):
    data = folder / "data"
    (data / "dementia").mkdir(parents=True)
    (data / ".mip-data").touch()
    path = data / "dementia" / "a.csv"
    path.write_text("dataset;age\nedsd;61\n")
    fixed = fix(path, PARSED)
    with pytest.raises(Misuse, match="in the data path"):
        write(fixed, data / "dementia" / "b.csv")
    target = folder / "b.csv"
    write(fixed, target)
    assert target.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Misuse, match="exists"):
        write(fixed, target)

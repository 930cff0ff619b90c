"""What a refused file is taken for, and what its data manager is advised to do."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest

from saltext_mip.data.csvfile import reader
from saltext_mip.data.csvfile.diagnosis import encodings, layout

ROWS = "dataset,age,volume,city\nedsd,61,1.5,Genève\nedsd,72,2.25,Köln\nedsd,80,3.5,Torino\n"


@pytest.fixture
def found(tmp_path: Path):
    def found(content: bytes | str, name: str = "a.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return [
            (each.problem.rule, each.problem.about, each.advice)
            for each in reader.read(path).findings
        ]

    return found


def _workbook(inner: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("[Content_Types].xml" if inner == "xl" else "mimetype", _MIMETYPE)
        archive.writestr("xl/workbook.xml" if inner == "xl" else "content.xml", "<x/>")
    return made.getvalue()


_MIMETYPE = "application/vnd.oasis.opendocument.spreadsheet"


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        (_workbook("xl"), "a.csv", "Excel workbook (.xlsx)"),
        (_workbook("ods"), "a.csv", "OpenDocument spreadsheet (.ods)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.csv", "Excel workbook (.xls)"),
        (gzip.compress(ROWS.encode(), mtime=0), "a.csv", "gzip archive"),
        (json.dumps([{"dataset": "edsd"}]).encode(), "a.csv", "JSON document"),
        (b"\r\n<!DOCTYPE html><html><body><table>", "a.csv", "HTML page"),
        (b"$FL2@(#) SPSS DATA FILE", "a.csv", "SPSS data file (.sav)"),
        (b",ann,pc7,28.11.2026 18:00,file:///home/ann/.config;", "a.csv", "lock file"),
        (b"\x03ann" + bytes(160), "~$a.csv", "lock file"),
        (bytes(range(256)) * 8, "a.csv", "binary file"),
    ],
)
def test_a_file_that_is_not_csv_is_named_as_what_it_is(found, content, name, kind):
    ((rule, about, advice),) = found(content, name)
    assert (rule, about) == ("LockFile" if kind == "lock file" else "NotCsv", kind)
    assert advice


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(
            ROWS.replace(".", "§").replace(",", ";").replace("§", ","),
            [("WrongSeparator", "semicolons and decimal commas")],
            id="German Excel",
        ),
        pytest.param(ROWS.replace(",", "\t"), [("WrongSeparator", "tabs")], id="tabs"),
        pytest.param(ROWS.replace(",", "|"), [("WrongSeparator", "vertical bars")], id="bars"),
        pytest.param(
            ROWS.replace(",", "\t").encode("utf-16"),
            [("NotUtf8", "UTF-16"), ("WrongSeparator", "tabs")],
            id="Excel's Unicode text",
        ),
        pytest.param(
            ROWS.replace(",", "\t").encode("utf-16-le"),
            [("NotUtf8", "UTF-16"), ("WrongSeparator", "tabs")],
            id="UTF-16 without a mark",
        ),
        pytest.param("My study,,,\n" + ROWS, [("HeaderNotFirst", None)], id="title"),
        pytest.param(
            "sep=;\n" + ROWS.replace(",", ";"),
            [("WrongSeparator", "semicolons"), ("HeaderNotFirst", None)],
            id="sep=",
        ),
        pytest.param(ROWS.replace("dataset", "Dataset "), [("DatasetMisnamed", None)], id="case"),
        pytest.param(ROWS.replace("dataset", "site"), [("NoDatasetColumn", None)], id="none"),
        pytest.param(ROWS.split("\n", 1)[1], [("NoHeader", None)], id="no header"),
        pytest.param(
            "".join(f'"{line}"\n' for line in ROWS.splitlines()),
            [("LinesQuoted", None)],
            id="lines in quotes",
        ),
    ],
)
def test_a_first_line_that_is_no_header_is_told_apart(found, content, expected):
    assert [(rule, about) for rule, about, _ in found(content)] == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("Title\n\n" + ROWS, "The header is in line 3: delete lines 1 to 2."),
        ("Title\n" + ROWS, "The header is in line 2: delete line 1."),
        (
            ROWS.replace("dataset", "Dataset "),
            "Rename the column 'Dataset ' to 'dataset' (lower case, no blank at the end).",
        ),
        (ROWS.replace("\n", ",\n").replace("city,", "city"), "each row ends with a comma"),
        (
            "\n".join((f"{at}," if at else "") + line for at, line in enumerate(ROWS.splitlines())),
            "the first field of each row numbers the rows",
        ),
        ("," + "\n".join(f"{at},{x}" for at, x in enumerate(ROWS.splitlines()))[2:], "numbers"),
        (ROWS.replace("\n", ",\n"), "Column 5 has no name (each line ends with a comma)"),
        (ROWS + "edsd,4", "Line 5 is the last and has 2 of 4 fields: the file may be cut off"),
        (ROWS + "edsd,4,1\n", "Line 5 has 3 of 4 fields. Find the missing field"),
        (ROWS + ",Total 3,,\n", "Line 5 has no dataset. A total, a note or an empty row? Delete"),
        (ROWS.replace("\n", "\r"), "old Macintosh"),
    ],
)
def test_advice_says_which_line_and_column(found, content, words):
    assert words in " ".join(advice for _, _, advice in found(content))


def test_rows_that_all_are_off_by_the_same_number_are_one_problem(found):
    ((rule, about, _),) = found(ROWS.replace("\n", ",\n").replace("city,", "city"))
    assert (rule, about) == ("RowsUnlikeHeader", "every row has 5 fields, the header 4")


def test_a_decimal_comma_in_every_row_is_told_as_one(found):
    """A reader who inserts the name of a column instead moves every later value."""
    content = "dataset,age,volume\nedsd,61,1,5\nedsd,72,2,25\n"
    ((rule, about, advice),) = found(content)
    assert (rule, about) == ("RowsUnlikeHeader", "every row has 4 fields, the header 3")
    assert "A decimal comma (2,9)? Write a point." in advice


def test_rows_of_data_never_are_dataset_codes(found):
    many = "".join(f"patient {at}\n" for at in range(30))
    assert [rule for rule, *_ in found("dataset\n" + many)] == ["DatasetNotNames"]
    assert [rule for rule, *_ in found("dataset\nedsd;61;1,5\nedsd;72\n")] == [
        "TooManyFields",
        "DatasetUnsafe",
    ]


@pytest.mark.parametrize("code", ["a;b", "a|b", "a\tb", '"a\nb"'])
def test_a_code_is_a_name(found, code):
    assert [rule for rule, *_ in found(f"dataset,age\n{code},1\n")] == ["DatasetUnsafe"]


def test_a_code_has_a_limit(found):
    assert [rule for rule, *_ in found(f"dataset,age\n{'x' * 65},1\n")] == ["DatasetCodeTooLong"]
    assert not found(f"dataset,age\n{'x' * 64},1\n")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("Genève, Köln", "cp1252"), ("Łódź, Kraków", "cp1250"), ("Genève", "mac_roman")],
)
def test_a_file_in_an_old_encoding_is_read_as_its_words_make_sense(text, encoding):
    decoded = encodings.decode(text.encode(encoding))
    assert encoding in decoded.fits
    assert decoded.text == text or not decoded.encoding


@pytest.mark.parametrize(
    ("cells", "decimal"),
    [(["1,5", "2,25"], True), (["1,234", "2,000"], None), (["12", "7"], False)],
)
def test_a_decimal_comma_is_told_from_thousands(cells, decimal):
    rows = "".join(f"edsd;{cell}\n" for cell in cells)
    assert layout.layout_of("dataset;x\n" + rows).decimal_comma is decimal

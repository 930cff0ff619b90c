"""What a CSV file is found to hold, and what is wrong with its form."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from pathlib import Path

import pytest

from saltext_mip.data.csvfile import reader
from saltext_mip.data.csvfile.scanner import COLUMNS, ROW_BYTES
from saltext_mip.data.limits import CODE_CHARS, DATASETS_OF_FILE

HEADER = b"subjectcode,age,dataset\n"
GOOD = HEADER + b"a,1,edsd\nb,2,ppmi\nc,3,edsd\n"


@pytest.fixture
def read(tmp_path):
    def read(content: bytes) -> reader.Table:
        path = tmp_path / "some.csv"
        path.write_bytes(content)
        return reader.read(path)

    return read


def problems(table: reader.Table) -> list[tuple[str, tuple[int, ...], int]]:
    return [(f.problem.rule, f.problem.lines, f.problem.count) for f in table.findings]


def test_a_table_has_header_rows_datasets_in_order_of_appearance_and_a_fingerprint(read):
    table = read(GOOD)
    assert table.header == ("subjectcode", "age", "dataset")
    assert table.datasets == (("edsd", 2), ("ppmi", 1))
    assert table.rows == 3
    assert table.size == len(GOOD)
    assert table.sha256 == hashlib.sha256(GOOD).hexdigest()
    assert table.findings == ()
    assert table.sound


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xef\xbb\xbf" + GOOD, id="byte order mark"),
        pytest.param(GOOD.replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param(GOOD.replace(b"b,2,ppmi\n", b"b,2,ppmi\r\n"), id="CRLF and LF"),
        pytest.param(GOOD.removesuffix(b"\n"), id="no line end at the end"),
        pytest.param(GOOD.replace(b"\n", b"\n\n"), id="blank lines"),
        pytest.param(b"\n\r\n" + GOOD, id="blank lines first"),
        pytest.param(GOOD.replace(b"edsd", b'"edsd"'), id="quoted datasets"),
        pytest.param(GOOD.replace(b"edsd", b'"edsd"', 1), id="one quoted dataset"),
        pytest.param(GOOD.replace(b"dataset", b'"dataset"'), id="quoted header"),
        pytest.param(GOOD.replace(b"1", b'"1,\n""x"" \xc3\xa9"'), id="all that quotes may hold"),
        pytest.param(GOOD.replace(b"1", b""), id="empty value"),
    ],
)
def test_what_the_grammar_allows_is_the_same_table(read, content):
    table = read(content)
    assert table.findings == ()
    assert table.header == ("subjectcode", "age", "dataset")
    assert table.datasets == (("edsd", 2), ("ppmi", 1))
    assert table.rows == 3


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", [("Empty", (), 1)], id="empty"),
        pytest.param(b"\xef\xbb\xbf\n\n", [("Empty", (), 1)], id="blank"),
        pytest.param(HEADER, [("NoRows", (), 1)], id="header only"),
        pytest.param(HEADER + b"a,1\nb,2,x\nc\n", [("TooFewFields", (2, 4), 2)], id="short rows"),
        pytest.param(HEADER + b"a,1,x,\n", [("TooManyFields", (2,), 1)], id="long row"),
        pytest.param(
            HEADER + b"a,1\n\nb,1,x,y\n",
            [("TooFewFields", (2,), 1), ("TooManyFields", (4,), 1)],
            id="short and long",
        ),
        pytest.param(
            HEADER + b'a,"x\ny",e\n\nb,1,e\nc\n', [("TooFewFields", (6,), 1)], id="physical lines"
        ),
        pytest.param(HEADER + b"a,\xff,x\nb,1,x\n", [("NotUtf8", (2,), 1)], id="not UTF-8"),
        pytest.param(HEADER + b"a,1,x\nb,\x00,x\n", [("NulByte", (3,), 1)], id="NUL byte"),
        pytest.param(HEADER + b'a,1,x\nb,"2,x\nc,3,x\n', [("UnclosedQuote", (3,), 1)], id="open"),
        pytest.param(HEADER + b'a,5",x\nb,1,x\n', [("StrayQuote", (2,), 1)], id="stray quote"),
        pytest.param(HEADER + b'a,"5" x,x\n', [("StrayQuote", (2,), 1)], id="text behind a quote"),
        pytest.param(HEADER + b"a,1\rb,x\n", [("LoneReturn", (2,), 1)], id="lone return"),
        pytest.param(HEADER + b"a,1,\nb,1, \n", [("DatasetEmpty", (2, 3), 2)], id="no dataset"),
        pytest.param(HEADER + b"a,1,\x1b[2J\n", [("DatasetUnsafe", (2,), 1)], id="escape as code"),
        pytest.param(
            HEADER + b"a,1," + b"x" * (CODE_CHARS + 1) + b"\n",
            [("DatasetCodeTooLong", (2,), 1)],
            id="long code",
        ),
        pytest.param(b"a,dataset,a\n1,x,1\n", [("DuplicateColumn", (1,), 2)], id="column twice"),
        pytest.param(b"dataset,,\nx,1,1\n", [("EmptyColumnName", (1,), 2)], id="nameless columns"),
        pytest.param(b"dataset,a\x1b\nx,1\n", [("ColumnUnsafe", (1,), 1)], id="unsafe column"),
        pytest.param(
            b"dataset" + b",a" * COLUMNS + b"\n", [("TooManyColumns", (1,), 1)], id="wide"
        ),
    ],
)
def test_what_is_wrong_is_found_with_its_lines(read, content, expected):
    assert problems(read(content)) == expected


@pytest.mark.parametrize(
    "content",
    [
        b"Smith,1960,mci\nMiller,1970,ad\n",
        b'Smith,"1960,mci\n',
        b"Sm\xffith,1960,mci\n",
        GOOD.decode().encode("utf-16"),
    ],
)
def test_of_a_first_line_without_dataset_nothing_is_told_but_the_file(read, content):
    table = read(content)
    assert table.header == ()
    assert table.datasets == ()
    assert not table.sound
    for finding in table.findings:
        assert (finding.problem.line, finding.problem.column) == (None, None)
        assert finding.problem.about in (None, "UTF-16", "CP1252")
        assert "Sm" not in str(finding.problem)


def test_many_problems_of_a_kind_are_one_with_a_count_and_the_first_lines(read):
    (finding,) = read(HEADER + b"a\n" * 100_000).findings
    assert finding.problem.count == 100_000
    assert finding.problem.lines == tuple(range(2, 12))
    assert len(finding.examples) == 10


def test_values_stand_in_findings_and_not_in_problems(read):
    (finding,) = read(HEADER + b"secret,1\n").findings
    assert finding.examples == ((2, "secret,1"),)
    assert "secret" not in repr(finding.problem)


def test_a_column_of_anything_else_is_not_taken_for_datasets(read):
    rows = b"".join(b"a,1,%d\n" % number for number in range(DATASETS_OF_FILE + 1))
    table = read(HEADER + rows)
    assert problems(table) == [("TooManyDatasets", (DATASETS_OF_FILE + 2,), 1)]
    assert not table.sound


def test_datasets_that_alternate_are_all_counted(read):
    codes = [f"code-{number % 7}" for number in range(20_000)]
    table = read(HEADER + "".join(f"a,1,{code}\n" for code in codes).encode())
    assert dict(table.datasets) == {f"code-{n}": codes.count(f"code-{n}") for n in range(7)}
    assert [code for code, _ in table.datasets] == [f"code-{n}" for n in range(7)]


@pytest.mark.parametrize("quote", [b"", b'"'])
def test_a_line_or_a_quote_without_an_end_is_refused_in_bounded_memory(tmp_path, quote):
    path = tmp_path / "some.csv"
    with path.open("wb") as file:
        file.write(HEADER + b"a," + quote)
        for _ in range(40):
            file.write(b"x" * (1 << 20))
    tracemalloc.start()
    table = reader.read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert problems(table) == [("UnclosedQuote" if quote else "LineTooLong", (2,), 1)]
    assert table.size == path.stat().st_size
    assert peak < 8 * ROW_BYTES


def test_the_longest_row_is_read(read):
    row = b"a," + b"x" * (ROW_BYTES - len(b"a,,e\n")) + b",e\n"
    assert read(HEADER + row).findings == ()
    assert problems(read(HEADER + b"x" + row)) == [("LineTooLong", (2,), 1)]


@pytest.mark.parametrize("change", ["append", "rewrite", "replace", "remove"])
def test_a_file_that_changes_while_it_is_read_is_said_to(tmp_path, change):
    path = tmp_path / "some.csv"
    path.write_bytes(GOOD * 1000)
    os.utime(path, ns=(1, 1))

    def meddle(_: int) -> None:
        match change:
            case "append":
                with path.open("ab") as file:
                    file.write(b"more")
            case "rewrite":
                path.write_bytes(GOOD * 1000)
            case "replace":
                other = tmp_path / "other"
                other.write_bytes(GOOD * 1000)
                os.utime(other, ns=(1, 1))
                other.replace(path)
            case "remove":
                path.unlink(missing_ok=True)

    table, stamp = reader.read_stamped(path, progress=meddle)
    assert problems(table) == [("FileChanging", (), 1)]
    assert stamp is None
    assert table.header == ()


def test_what_is_no_file_or_cannot_be_opened_is_a_problem(tmp_path):
    os.mkfifo(tmp_path / "fifo.csv")
    (tmp_path / "folder.csv").mkdir()
    for name in ("fifo.csv", "folder.csv", "gone.csv"):
        assert problems(reader.read(tmp_path / name)) == [("Unreadable", (), 1)]


def test_real_files_are_read_as_they_are(shared: Path):
    found = {
        path.name: reader.read(path) for path in sorted(shared.joinpath("data").glob("*/*.csv"))
    }
    assert {name: table.datasets for name, table in found.items()} == {
        "desd-synthdata.csv": (("desd-synthdata", 1000),),
        "dummy_tbi.csv": (("dummy_tbi", 99),),
        "edsd.csv": (("edsd", 474),),
        "fake_longitudinal.csv": (("fake_longitudinal", 18038),),
        "ppmi.csv": (("ppmi", 714),),
    }
    assert [table.findings for table in found.values()] == [()] * 5

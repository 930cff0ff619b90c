"""All ways of reading come to the same, and to what the csv module says where that is right."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from saltext_mip.data.csvfile import fast_scan, fast_scan_numpy
from saltext_mip.data.csvfile.scanner import Scan
from tests.support.soak import examples

CODES = ["d1", "d2", "a-long-code-1", "a-long-code-2", '"d1"', '"a,b"', "", "\u00e9", "d1 "]
VALUES = ["1", "", "d1", "x,y", 'x"y', "x\ny", "a-long-code-1", "\u00e9", " ", '"q"', '"d1"']
NOISE = [
    b",",
    b'"',
    b'""',
    b"\n",
    b"\r\n",
    b"\r",
    b"\xff",
    b"\x00",
    b"\x01",
    b"\x02",
    b",d1,",
    b"x",
]


def proof_of(name: str) -> fast_scan.Proof:
    return {
        "rows": lambda *_: None,
        "deletion": fast_scan.by_deletion(),
        "masks": fast_scan_numpy.by_masks(),
    }[name]


def seen(content: bytes, proof: str, size: int):
    scan = Scan(proof_of(proof))
    for begin in range(0, len(content), size):
        scan.feed(content[begin : begin + size])
    scan.finish()
    return scan.header, scan.rows, list(scan.datasets.items()), scan.findings


@st.composite
def files(draw) -> bytes:
    """A CSV file of every style, mostly good, sometimes with a few bytes out of place."""
    columns = draw(st.integers(1, 5) | st.just(80))
    at = draw(st.integers(0, columns - 1))
    names = [f"c{number}" for number in range(columns)]
    names[at] = "dataset"
    codes = draw(st.lists(st.sampled_from(CODES), min_size=1, max_size=6))
    values = draw(st.lists(st.sampled_from(VALUES), min_size=1, max_size=4))
    text = io.StringIO()
    writer = csv.writer(
        text,
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        lineterminator=draw(st.sampled_from(["\n", "\r\n"])),
    )
    writer.writerow(names)
    for number in range(draw(st.integers(0, 12))):
        row = [values[(number + column) % len(values)] for column in range(columns)]
        row[at] = codes[number % len(codes)]
        writer.writerow(row)
    content = text.getvalue().encode()
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        place = draw(st.integers(0, len(content)))
        content = content[:place] + draw(st.sampled_from(NOISE)) + content[place:]
    return content


@pytest.mark.parametrize("proof", ["deletion", "masks"])
@given(content=files(), size=st.integers(1, 100) | st.just(1 << 20))
@example(content=b'c0,c1,dataset\r\n"q","q""r",d1\rd2\n,d2,d1\r\n', size=1 << 20)
@example(content=b"dataset,c\r\nd1,x\rx\nd1,x\r\n", size=1 << 20)
@example(content=b"c,dataset,c2\n\x01,\x01,\x01\n", size=1 << 20)
@settings(max_examples=examples(300), deadline=None)
def test_a_proof_comes_to_the_same_as_taking_each_row_apart(proof, content, size):
    assert seen(content, proof, size) == seen(content, "rows", 1 << 20)


@given(content=files())
@example(content=b'dataset\n""\n')
@settings(max_examples=examples(300), deadline=None)
def test_a_sound_file_is_what_the_csv_module_reads(content):
    header, rows, datasets, findings = seen(content, "masks", 64)
    if any(finding.problem.hard for finding in findings):
        return
    text = io.StringIO(content.decode("utf-8-sig"), newline="")
    # rows of nothing are not rows
    first, *others = [
        row for row in csv.reader(text, strict=True) if any(cell.strip(" \t") for cell in row)
    ]
    at = first.index("dataset")
    counts: dict[str, int] = {}
    for row in others:
        counts[row[at]] = counts.get(row[at], 0) + 1
    assert header == tuple(first)
    assert rows == len(others)
    assert datasets == list(counts.items())


@given(content=files(), noise=st.sampled_from(NOISE), place=st.floats(0, 1))
@settings(max_examples=examples(200), deadline=None)
def test_each_row_that_is_wrong_is_counted_once(content, noise, place):
    at = int(place * len(content))
    _, rows, datasets, findings = seen(content[:at] + noise + content[at:], "masks", 1 << 20)
    wrong = sum(
        finding.problem.count
        for finding in findings
        if finding.problem.line is not None
        and finding.problem.rule
        not in (
            *("DuplicateColumn", "EmptyColumnName", "ColumnUnsafe", "NoDatasetColumn"),
            "EmptyRows",
        )
    )
    assert sum(count for _, count in datasets) + wrong == rows

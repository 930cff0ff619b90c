"""A file cut into blocks: the same rows on the same lines, wherever it is cut."""

from __future__ import annotations

import csv
import io

from hypothesis import example, given, settings
from hypothesis import strategies as st

from saltext_mip.data.csvfile.blocks import blocks
from tests.support.soak import examples

_texts = st.text(st.sampled_from('ab ,"\n\ufeffé;'), max_size=5)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A sound file of one to three columns, the first of them ``dataset`` and never empty."""
    columns = draw(st.integers(1, 3))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    out = io.StringIO(newline="")
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    writer = csv.writer(out, lineterminator=end, quoting=quoting)
    out.write(end * draw(st.integers(0, 2)))
    writer.writerow(["dataset", "b\nb", "c"][:columns])
    for _ in range(draw(st.integers(0, 6))):
        out.write(end * draw(st.integers(0, 2)))
        first = draw(_texts.filter(bool))
        writer.writerow([first, *(draw(_texts) for _ in range(columns - 1))])
    text = out.getvalue()
    if draw(st.booleans()):
        text = text.removesuffix(end)
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode()


def expected(raw: bytes) -> tuple[list[str], list[list[str]], list[int]]:
    """Header, rows and their lines, as the csv module sees them."""
    reader = csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""))
    rows, lines, line = [], [], 1
    for row in reader:
        if any(cell.strip(" \t") for cell in row):
            rows.append(row)
            lines.append(line)
        line = reader.line_num + 1
    return rows[0], rows[1:], lines[1:]


@given(files(), st.integers(1, 60))
@example(b"dataset\n\xef\xbb\xbfa\n\xef\xbb\xbfb\n", 1)
@example(b'\xef\xbb\xbf\r\n"dataset",b\r\n\r\n"a\n\n",\r\n\r\n\r\nb,""', 5)
@settings(max_examples=examples(300), deadline=None)
def test_rows_and_lines_are_the_same_wherever_the_file_is_cut(raw, size):
    header, rows, lines = expected(raw)
    found, places = [], []
    for block in blocks(io.BytesIO(raw), header, size=size):
        frame = block.texts(*header)
        found += [list(row) for row in frame.rows()]
        places += block.lines(range(frame.height))
    assert (found, places) == (rows, lines)

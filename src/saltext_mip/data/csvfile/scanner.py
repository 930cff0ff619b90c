"""The form of a CSV file, checked in blocks: its rows, of which datasets, and what is wrong.

The grammar is RFC 4180 with LF or CRLF and an optional byte order mark. A block that is as regular
as nearly all are is *proved* so as a whole (:mod:`.fast_scan`), at memory speed. Any
other block is taken apart row by row. Both ways come to the same, whatever the file.

This module knows bytes, not files; :mod:`.reader` reads them and gives them in.
"""

from __future__ import annotations

import re
from collections import Counter

from saltext_mip.data.csvfile.diagnosis.ragged import Widths
from saltext_mip.data.csvfile.fast_scan import Proof, Proved, by_deletion
from saltext_mip.data.csvfile.findings import FindingCollector
from saltext_mip.data.csvfile.joined import (
    BOM,
    begins_with_mark,
    is_empty,
    is_header,
    is_odd_code,
)
from saltext_mip.data.limits import CODE_CHARS, DATASETS_OF_FILE
from saltext_mip.problems import Finding

DATASET = b"dataset"
ROW_BYTES = 4 << 20  # a longer row is refused: memory is bounded by it
COLUMNS = 32_767  # what SQLite can hold at most
NAME_CHARS = 255  # of a column's name

_QUOTED = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')
_PLAIN = re.compile(rb'[^",\r\n]*+')
# in what is outside quotes, with one quote in place of each that was inside
_MISPLACED = re.compile(rb'[^,"]"|"[^,"]')
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_NO_CODE = re.compile("[\x00-\x1f\x7f-\x9f;|\u2028\u2029]")  # separators: it is a row of data
# rows from which on a column with half as many codes of one row each is not one of datasets
_MANY_ROWS = 20


class Scan:
    """Feed it a file's bytes in order, then :meth:`finish`.

    ``header``, ``rows``, ``datasets`` (code to rows, in order of first appearance) and ``findings``
    are what it saw. A row that is itself wrong is a row, but counts for no dataset.
    """

    def __init__(self, prove: Proof | None = None) -> None:
        self._prove = prove or by_deletion()
        self.header: tuple[str, ...] = ()
        self.rows = 0
        self.datasets: dict[str, int] = {}
        self.widths = Widths()
        self._found = FindingCollector()
        self._tail = b""
        self._line = 1  # of what comes next
        self._begun = False
        self.stopped = False  # nothing that comes is looked at
        self._commas = -1  # in a row; below 0 until the header is known
        self._at = 0  # the place of the column 'dataset'

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self._found.findings()

    def feed(self, data: bytes) -> None:
        """The next bytes of the file."""
        if self.stopped:
            return
        if not self._begun:
            data = self._tail + data
            if len(data) < len(BOM):
                self._tail = data
                return
            self._begin(data)
            return
        end = data.rfind(b"\n") + 1
        if not end:
            self._keep(self._tail + data)
            return
        body, rest = b"".join((self._tail, memoryview(data)[:end])), data[end:]
        self._tail = b""
        self._keep(body[self._blocks(body) :] + rest)

    def finish(self) -> None:
        """There are no more bytes."""
        if not self._begun and not self.stopped:
            self._begin(self._tail)
        if not self.stopped and self._tail:
            self._take_rows(self._tail, final=True)
        self._tail = b""
        if self.stopped:
            return
        if self._commas < 0:
            self._found.add("Empty")
        elif not self.rows:
            self._found.add("NoRows")
        names = {name.strip().casefold() for name in self.header}
        for code, rows in self.datasets.items():
            if rows == 1 and len(self.datasets) > 1 and is_odd_code(code, names):
                self._found.add("DatasetOdd", example=code, column="dataset")
        if self.rows > _MANY_ROWS and self._codes_are_data():
            self._found.add("DatasetNotNames", column="dataset", count=len(self.datasets))

    def _codes_are_data(self) -> bool:
        """Whether nearly every row has a code of its own: persons, values or whole rows."""
        if 2 * len(self.datasets) < self.rows:
            return False
        return 2 * sum(rows == 1 for rows in self.datasets.values()) >= self.rows

    # -- blocks

    def _begin(self, data: bytes) -> None:
        """The file's first bytes, three or all there are."""
        self._begun = True
        self._tail = b""
        if data.startswith(BOM):
            data = data[len(BOM) :]
        if data:
            self.feed(data)

    def _keep(self, tail: bytes) -> None:
        self._tail = tail
        if len(tail) > ROW_BYTES:
            inside = tail.count(b'"') % 2
            self._found.add("UnclosedQuote" if inside else "LineTooLong", self._line)
            self._stop()

    def _stop(self) -> None:
        """Nothing that comes can be made sense of."""
        self.stopped = True
        self._tail = b""

    def _blocks(self, body: bytes) -> int:
        """Take the rows of ``body``, whole lines; how many bytes that was."""
        begin = 0
        if self._commas < 0:  # the rows below a header can be proved in the first block, too
            begin = self._take_rows(body, header=True)
            if self._commas < 0 or self.stopped or begin == len(body):
                return len(body) if self.stopped else begin
            body = body[begin:]
        if self._commas > 0 and len(body) <= ROW_BYTES and _is_text(body):
            proved = self._prove(body, self._commas, self._at)
            if proved is not None and self._take_proved(proved):
                return begin + proved.size
        return begin + self._take_rows(body)

    def _take_proved(self, proved: Proved) -> bool:
        """Take these rows, unless some break another rule: then they are left as they were."""
        codes = {code.decode(): rows for code, rows in proved.datasets.items()}
        if not all(_is_code(code) and code.strip().lower() != "dataset" for code in codes):
            return False
        if len(self.datasets.keys() | codes.keys()) > DATASETS_OF_FILE:
            return False
        for code, rows in codes.items():
            self.datasets[code] = self.datasets.get(code, 0) + rows
            self.rows += rows
        self._line += proved.lines
        return True

    # -- rows

    def _take_rows(self, body: bytes, *, final: bool = False, header: bool = False) -> int:
        """Take the rows of ``body`` one by one; how many bytes that was. The last may be open.

        ``header``: those up to the header.
        """
        pos = 0
        while pos < len(body) and not self.stopped:
            if header and self._commas >= 0:
                return pos
            end = body.find(b"\n", pos) + 1 or len(body)
            fields, wrong = self._plain_row(body[pos:end])
            if fields is None:
                fields, end, wrong = _row(body, pos)
                if wrong == "UnclosedQuote" and not final:
                    return pos
            self._take_row(body[pos:end], fields, wrong)
            pos = end
        return len(body)

    def _plain_row(self, line: bytes) -> tuple[list[bytes] | None, str | None]:
        """The fields of a line without quotes, or with such around simple fields alone.

        But for that of 'dataset' the fields are given as they stand. None: it is not so simple.
        """
        if len(line) > ROW_BYTES:
            return [], "LineTooLong"
        content = line.removesuffix(b"\n")
        if len(content) < len(line):
            content = content.removesuffix(b"\r")
        wrong = "LoneReturn" if b"\r" in content else None
        if b'"' not in content:
            return content.split(b","), wrong
        parts = content.split(b'"')
        if wrong or self._commas < 0 or len(parts) % 2 == 0:
            return None, None
        if b"," in b"".join(parts[1::2]) or _MISPLACED.search(b'"'.join(parts[::2])):
            return None, None
        fields = content.split(b",")
        if self._at < len(fields) and fields[self._at].startswith(b'"'):
            fields[self._at] = fields[self._at][1:-1].replace(b'""', b'"')
        return fields, None

    def _take_row(self, raw: bytes, fields: list[bytes], wrong: str | None) -> None:
        line = self._line
        self._line += raw.count(b"\n")
        if len(raw) > ROW_BYTES:  # with line ends in quotes
            wrong = "LineTooLong"
        if raw in (b"\n", b"\r\n"):
            return
        if self._commas >= 0 and is_empty(raw):
            self._found.add("EmptyRows", line)
            return
        if not _is_utf8(raw):
            wrong = "NotUtf8"
        elif b"\x00" in raw:
            wrong = "NulByte"
        if self._commas < 0:
            self._take_header(line, raw, fields, wrong)
            return
        self.rows += 1
        if not wrong and len(fields) != self._commas + 1:
            wrong = "TooFewFields" if len(fields) <= self._commas else "TooManyFields"
        if wrong:
            if wrong in ("TooFewFields", "TooManyFields"):
                self.widths.add(wrong, line, len(fields))
                if not raw.endswith(b"\n"):
                    self.widths.open_line = line
            self._found.add(wrong, line, _text(raw))
            return
        self._take_fields(line, raw, fields)

    def _take_fields(self, line: int, raw: bytes, fields: list[bytes]) -> None:
        if not raw.isascii() and begins_with_mark(fields):
            self._found.add("MarkInside", line, _text(raw))
        elif fields[self._at].strip().lower() == DATASET and is_header(fields, self.header):
            self._found.add("SecondHeader", line, _text(raw))
        else:
            self._take_code(line, fields[self._at].decode())

    def _take_code(self, line: int, code: str) -> None:
        if not code.strip():
            self._found.add("DatasetEmpty", line, column="dataset")
        elif _NO_CODE.search(code):
            self._found.add("DatasetUnsafe", line, code, column="dataset")
        elif len(code) > CODE_CHARS:
            self._found.add("DatasetCodeTooLong", line, code, column="dataset")
        elif code in self.datasets:
            self.datasets[code] += 1
        elif len(self.datasets) < DATASETS_OF_FILE:
            self.datasets[code] = 1
        else:
            self._found.add("TooManyDatasets", line, code, column="dataset")
            self._stop()

    def _take_header(self, line: int, raw: bytes, fields: list[bytes], wrong: str | None) -> None:
        if wrong or DATASET not in fields:
            # this line may be a patient: only the rule is reported
            self._found.add(wrong or "NoDatasetColumn", None, _text(raw))
            self._stop()
            return
        self._commas = len(fields) - 1
        self.widths.columns = len(fields)
        self._at = fields.index(DATASET)
        if len(fields) > COLUMNS:
            self._found.add("TooManyColumns", line)
            self._stop()
            return
        names = [field.decode() for field in fields]
        for name, count in Counter(names).items():
            if not name.strip():
                self._found.add("EmptyColumnName", line, count=count)
            elif len(name) > NAME_CHARS or _CONTROL.search(name):
                self._found.add("ColumnUnsafe", line, name, count=count)
            elif count > 1:
                self._found.add("DuplicateColumn", line, column=name, count=count)
        if not self._found.has("ColumnUnsafe"):
            self.header = tuple(names)


def _is_text(body: bytes) -> bool:
    if b"\x00" in body:
        return False
    return body.isascii() or (BOM not in body and _is_utf8(body))


def _is_utf8(body: bytes) -> bool:
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_code(code: str) -> bool:
    """Whether that can be a dataset's code, and be searched for in a block as it stands."""
    return bool(code.strip()) and len(code) <= CODE_CHARS and not _NO_CODE.search(code)


def _row(body: bytes, pos: int) -> tuple[list[bytes], int, str | None]:
    """The fields of the row at ``pos``, where the next begins, and the rule that it breaks."""
    fields = []
    size = len(body)
    while True:
        if body.startswith(b'"', pos):
            found = _QUOTED.match(body, pos)
            if found is None:
                return [], size, "UnclosedQuote"
            fields.append(found[0][1:-1].replace(b'""', b'"'))
        else:
            found = _PLAIN.match(body, pos)
            assert found is not None  # noqa: S101 - it matches nothing, too
            fields.append(found[0])
        pos = found.end()
        if pos == size:
            return fields, size, None
        match body[pos]:
            case 0x2C:
                pos += 1
            case 0x0A:
                return fields, pos + 1, None
            case 0x0D if body.startswith(b"\n", pos + 1):
                return fields, pos + 2, None
            case byte:
                # where a row goes wrong it ends with the line: the next is read by itself
                end = body.find(b"\n", pos) + 1 or size
                return fields, end, "LoneReturn" if byte == 0x0D else "StrayQuote"


def _text(raw: bytes) -> str:
    return raw[:400].decode(errors="replace").rstrip("\r\n")

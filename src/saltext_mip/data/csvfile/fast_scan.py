"""That a block of a CSV file is nothing but good rows, and of which datasets they are.

Two ways to the same answer, both by a few operations on the whole block. One deletes all but commas
and line ends, and compares what is left with one row's pattern, again and again; it is good for
blocks with few quotes. The other makes bit masks of commas, quotes and line ends and counts; it is
two to ten times as fast, but needs numpy, whose import takes as long as the scan of some fifty
megabytes.

A proof is exact. Where there is none the rows may be good all the same: take them apart to know.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Proved:
    """The first ``size`` bytes of a block, so many lines, are good rows: of each dataset's code.

    Codes are in the order of first appearance; whether they are valid is not checked.
    """

    size: int
    lines: int
    datasets: Mapping[bytes, int]


# (body, commas, at): whole lines of UTF-8 without NUL bytes that begin with a row, the commas that
# a row has (1 or more), the place of 'dataset'
Proof = Callable[[bytes, int, int], Proved | None]

_REST = bytes(byte for byte in range(256) if byte not in b",\n\r")
_NOT_QUOTES = bytes(byte for byte in range(256) if byte not in b',\r\n"')
_CR = 0x0D
_CUTS = 512  # line ends tried, from the last, for one outside quotes
_STANDIN = b"\x02"  # for a quoted field with more than a simple value
_COMPLEX = re.compile(rb'(?<=[,\n])"(?![^",\r\n]*+"[,\r\n])[^"]*+(?:""[^"]*+)*+"(?=[,\n]|\r\n)')


def by_deletion() -> Proof:
    """The proof without numpy."""
    last = b""  # the dataset of the block before, if it was of one alone

    def prove(body: bytes, commas: int, at: int) -> Proved | None:
        nonlocal last
        size, lines_quoted = len(body), 0
        if b'"' in body:
            size = _outside_quotes(body)
            plain = _unquoted(body[:size])
            if not plain:
                return None
            lines_quoted = body.count(b"\n", 0, size) - plain.count(b"\n")
            body = plain
        line_end = b"\r\n" if body.startswith(b"\r\n", body.find(b"\n") - 1) else b"\n"
        pattern = b"," * commas + line_end
        shape = body.translate(None, _REST)
        rows, rest = divmod(len(shape), len(pattern))
        if rest or shape != pattern * rows:
            return None
        if last and at == commas and body.count(b",%b%b" % (last, line_end)) == rows:
            return Proved(size, rows + lines_quoted, {last: rows})
        lines = body.split(b"\n")[:-1]
        if len(line_end) > 1:
            if [line[-1] for line in lines].count(_CR) != rows:
                return None  # something that was deleted stood between the two
            if at == commas:
                lines = [line[:-1] for line in lines]
        behind = commas - at
        if at <= behind:
            counts = Counter([line.split(b",", at + 1)[at] for line in lines])
        else:
            counts = Counter([line.rsplit(b",", behind + 1)[-1 - behind] for line in lines])
        if _STANDIN in counts:
            return None
        last = next(iter(counts)) if len(counts) == 1 else b""
        return Proved(size, rows + lines_quoted, counts)

    return prove


def _outside_quotes(body: bytes) -> int:
    """Where a cut leaves an even number of quotes before it, as far back as it is worth it."""
    end = len(body)
    odd = body.count(b'"') & 1
    for _ in range(_CUTS):
        if not odd:
            return end
        before = body.rfind(b"\n", 0, end - 1) + 1
        odd ^= body.count(b'"', before, end) & 1
        end = before
    return 0


def _unquoted(body: bytes) -> bytes | None:
    """Rows of the same shape and simple values without a quote, or ``None`` if it is not so simple.

    Simple is a quoted field that has no comma, line end or quote in it: its quotes are dropped. One
    that has is put down as a sign that is no value. A quote that belongs to no such field stays,
    and there is no answer.
    """
    if _STANDIN in body:
        return None
    if not _simple(body):
        body = _COMPLEX.sub(_STANDIN, b"\n" + body)[1:]
        if not _simple(body):
            return None
    return body.replace(b'"', b"")


def _simple(body: bytes) -> bool:
    """Whether each quote is the first or the last of a field that has two of them, nothing within.

    Between two separators quotes come in pairs; and each is beside a separator.
    """
    quotes = body.translate(None, _NOT_QUOTES)
    if b'"' in quotes.replace(b'""', b""):
        return False
    beside = body.count(b',"') + body.count(b'\n"') + body.startswith(b'"')
    beside += body.count(b'",') + body.count(b'"\n') + body.count(b'"\r\n')
    return beside == quotes.count(b'"')

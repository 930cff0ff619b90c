"""The proof of :mod:`.fast_scan` by bit masks: a block at some gigabytes a second.

A mask has a bit for each byte of the block, 64 to a word. Which bytes stand inside quotes is the
parity of the quotes so far, and that is six shifts for all 64 bits of a word; whether all is as it
should be around the quotes is a shift by one. Commas are counted a word at a time, never listed.

It imports numpy: import this where a large file is at hand, not before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltext_mip.data.csvfile.fast_scan import Proof, Proved

Bytes = NDArray[np.uint8]
Mask = NDArray[np.uint64]
Places = NDArray[np.int64]

_LF, _CR, _COMMA, _QUOTE = 0x0A, 0x0D, 0x2C, 0x22
_ALIKE = 4  # codes that are looked for in all rows at once; each takes a pass over the rows
_ANCHORS = 2  # as many are searched for in the text instead, at its begins or ends of rows
_SIMPLE = re.compile(rb'"[^",\r\n]+"')
_ONE, _TOP, _BYTE = np.uint64(1), np.uint64(63), np.uint64(0xFF)

# [byte, n]: the place of the n-th bit that is set, counted from 1
_BIT_PLACES = np.zeros((256, 9), np.int64)
for _byte in range(256):
    for _count, _place in enumerate((bit for bit in range(8) if _byte >> bit & 1), 1):
        _BIT_PLACES[_byte, _count] = _place


def by_masks() -> Proof:
    """The proof for one file. It keeps its scratch: new pages at each block cost as much again."""
    scratch = np.empty(0, np.bool_)
    last: tuple[bytes, ...] = ()  # how the block before had its datasets

    def prove(body: bytes, commas: int, at: int) -> Proved | None:
        nonlocal scratch, last
        text = np.frombuffer(body, np.uint8)
        if len(scratch) < len(text):
            scratch = np.empty(len(text), np.bool_)
        found = scratch[: len(text)]
        line_ends, separators = _mask(text, _LF, found), _mask(text, _COMMA, found)
        returns = _mask(text, _CR, found) if b"\r" in body else None
        lines = int(np.bitwise_count(line_ends).sum())
        if b'"' in body:
            quotes = _mask(text, _QUOTE, found)
            inside = _parity(quotes)
            line_ends &= ~inside
            separators &= ~inside
            if returns is not None:
                returns &= ~inside
            if not _are_around_fields(quotes, inside, line_ends | separators, returns):
                return None
        ends = _places(line_ends)
        if not len(ends):
            return None
        size = int(ends[-1]) + 1
        lines -= body.count(b"\n", size)
        counter = _Counter(separators)
        if not (counter.up_to(ends) == np.arange(1, len(ends) + 1) * commas).all():
            return None
        begins: Places = np.concatenate(([0], ends[:-1] + 1))
        if returns is not None:
            if (returns & ~_before(line_ends)).any():
                return None
            ends = ends - (text[ends - 1] == _CR)
        rows = _Rows(body, text, begins, ends, counter, commas)
        datasets = _anchored(body[:size], len(ends), commas, at, last) or rows.datasets(at)
        last = tuple(datasets)
        return Proved(size, lines, _values(datasets))

    return prove


def _mask(text: Bytes, byte: int, scratch: NDArray[np.bool_]) -> Mask:
    """Where that byte is."""
    packed = np.packbits(np.equal(text, byte, out=scratch), bitorder="little")
    mask = np.zeros(-(-len(packed) // 8) * 8, np.uint8)
    mask[: len(packed)] = packed
    return mask.view("<u8")


def _places(mask: Mask) -> Places:
    """Where its bits are."""
    words: Places = np.flatnonzero(mask)
    bits = mask[words]
    if not (bits & (bits - _ONE)).any():  # one in each, as in most blocks: no need to unpack all
        places: Places = words * 64 + np.bitwise_count(bits - _ONE)
        return places
    counts = np.bitwise_count(bits)
    at = np.cumsum(counts, dtype=np.int64)
    found: Places = np.empty(at[-1], np.int64)
    at -= counts
    base: Places = words * 64
    while len(bits):  # the lowest of each; then the next of those that have more
        below = bits - _ONE
        found[at] = base + np.bitwise_count(below & ~bits)
        bits &= below
        more = np.flatnonzero(bits)
        bits, base, at = bits[more], base[more], at[more] + 1
    return found


def _parity(mask: Mask) -> Mask:
    """Whether the bits up to each, itself included, are odd in number."""
    parity = mask.copy()
    for shift in (1, 2, 4, 8, 16, 32):
        parity ^= parity << np.uint64(shift)
    odd_before = np.zeros(len(mask), np.bool_)
    np.logical_xor.accumulate((parity[:-1] >> _TOP).astype(np.bool_), out=odd_before[1:])
    return parity ^ (odd_before.astype(np.uint64) * ~np.uint64(0))


def _after(mask: Mask) -> Mask:
    """The bits behind these; the first of all is taken to be behind one, too."""
    after = mask << _ONE
    after[1:] |= mask[:-1] >> _TOP
    after[0] |= _ONE
    return after


def _before(mask: Mask) -> Mask:
    """The bits before these."""
    before = mask >> _ONE
    before[:-1] |= mask[1:] << _TOP
    return before


def _are_around_fields(quotes: Mask, inside: Mask, ends: Mask, returns: Mask | None) -> bool:
    """Whether quotes open where a field begins and close where it ends, or are doubled within."""
    opening, closing = quotes & inside, quotes & ~inside
    if (opening & ~_after(ends | closing)).any():
        return False
    ends = ends if returns is None else ends | returns
    stray = closing & ~_before(ends | opening)
    return not bool(stray.any())


class _Counter:
    """Counts a mask's bits, and finds the n-th."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._before = np.zeros(len(mask) + 1, np.int64)  # bits before each word
        np.cumsum(np.bitwise_count(mask), out=self._before[1:])

    def up_to(self, places: Places) -> Places:
        """How many bits are set before each place."""
        word = places >> 6
        below = (_ONE << (places & 63).astype(np.uint64)) - _ONE
        counts: Places = self._before[word] + np.bitwise_count(self._mask[word] & below)
        return counts

    def place(self, wanted: Places) -> Places:
        """Where the wanted-th bit is, counted from 1: its word, then in halves down to a byte."""
        word = np.searchsorted(self._before, wanted) - 1
        left = wanted - self._before[word]
        bits = self._mask[word]
        places: Places = word * 64
        for half in (32, 16, 8):
            count = np.bitwise_count(bits & np.uint64((1 << half) - 1))
            upper = left > count
            left -= count * upper
            shift = upper * half
            bits >>= shift.astype(np.uint64)
            places += shift
        places += _BIT_PLACES[(bits & _BYTE).astype(np.int64), left]
        return places


@dataclass(frozen=True)
class _Rows:
    """Good rows: where each begins and ends, before the line end."""

    body: bytes
    text: Bytes
    begins: Places
    ends: Places
    counter: _Counter
    commas: int
    _parts: dict[int, _Parts] = field(default_factory=dict)

    def datasets(self, at: int) -> dict[bytes, int]:
        """Rows by field: those like the first, those like the first that is not like it, …"""
        begins = self._begins(at) if at < self.commas else self.ends
        other = np.ones(len(self.ends), np.bool_)
        fields: dict[bytes, int] = {}
        row = 0
        while len(fields) < _ALIKE:
            field = self._field(at, row)
            alike = other & self._alike(field, begins, at)
            fields[field] = int(np.count_nonzero(alike))
            other &= ~alike
            row = int(other.argmax())
            if not other[row]:
                return fields
        fields = {}
        ends = self.ends if at == self.commas else self._places(at + 1)
        for begin, end in zip(self._begins(at).tolist(), ends.tolist(), strict=True):
            field = self.body[begin:end]
            fields[field] = fields.get(field, 0) + 1
        return fields

    def _begins(self, at: int) -> Places:
        """Where that field begins in each row."""
        return self._places(at) + 1 if at else self.begins

    def _places(self, comma: int, rows: Places | None = None) -> Places:
        """Where the comma of that number is, counted from 1, in each row or in these."""
        rows = np.arange(len(self.ends)) if rows is None else rows
        return self.counter.place(rows * self.commas + comma)

    def _field(self, at: int, row: int) -> bytes:
        """That field of one row, as it stands."""
        one = np.array([row])
        begin = int(self._places(at, one)[0]) + 1 if at else int(self.begins[row])
        if at == self.commas:
            end = int(self.ends[row])
        elif self.body[begin] == _QUOTE:
            end = int(self._places(at + 1, one)[0])
        else:
            end = self.body.index(b",", begin)
        return self.body[begin:end]

    def _alike(self, field: bytes, begins: Places, at: int) -> NDArray[np.bool_]:
        """In which rows the field is this one: it stands there, and a comma is beside it."""
        size = len(field)
        if size not in self._parts:  # codes of one length are often many: they share the reading
            if at == self.commas:
                # a shorter row is compared from another's end, or the block's begin: never the same
                places = np.maximum(self.ends - size, 0)
                beside = self.ends - size - 1
            else:
                places = begins
                beside = np.minimum(begins + size, len(self.text) - 1)
            possible = self.text[beside] == _COMMA
            self._parts[size] = _Parts.at(places, size, self.body, self.text, possible)
        return self._parts[size].are(field)


def _anchored(
    body: bytes, rows: int, commas: int, at: int, fields: tuple[bytes, ...]
) -> dict[bytes, int] | None:
    """Rows by field, if they are these and no others, and stand at the begin or the end of a row.

    There a field is a string with a line end at one side and a comma at the other, which is nothing
    but that field: where quotes are about, if it is in quotes and has nothing within that would
    have to be.
    """
    if at not in (0, commas) or not 0 < len(fields) <= _ANCHORS:
        return None
    if b'"' in body and not all(_SIMPLE.fullmatch(field) for field in fields):
        return None
    found = {}
    for each in fields:
        if at:
            count = sum(body.count(b",%b%b" % (each, end)) for end in (b"\n", b"\r\n"))
        else:
            count = body.count(b"\n%b," % each) + body.startswith(b"%b," % each)
        if count:
            found[each] = count
    return found if sum(found.values()) == rows else None


@dataclass(frozen=True)
class _Parts:
    """What stands at some places of the text, so many bytes of each, to be compared.

    ``possible`` are the places that matter; ``parts`` are bytes, or eight at once: by their offset,
    all places'. Beyond the text nothing stands.
    """

    possible: NDArray[np.bool_]
    width: int
    parts: tuple[tuple[int, NDArray[np.unsignedinteger[Any]]], ...]

    @classmethod
    def at(
        cls, places: Places, size: int, body: bytes, text: Bytes, possible: NDArray[np.bool_]
    ) -> _Parts:
        room = np.minimum(places, len(body) - size)
        possible &= room == places
        if size < 8:
            return cls(possible, 1, tuple((by, text[room + by]) for by in range(size)))
        # eight bytes from each place of the body; the last eight overlap those before
        words: Mask = np.ndarray((len(body) - 7,), "<u8", body, strides=(1,))
        offsets = (*range(0, size - 8, 8), size - 8)
        return cls(possible, 8, tuple((by, words[room + by]) for by in offsets))

    def are(self, field: bytes) -> NDArray[np.bool_]:
        """At which of them the field is this."""
        alike = self.possible.copy()
        for offset, found in self.parts:
            alike &= found == int.from_bytes(field[offset : offset + self.width], "little")
        return alike


def _values(fields: dict[bytes, int]) -> dict[bytes, int]:
    """The same by value: a field may be quoted or not."""
    values: dict[bytes, int] = {}
    for raw, count in fields.items():
        value = raw[1:-1].replace(b'""', b'"') if raw.startswith(b'"') else raw
        values[value] = values.get(value, 0) + count
    return values

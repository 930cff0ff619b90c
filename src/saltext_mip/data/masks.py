"""The proof of :mod:`saltext_mip.data.proofs` by bit masks: a block at some gigabytes a second.

A mask has a bit for each byte of the block, 64 to a word. Which bytes stand inside quotes is the
parity of the quotes so far, and that is six shifts for all 64 bits of a word; whether all is as it
should be around the quotes is a shift by one. Commas are counted a word at a time, never listed.

It imports numpy: import this where a large file is at hand, not before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saltext_mip.data.proofs import Proof, Proved

Bytes = NDArray[np.uint8]
Mask = NDArray[np.uint64]
Places = NDArray[np.int64]

_LF, _CR, _COMMA, _QUOTE = 0x0A, 0x0D, 0x2C, 0x22
_ALIKE = 4  # codes that are looked for in all rows at once; each takes a pass over the rows
_ONE, _TOP, _BYTE = np.uint64(1), np.uint64(63), np.uint64(0xFF)

# [byte, n]: the place of the n-th bit that is set, counted from 1
_BIT_PLACES = np.zeros((256, 9), np.int64)
for _byte in range(256):
    for _count, _place in enumerate((bit for bit in range(8) if _byte >> bit & 1), 1):
        _BIT_PLACES[_byte, _count] = _place


def by_masks() -> Proof:
    """The proof for one file. It keeps its scratch: new pages at each block cost as much again."""
    scratch = np.empty(0, np.bool_)

    def prove(body: bytes, commas: int, at: int) -> Proved | None:
        nonlocal scratch
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
        return Proved(size, lines, rows.datasets(at))

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
    unpacked = np.unpackbits(mask.view(np.uint8), bitorder="little")
    return np.flatnonzero(unpacked.view(np.bool_))


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

    def datasets(self, at: int) -> dict[bytes, int]:
        """Rows by code: those like the first, those like the first that is not like it, …"""
        begins = self._begins(at) if at < self.commas else self.ends
        other = np.ones(len(self.ends), np.bool_)
        fields: dict[bytes, int] = {}
        row = 0
        while len(fields) < _ALIKE:
            rows = np.array([row])
            field = self.body[int(self._begins(at, rows)[0]) : int(self._ends(at, rows)[0])]
            alike = other & self._alike(field, begins, at)
            fields[field] = int(np.count_nonzero(alike))
            other &= ~alike
            row = int(other.argmax())
            if not other[row]:
                return _values(fields)
        fields = {}
        for begin, end in zip(self._begins(at).tolist(), self._ends(at).tolist(), strict=True):
            field = self.body[begin:end]
            fields[field] = fields.get(field, 0) + 1
        return _values(fields)

    def _begins(self, at: int, rows: Places | None = None) -> Places:
        """Where that field begins: in all rows, or in these."""
        rows = np.arange(len(self.ends)) if rows is None else rows
        return self.counter.place(rows * self.commas + at) + 1 if at else self.begins[rows]

    def _ends(self, at: int, rows: Places | None = None) -> Places:
        rows = np.arange(len(self.ends)) if rows is None else rows
        if at == self.commas:
            return self.ends[rows]
        return self.counter.place(rows * self.commas + at + 1)

    def _alike(self, field: bytes, begins: Places, at: int) -> NDArray[np.bool_]:
        """In which rows the field is this one: it stands there, and a comma is beside it."""
        size = len(field)
        if at == self.commas:
            # a shorter row is compared from another's end, or the block's begin: never the same
            places = np.maximum(self.ends - size, 0)
            beside = self.ends - size - 1
        else:
            places = begins
            beside = np.minimum(begins + size, len(self.text) - 1)
        alike = _stands_at(self.body, self.text, places, field)
        alike &= self.text[beside] == _COMMA
        return alike


def _stands_at(body: bytes, text: Bytes, places: Places, field: bytes) -> NDArray[np.bool_]:
    """Whether ``field`` stands at each of these places. Beyond the body nothing does."""
    size = len(field)
    room = np.minimum(places, len(body) - size)
    same: NDArray[np.bool_] = room == places
    if size < 8:
        for offset, byte in enumerate(field):
            same &= text[room + offset] == byte
        return same
    # eight bytes from each place of the body; the last eight overlap those before
    words: Mask = np.ndarray((len(body) - 7,), "<u8", body, strides=(1,))
    for offset in (*range(0, size - 8, 8), size - 8):
        same &= words[room + offset] == int.from_bytes(field[offset : offset + 8], "little")
    return same


def _values(fields: dict[bytes, int]) -> dict[bytes, int]:
    """The same by value: a field may be quoted or not."""
    values: dict[bytes, int] = {}
    for field, count in fields.items():
        value = field[1:-1].replace(b'""', b'"') if field.startswith(b'"') else field
        values[value] = values.get(value, 0) + count
    return values

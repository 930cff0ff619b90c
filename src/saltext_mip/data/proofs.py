"""That a block of a CSV file is nothing but good rows without quotes, and of which datasets.

Two ways to the same answer, both by a few operations on the whole block at memory speed. One
deletes all but commas and line ends, and compares what is left with one row's pattern, again and
again. The other marks commas and line ends in bit masks and counts; it is four times as fast, but
needs numpy, whose import takes as long as the look at some fifty megabytes.

A proof is exact. Where there is none the rows may be good all the same: take them apart to know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Places = NDArray[np.int64]
    Bytes = NDArray[np.uint8]

# (body, commas, at): whole lines of UTF-8 without quotes and NUL bytes, the commas that a row has
# (1 or more), the place of 'dataset'. Gives rows by code, in the order of first appearance.
Proof = Callable[[bytes, int, int], Mapping[bytes, int] | None]

_REST = bytes(byte for byte in range(256) if byte not in b",\n\r")
_ALIKE = 4  # codes that are looked for in all rows at once; each takes a pass over the rows
_LONG = 256  # bytes of a row from which on it pays to count commas without placing them
_LF, _CR, _COMMA = 0x0A, 0x0D, 0x2C


def by_deletion() -> Proof:
    """The proof without numpy."""
    last = b""  # the dataset of the block before, if it was of one alone

    def prove(body: bytes, commas: int, at: int) -> Mapping[bytes, int] | None:
        nonlocal last
        line_end = b"\r\n" if body.startswith(b"\r\n", body.find(b"\n") - 1) else b"\n"
        pattern = b"," * commas + line_end
        shape = body.translate(None, _REST)
        rows, rest = divmod(len(shape), len(pattern))
        if rest or shape != pattern * rows:
            return None
        if last and at == commas and body.count(b",%b%b" % (last, line_end)) == rows:
            return {last: rows}
        lines = body.split(b"\n")[:-1]
        if len(line_end) > 1:
            if [line[-1] for line in lines].count(_CR) != rows:
                return None  # something that was deleted stood between the two
            if at == commas:
                lines = [line[:-1] for line in lines]
        counts = _each(lines, commas, at)
        last = next(iter(counts)) if len(counts) == 1 else b""
        return counts

    return prove


def _each(lines: list[bytes], commas: int, at: int) -> Mapping[bytes, int]:
    if at <= commas - at:
        return Counter([line.split(b",", at + 1)[at] for line in lines])
    behind = commas - at
    return Counter([line.rsplit(b",", behind + 1)[-1 - behind] for line in lines])


def by_places() -> Proof:
    """The proof with numpy; ``ImportError`` where there is none."""
    import numpy as np

    def prove(body: bytes, commas: int, at: int) -> Mapping[bytes, int] | None:
        text = np.frombuffer(body, np.uint8)
        ends: Places = np.flatnonzero(text == _LF)
        inner = 0 < at < commas
        if not inner or len(body) > _LONG * len(ends):
            begins = _counted(text, ends, commas, at)
        else:
            begins = _placed(text, ends, commas, at)
        if begins is None:
            return None
        if b"\r" in body:
            returns = text[ends - 1] == _CR
            if np.count_nonzero(text == _CR) != np.count_nonzero(returns):
                return None
            ends = ends - returns
        return _grouped(body, text, (begins, ends), commas, at)

    return prove


def _placed(text: Bytes, ends: Places, commas: int, at: int) -> Places | None:
    """Where each row's dataset begins, if each has its commas: by the places of all of them."""
    import numpy as np

    places: Places = np.flatnonzero(text == _COMMA)
    if len(places) != len(ends) * commas:
        return None
    places = places.reshape(len(ends), commas)
    # the last comma before the row's end, the first behind the end of the row before
    if not ((places[:, -1] < ends).all() and (places[1:, 0] > ends[:-1]).all()):
        return None
    return places[:, at - 1] + 1


def _counted(text: Bytes, ends: Places, commas: int, at: int) -> Places | None:
    """The same by counting the bits of a mask, 64 at a time.

    For the first column it is where rows begin. For the last it is nothing: rows' ends tell.
    """
    import numpy as np

    packed = np.packbits(text == _COMMA, bitorder="little")
    mask = np.zeros(-(-len(packed) // 8) * 8, np.uint8)
    mask[: len(packed)] = packed
    words = mask.view("<u8")
    before = np.zeros(len(words) + 1, np.int64)  # commas before each word
    np.cumsum(np.bitwise_count(words), out=before[1:])
    word = ends >> 6
    below = (np.uint64(1) << (ends & 63).astype(np.uint64)) - np.uint64(1)
    counts = before[word] + np.bitwise_count(words[word] & below)
    rows = len(ends)
    if not (counts == np.arange(1, rows + 1) * commas).all():
        return None
    if at == 0:
        return np.concatenate(([0], ends[:-1] + 1))
    if at == commas:
        return ends[:0]
    # the at-th comma of each row: in which word, in which of its bytes, which bit
    wanted = np.arange(rows) * commas + at
    word = np.searchsorted(before, wanted) - 1
    bits = mask.reshape(-1, 8)[word]
    upto = np.cumsum(np.bitwise_count(bits), axis=1, dtype=np.int64)
    left = wanted - before[word]
    byte = (upto < left[:, None]).sum(axis=1)
    row = np.arange(rows)
    bit = bits[row, byte]
    left -= upto[row, byte] - np.bitwise_count(bit)
    places: Places = word * 64 + byte * 8 + _bit_places()[bit, left] + 1
    return places


@cache
def _bit_places() -> Places:
    """``[byte, n]``: the place of the n-th bit that is set, counted from 1."""
    import numpy as np

    places = np.zeros((256, 9), np.int64)
    for byte in range(256):
        for count, place in enumerate((bit for bit in range(8) if byte >> bit & 1), 1):
            places[byte, count] = place
    return places


def _grouped(
    body: bytes, text: Bytes, rows: tuple[Places, Places], commas: int, at: int
) -> Mapping[bytes, int]:
    """Rows by code: those like the first row, those like the first that is not like it, …"""
    import numpy as np

    begins, ends = rows
    counts: dict[bytes, int] = {}
    other = np.ones(len(ends), np.bool_)
    row = 0
    while len(counts) < _ALIKE:
        end = int(ends[row])
        if at == commas:
            code = body[body.rindex(b",", 0, end) + 1 : end]
            # in a shorter row it is compared across the line end, which no code has
            alike = _is_at(body, text, np.maximum(ends - len(code), 0), code)
            alike &= text[ends - len(code) - 1] == _COMMA
        else:
            begin = int(begins[row])
            code = body[begin : body.index(b",", begin)]
            last = np.minimum(begins + len(code), len(text) - 1)
            alike = (text[last] == _COMMA) & _is_at(body, text, begins, code)
        alike &= other
        counts[code] = int(np.count_nonzero(alike))
        other &= ~alike
        row = int(other.argmax())
        if not other[row]:
            return counts
    return _each(body.replace(b"\r\n", b"\n").split(b"\n")[:-1], commas, at)


def _is_at(body: bytes, text: Bytes, places: Places, code: bytes) -> NDArray[np.bool_]:
    """Whether ``code`` stands at each of these places. Beyond the body nothing does."""
    import numpy as np

    size = len(code)
    room = np.minimum(places, len(body) - size)
    same: Any = room == places
    if size < 8:
        for offset, byte in enumerate(code):
            same &= text[room + offset] == byte
        return same  # type: ignore[no-any-return]
    # eight bytes at each place of the body, the last eight overlapping those before
    words = np.ndarray((len(body) - 7,), "<u8", body, strides=(1,))
    for offset in (*range(0, size - 8, 8), size - 8):
        same &= words[room + offset] == int.from_bytes(code[offset : offset + 8], "little")
    return same  # type: ignore[no-any-return]

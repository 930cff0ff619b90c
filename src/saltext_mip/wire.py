"""Values of any size through Salt: compressed, hashed, in small strings, in pages.

Salt replaces large leaves of an event by ``VALUE_TRIMMED`` and loses events above a megabyte. So a
value goes as JSON, deflated, in base 85, cut into strings of at most 64 KB, at most
:data:`PAGE` bytes at once, with the SHA-256 of the whole: what arrives is what was sent, or an
error. The shape is ``{"mip": 1, "sha256", "page", "pages", "parts": [str, …]}``.

An answer has a budget, since a node may be hostile: so many bytes, deflated and inflated, and so
much memory that its values would take, estimated before anything is decoded. A node refuses to send
what the pusher would refuse.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

PART = 64_000
PAGE = 800_000
MEGABYTE = 1 << 20
PACKED = 8 * MEGABYTE  # of an answer in base 85
LIMIT = 32 * MEGABYTE  # of an answer as JSON
MEMORY = 90 * MEGABYTE  # of an answer as Python's values
MOST_PAGES = -(-PACKED // PAGE)
ARGUMENTS = 512 * MEGABYTE  # of an argument, which comes from the pusher

# what a value of JSON takes in memory, at most, by the character without which there is none of it
_BYTES_OF = ((b"{", 320), (b"[", 72), (b",", 64), (b":", 40))
# first bytes of characters in UTF-8
_BEYOND_16_BITS = re.compile(rb"[\xf0-\xf4]")
_BEYOND_LATIN_1 = re.compile(rb"[\xc4-\xef]")


# what deflate never writes, and no terminal or file takes: an escape of a lone surrogate
_HALF = re.compile(rb"(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]")


class Damaged(ValueError):
    """A value that did not arrive as it was sent."""


class TooLarge(ValueError):
    """A value that its reader would refuse."""


def deflate(value: Any) -> str:
    """The value as one line of base 85: JSON, deflated."""
    return _deflated(_json(value))


def deflate_answer(value: Any) -> str:
    """The same of an answer; :class:`TooLarge` if the pusher would refuse it."""
    data = _json(value)
    _within("", len(data), LIMIT)
    _within(" in memory", _memory(data), MEMORY)
    text = _deflated(data)
    _within(" compressed", len(text), PACKED)
    return text


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _deflated(data: bytes) -> str:
    return base64.b85encode(zlib.compress(data, 6)).decode("ascii")


def _within(where: str, size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(f"{size / MEGABYTE:.1f} MB{where}, limit {limit / MEGABYTE:.0f} MB")


def inflate(text: str, *, limit: int = LIMIT, memory: int | None = MEMORY) -> Any:
    """What :func:`deflate` was given; never more than ``limit`` bytes of it.

    ``memory``: bytes that the values may take. ``None``: any, for what the pusher sent.
    """
    try:
        data = _inflated(text, limit)
        if memory is not None and _memory(data) > memory:
            raise Damaged("it has too many values")
        if b"\\u" in data and _HALF.search(data):
            raise Damaged("half of a character")
        decoded = data.decode("utf-8")
        del data  # as large as what it is decoded to
        return json.loads(decoded, parse_constant=_no_constant)
    except (ValueError, zlib.error, RecursionError) as exc:
        raise Damaged(str(exc)) from exc


def _inflated(text: str, limit: int) -> bytes:
    """Piece by piece: base 85 takes 25 times its size in memory while it is decoded."""
    inflater = zlib.decompressobj()
    data = bytearray()
    for at in range(0, len(text), PART):
        piece = base64.b85decode(text[at : at + PART])
        data += inflater.decompress(piece, limit + 1 - len(data))
        if len(data) > limit:
            raise Damaged(f"more than {limit} bytes")
    if not inflater.eof or inflater.unused_data:
        raise Damaged("it is cut off, or has more at its end")
    return bytes(data)


def _memory(data: bytes) -> int:
    """How many bytes the values of that JSON take, estimated upwards without decoding it.

    Python's text takes two or four bytes a character where one is beyond Latin-1.
    """
    wide = 4 if _BEYOND_16_BITS.search(data) else 2 if _BEYOND_LATIN_1.search(data) else 1
    return len(data) * wide + sum(data.count(char) * size for char, size in _BYTES_OF)


def _no_constant(name: str) -> Any:
    raise Damaged(f"{name} is not JSON")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def page(text: str, number: int = 0) -> dict[str, Any]:
    """Page ``number`` (from 0) of a deflated value."""
    pages = max(1, -(-len(text) // PAGE))
    if not 0 <= number < pages:
        raise ValueError(f"there is no page {number} of {pages}")
    piece = text[number * PAGE : (number + 1) * PAGE]
    parts = [piece[at : at + PART] for at in range(0, len(piece), PART)]
    return {"mip": 1, "sha256": digest(text), "page": number, "pages": pages, "parts": parts}


def pack(value: Any) -> list[str]:
    """A value as an argument: all its parts at once (arguments have no limit of a page)."""
    text = deflate(value)
    return [text[at : at + PART] for at in range(0, len(text), PART)]


def unpack(parts: Sequence[str]) -> Any:
    """What :func:`pack` was given."""
    return inflate("".join(parts), limit=ARGUMENTS, memory=None)


def is_page(value: Any) -> bool:
    """Whether the value has the shape of a page of a packed value."""
    return isinstance(value, Mapping) and value.get("mip") == 1


def check_page(value: Any) -> Mapping[str, Any]:
    """One page as it arrived; :class:`Damaged` if its format is invalid."""
    if not is_page(value):
        raise Damaged("not a packed value")
    pages, parts = value.get("pages"), value.get("parts")
    if (
        not isinstance(value.get("page"), int)
        or not isinstance(pages, int)
        or not isinstance(value.get("sha256"), str)
        or not isinstance(parts, list)
        or not all(isinstance(part, str) for part in parts)
    ):
        raise Damaged("not a packed value")
    if "VALUE_TRIMMED" in parts:
        raise Damaged("Salt trimmed it (VALUE_TRIMMED)")
    if not 1 <= pages <= MOST_PAGES:
        raise Damaged(f"{pages} pages")
    page_: Mapping[str, Any] = value
    return page_


def whole(pages: Sequence[Mapping[str, Any]]) -> Any:
    """The value of all its pages, in order; :class:`Damaged` where they do not belong together."""
    text = "".join("".join(piece["parts"]) for piece in pages)
    if any(piece["sha256"] != digest(text) for piece in pages):
        raise Damaged("its hash is wrong")
    return inflate(text)

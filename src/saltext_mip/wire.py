"""Values of any size through Salt: compressed, hashed, in small strings, in pages.

Salt replaces large leaves of an event by ``VALUE_TRIMMED`` and loses events above a megabyte. So a
value goes as JSON, deflated, in base 85, cut into strings of at most 64 KB, at most
:data:`PAGE` bytes at once, with the SHA-256 of the whole: what arrives is what was sent, or an
error. The shape is ``{"mip": 1, "sha256", "page", "pages", "parts": [str, …]}``.
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
LIMIT = 512 * 1024 * 1024


# what deflate never writes, and no terminal or file takes: an escape of a lone surrogate
_HALF = re.compile(rb"(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]")


class Damaged(ValueError):
    """A value that did not arrive as it was sent."""


def deflate(value: Any) -> str:
    """The value as one line of base 85: JSON, deflated."""
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return base64.b85encode(zlib.compress(data, 6)).decode("ascii")


def inflate(text: str, *, limit: int = LIMIT) -> Any:
    """What :func:`deflate` was given; never more than ``limit`` bytes of it."""
    try:
        inflater = zlib.decompressobj()
        data = inflater.decompress(base64.b85decode(text), limit)
        if inflater.unconsumed_tail or not inflater.eof:
            raise Damaged(f"more than {limit} bytes, or cut off")
        if b"\\u" in data and _HALF.search(data):
            raise Damaged("half of a character")
        data.decode("utf-8")
        return json.loads(data, parse_constant=_no_constant)
    except (ValueError, zlib.error, RecursionError) as exc:
        raise Damaged(str(exc)) from exc


def _no_constant(name: str) -> Any:
    raise Damaged(f"{name} is no JSON")


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
    return inflate("".join(parts))


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
    if not 1 <= pages <= LIMIT // PAGE:
        raise Damaged(f"{pages} pages")
    page_: Mapping[str, Any] = value
    return page_


def whole(pages: Sequence[Mapping[str, Any]]) -> Any:
    """The value of all its pages, in order; :class:`Damaged` where they do not belong together."""
    text = "".join("".join(piece["parts"]) for piece in pages)
    if any(piece["sha256"] != digest(text) for piece in pages):
        raise Damaged("its hash is wrong")
    return inflate(text)

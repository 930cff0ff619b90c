"""How the bytes of a refused file mean characters.

UTF-16 and UTF-32 show by their marks or their NUL bytes. Of the older encodings several fit nearly
any file: they differ in what they make of words (a capital or a sign in the middle of one
is unlikely). Where two make likely words that differ, none is chosen: a name must not be changed.
"""

from __future__ import annotations

import codecs
import unicodedata
from dataclasses import dataclass

# beside these, latin-1 and the like differ in signs only; those of a family come in their order
OLD = ("cp1252", "cp1250", "mac_roman", "cp850")
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SIGNS = frozenset("€°µ²³±–—’‘“”„…§£½¼×÷%‰«»·©®™")  # that people type


@dataclass(frozen=True)
class Decoded:
    """``encoding`` is "" where several fit; ``text`` is then by one that is likely.

    ``fits`` are those that fit. ``marked`` are the bytes of a mark before the text.
    """

    text: str
    encoding: str
    fits: tuple[str, ...] = ()
    marked: int = 0

    @property
    def name(self) -> str:
        """For people."""
        return self.encoding.upper().removesuffix("-LE").removesuffix("-BE")


def decode(data: bytes, *, whole: bool = True) -> Decoded:
    """The characters of ``data``, the beginning of a file or all of it."""
    text: str | None
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            text = _text(data[len(mark) :], encoding, whole=whole)
            return Decoded(text or "", encoding, (encoding,), len(mark))
    if b"\x00" in data[:4096] and (wide := _wide(data[:4096])):
        text = _text(data, wide, whole=whole)
        if text is not None and "\x00" not in text[:4096]:
            return Decoded(text, wide, (wide,))
    marked = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
    text = _text(data[marked:], "utf-8", whole=whole)
    if text is not None:
        return Decoded(text, "utf-8", ("utf-8",), marked)
    return _old(data)


def _old(data: bytes) -> Decoded:
    """By one of the encodings before Unicode."""
    made: dict[str, str] = {}
    for encoding in OLD:
        text = _text(data, encoding, whole=True)
        if text is not None and text not in made.values():
            made[encoding] = text
    scores = {encoding: _unlikely(text) for encoding, text in made.items()}
    if not scores:
        return Decoded(data.decode("latin-1"), "")
    least = min(scores.values())
    fits = tuple(encoding for encoding, score in scores.items() if score == least)
    # where all are unlikely, none is right
    encoding = fits[0] if len(fits) == 1 and least == 0 else ""
    return Decoded(made[fits[0]], encoding, fits)


def _unlikely(text: str) -> int:
    """How many of the characters that are not ASCII are not where a person would type them."""
    count = 0
    for at, char in enumerate(text):
        if char < "\x80":
            continue
        before = text[at - 1 : at]
        after = text[at + 1 : at + 2]
        if unicodedata.category(char)[0] == "L":
            # é within a word of small letters, or É at a beginning
            odd = (char.isupper() and before.islower()) or (
                char.isupper() and after.islower() and before.isalpha()
            )
            odd = odd or (char.islower() and before.isupper() and after.isupper())
            count += odd or char in "ªº" or unicodedata.category(char) == "Lm"
        elif char in _SIGNS:
            count += before.isalpha() and after.isalpha() and char != "’"
        else:
            count += 1
    return count


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark: nearly every other byte is NUL."""
    pairs = max(1, len(data) // 2)
    if data[1::2].count(0) > 0.7 * pairs:
        return "utf-16-le"
    return "utf-16-be" if data[::2].count(0) > 0.7 * pairs else None


def _text(data: bytes, encoding: str, *, whole: bool) -> str | None:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        return decoder.decode(data, final=whole)
    except UnicodeDecodeError:
        return None

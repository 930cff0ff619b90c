"""JSON from other people's hands: read as the standard says, and no more than that.

Python's reader takes ``NaN``, lets the second of two equal keys win, recurses as deep as a text
asks for and leaves halves of characters in strings. Each of these becomes, further on, a file that
another program refuses; so each is an error here, with the line it stands on. So is what would cost
far more memory than its bytes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from saltext_mip.data.cde.syntax_errors import SyntaxMistake, explain

#: Lists and objects inside one another; a real CDE has about ten.
MAX_DEPTH = 200
#: Commas, colons and brackets: each stands for a value, of which some bytes become a hundred.
MAX_MARKS = 2_000_000
#: Characters of one string.
MAX_STRING = 1_000_000

# no way back into a string: it would be remembered for each character
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)
_HALF = re.compile("[\ud800-\udfff]")
_SHOWN = 60  # characters of a key
_MOST = 50  # mistakes that are named
_NEVER_THAT_LARGE = "No CDE is that large: restore the file from a copy."


class NotJson(ValueError):
    """Why a text is not JSON. ``mistakes`` are all that were found, one at least."""

    def __init__(self, *mistakes: SyntaxMistake) -> None:
        super().__init__(mistakes[0].message)
        self.mistakes = mistakes

    @property
    def message(self) -> str:
        """The first mistake's."""
        return self.mistakes[0].message


class _Rejected(Exception):
    """Something that the reader met and whose line it does not know."""


def is_too_much(content: bytes) -> bool:
    """Whether a JSON text has more values than are read; strings count as if they had some."""
    return sum(content.count(mark) for mark in (b",", b":", b"[", b"{")) > MAX_MARKS


def loads(content: bytes) -> Any:
    """The value of a UTF-8 JSON text, with or without a byte order mark; :class:`NotJson`."""
    if is_too_much(content):
        message = f"more than {MAX_MARKS:,} commas, colons and brackets"
        raise NotJson(SyntaxMistake(message, hint=_NEVER_THAT_LARGE))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        hint = "Save the file with the encoding UTF-8 (in Notepad: 'UTF-8', not 'ANSI')."
        raise NotJson(SyntaxMistake("bytes that are not UTF-8", line, hint=hint)) from None
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float
        )
    except json.JSONDecodeError as error:
        raise NotJson(explain(text, error)) from None
    except (_Rejected, RecursionError, ValueError) as error:
        # ValueError: an integer of thousands of digits, which Python refuses to make
        found = tuple(islice(_mistakes(text), _MOST))
        raise NotJson(*(found or (SyntaxMistake(f"not JSON: {error}"),))) from None
    _check(value, text)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Rejected
    return made


def _constant(_name: str) -> Any:
    raise _Rejected


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Rejected
    return number


def _check(value: Any, text: str) -> None:
    """That it is not too deep, and that no string is too long, or cannot be written as UTF-8."""
    level = [value]
    for _ in range(MAX_DEPTH):
        if not level:
            break
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, str) and (len(item) > MAX_STRING or not _whole(item)):
                raise NotJson(*islice(_mistakes(text), _MOST))
        level = below
    else:
        if any(isinstance(item, dict | list) for item in level):
            raise NotJson(*islice(_mistakes(text), _MOST))


def _whole(text: str) -> bool:
    return text.isascii() or _HALF.search(text) is None


def _mistakes(text: str) -> Iterator[SyntaxMistake]:
    """What :func:`loads` refuses beyond bad syntax, in the order of the text."""
    keys: list[set[str]] = []  # those so far of each object that is open; a list has none
    string, string_at = "", (1, 1)
    line, begin, at = 1, 0, 0  # begin: where the line begins
    for token in _TOKEN.finditer(text):
        if breaks := text.count("\n", at, token.start()):
            line += breaks
            begin = text.rfind("\n", at, token.start()) + 1
        at = token.start()
        here = (line, at - begin + 1)
        word = token.group()
        if word[0] == '"':
            string, string_at = json.loads(word, strict=False), here
            if len(string) > MAX_STRING:
                message = f"a text of more than {MAX_STRING:,} characters"
                yield SyntaxMistake(message, *here, _NEVER_THAT_LARGE)
            if not _whole(string):
                message = "half of a character (a lone surrogate such as \\ud83d)"
                yield SyntaxMistake(message, *here, "Write the character itself, in UTF-8.")
        elif word in "{[":
            keys.append(set())
            if len(keys) > MAX_DEPTH:
                message = f"more than {MAX_DEPTH} lists and objects inside one another"
                yield SyntaxMistake(message, *here, _NEVER_THAT_LARGE)
        elif word in "}]":
            keys.pop()
        elif word == ":":
            if string in keys[-1]:
                key = string if len(string) <= _SHOWN else string[: _SHOWN - 1] + "…"
                message = f"the key {json.dumps(key)} twice in one object"
                hint = "Keep one of the two entries and delete the other; or a '}, {' is missing."
                yield SyntaxMistake(message, *string_at, hint)
            keys[-1].add(string)
        elif word != "," and not _finite(word):
            message = f"a number that JSON does not have, or too large a one: {word[:20]}"
            yield SyntaxMistake(message, *here, "Write a decimal number, or remove the key.")


def _finite(word: str) -> bool:
    return word in {"true", "false", "null"} or math.isfinite(float(word))

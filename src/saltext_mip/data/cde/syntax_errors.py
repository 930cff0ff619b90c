"""What is wrong with a text that is not JSON, and what to do: for those who edit a CDE by hand.

Python's reader names what it expected. A person needs the mistake: a comma too many, a text that
is not closed, the marks that a version control system leaves in a file with a conflict.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class SyntaxMistake:
    """The mistake, its 1-based line and column (None where they are unknown), and what to do."""

    message: str
    line: int | None = None
    column: int | None = None
    hint: str = "Restore the file from a copy, or write it again as UTF-8 JSON."

    @property
    def where(self) -> str:
        if self.line is None:
            return "the whole file"
        return f"line {self.line}" + (f", column {self.column}" if self.column else "")


_MERGE = re.compile(r"^(?:<{7}|={7}|>{7}|\|{7})(?: .*)?$", re.MULTILINE)
_LITERALS = {"True": "true", "False": "false", "None": "null", "TRUE": "true", "FALSE": "false"}
_WORD = re.compile(r"[A-Za-z_]\w*")

#: What a mistake is called, where it is, what to do: of an error and the text; None: not this kind.
_Kind = Callable[[str, json.JSONDecodeError], "SyntaxMistake | None"]


def explain(text: str, error: json.JSONDecodeError) -> SyntaxMistake:
    """The mistake behind a syntax error of :mod:`json`."""
    return next(found for kind in _KINDS if (found := kind(text, error)) is not None)


def _at(text: str, position: int, message: str, hint: str) -> SyntaxMistake:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return SyntaxMistake(f"not JSON: {message}", line, column, hint)


def _empty(text: str, _: json.JSONDecodeError) -> SyntaxMistake | None:
    if text.strip():
        return None
    return _at(text, 0, "the file is empty", "Restore the file from a copy.")


def _wide(text: str, error: json.JSONDecodeError) -> SyntaxMistake | None:
    if "\0" not in text[max(0, error.pos - 1) : error.pos + 2]:
        return None
    hint = "Save the file with the encoding UTF-8 (not UTF-16 or 'Unicode')."
    return _at(text, error.pos, "bytes of 0: the file is not UTF-8", hint)


def _markup(text: str, _: json.JSONDecodeError) -> SyntaxMistake | None:
    if not text.lstrip().startswith("<") or _MERGE.match(text.lstrip()):
        return None
    hint = "Download or export the CDE again, as JSON."
    return _at(text, 0, "the file is a web page or XML", hint)


def _merge_mark(text: str, error: json.JSONDecodeError) -> SyntaxMistake | None:
    """Only where the reader stopped: in a text such a line is not a mark."""
    line_begin = text.rfind("\n", 0, error.pos) + 1
    # an entry before the mark has no comma, or the next one begins at it
    for found in _MERGE.finditer(text, line_begin):
        if text[error.pos : found.start()].strip():
            return None
        hint = (
            "Two versions of the file were merged and conflict: keep one of the two, and delete the"
            " lines that begin with <<<<<<<, ======= and >>>>>>>."
        )
        return _at(text, found.start(), "a merge conflict mark", hint)
    return None


def _trailing_comma(text: str, error: json.JSONDecodeError) -> SyntaxMistake | None:
    before = text[: error.pos].rstrip()
    after = text[error.pos :].lstrip()
    if error.msg.startswith("Illegal trailing comma"):
        before, after = text[: error.pos + 1], text[error.pos + 1 :].lstrip()
    if not (before.endswith(",") and after[:1] in ("}", "]")):
        return None
    hint = "Delete this comma: nothing follows it before the closing bracket."
    return _at(text, len(before) - 1, f"a comma before the closing {after[0]}", hint)


def _two_commas(text: str, error: json.JSONDecodeError) -> SyntaxMistake | None:
    if text[error.pos : error.pos + 1] != ",":
        return None
    before = text[: error.pos].rstrip()[-1:]
    if before not in (",", "[", "{"):
        return None
    hint = "Delete this comma."
    return _at(text, error.pos, "a comma with no entry before it", hint)


def _cut_off(text: str, error: json.JSONDecodeError) -> SyntaxMistake | None:
    if text[error.pos :].strip() or error.msg.startswith("Extra data"):
        return None
    hint = "A closing bracket is missing at the end, or the file was cut off: copy it again."
    return _at(text, len(text.rstrip()), "the file ends too early", hint)


def _control_character(text: str, error: json.JSONDecodeError) -> SyntaxMistake | None:
    if not error.msg.startswith("Invalid control character"):
        return None
    character = text[error.pos : error.pos + 1]
    name = {"\n": "a line break", "\r": "a line break", "\t": "a tab"}.get(
        character, f"a control character (U+{ord(character or ' '):04X})"
    )
    hint = "Delete it, or close the text with a double quote before it."
    return _at(text, error.pos, f"{name} in a text", hint)


def _open_text(text: str, error: json.JSONDecodeError) -> SyntaxMistake | None:
    if not error.msg.startswith("Unterminated string"):
        return None
    hint = "Close the text that begins here with a double quote."
    return _at(text, error.pos, "a text that is not closed", hint)


def _escape(text: str, error: json.JSONDecodeError) -> SyntaxMistake | None:
    if not error.msg.startswith("Invalid \\"):
        return None
    hint = "Write a backslash in a text twice (\\\\), or delete it."
    return _at(text, error.pos, "a backslash that begins no escape", hint)


def _comment(text: str, error: json.JSONDecodeError) -> SyntaxMistake | None:
    if not text.startswith(("//", "/*", "#"), error.pos):
        return None
    return _at(text, error.pos, "a comment", "Delete the comment: JSON has none.")


def _single_quote(text: str, error: json.JSONDecodeError) -> SyntaxMistake | None:
    if text[error.pos : error.pos + 1] not in ("'", "‘", "’", "“", "”", "„", "`"):
        return None
    hint = 'Write texts and keys in straight double quotes ("…").'
    return _at(text, error.pos, "a text in other quotes than double ones", hint)


def _word(text: str, error: json.JSONDecodeError) -> SyntaxMistake | None:
    found = _WORD.match(text, error.pos)
    if found is None:
        return None
    if instead := _LITERALS.get(found[0]):
        return _at(text, error.pos, f"{found[0]} instead of {instead}", f"Write {instead}.")
    if error.msg.startswith(("Expecting value", "Expecting property name")):
        hint = 'Write it in double quotes ("…").'
        return _at(text, error.pos, "a text or key without quotes", hint)
    return None


def _missing_comma(text: str, error: json.JSONDecodeError) -> SyntaxMistake | None:
    if not error.msg.startswith("Expecting ',' delimiter"):
        return None
    hint = (
        "Insert a comma between this entry and the one before it. If the entry before it is a text"
        ' that holds a double quote, write that quote as \\".'
    )
    return _at(text, error.pos, "a comma is missing", hint)


def _missing_colon(text: str, error: json.JSONDecodeError) -> SyntaxMistake | None:
    if not error.msg.startswith("Expecting ':' delimiter"):
        return None
    hint = "Insert a colon between the key and its value."
    return _at(text, error.pos, "a colon is missing", hint)


def _after_the_end(text: str, error: json.JSONDecodeError) -> SyntaxMistake | None:
    if not error.msg.startswith("Extra data"):
        return None
    hint = (
        "The CDE ends before this place. If a bracket too many closes it too early, delete that"
        " bracket; else delete what follows."
    )
    return _at(text, error.pos, "something follows the end", hint)


def _other(text: str, error: json.JSONDecodeError) -> SyntaxMistake | None:
    hint = "Correct it at this place, or restore the file from a copy."
    return _at(text, error.pos, error.msg[0].lower() + error.msg[1:], hint)


_KINDS: tuple[_Kind, ...] = (
    *(_empty, _wide, _merge_mark, _markup, _trailing_comma, _two_commas, _control_character),
    *(_open_text, _escape, _cut_off, _comment, _single_quote, _word),
    *(_after_the_end, _missing_comma, _missing_colon, _other),
)

"""Values that a variable does not take: what each is meant to be, and what to write.

A :class:`Reading` of one cell says what it is. Where it can mean one thing only, ``write`` is what
to write in its place: the corrections of :mod:`saltext_mip.data.corrections` write just that, so
that advice and correction cannot differ.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from saltext_mip.data.cde.model import Variable
from saltext_mip.data.csvfile import decimals
from saltext_mip.data.csvfile.diagnosis.columns import ADD
from saltext_mip.data.csvfile.diagnosis.layout import same_name
from saltext_mip.text import appearance, distinct, first_of, shown

if TYPE_CHECKING:
    import polars as pl

# as programs and people write them
MISSING = frozenset(
    [
        "na",
        "n/a",
        "n.a.",
        "nan",
        "null",
        "none",
        "nil",
        "missing",
        "unknown",
        "n.d.",
        "nd",
        ".",
        "-",
        "--",
        "?",
        "<na>",
        "k.a.",
        "fehlend",
        "#n/a",
        "#null!",
        "#value!",
        "#div/0!",
    ]
)
# of these, what is found in columns of free text
MISSING_TEXTS = (
    *("NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "#N/A", "#NULL!", "<NA>"),
    *(".", "-", "--", "?", "missing", "Missing", "MISSING"),
)
DATE = r"^\s*\d{4}-\d{2}-\d{2}(?:[T ].*)?\s*$"
ADVISED = frozenset(
    {"NotANumber", "NotWhole", "NotEnumerated", "OutOfBounds", "OutOfRange64"}
    | {"MissingMark", "NotADate", "RowsInQuotes"}
)
MARKS = (-9, -99, -999, -9999, -99999, 999, 9999, 99999, -2147483648, 2147483647)
_SHOWN_CODES = 10
_NAMED = 5  # values with the same advice
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+")
_BLANKS = " \u00a0\u2009\u202f'’"  # between thousands
_GROUPED_POINT = re.compile(rf"[+-]?\d{{1,3}}(?:[,{_BLANKS}]\d{{3}})+(?:\.\d+)?")
_GROUPED_COMMA = re.compile(rf"[+-]?\d{{1,3}}(?:[.{_BLANKS}]\d{{3}})+,\d+")
_GROUPS = re.compile(rf"[+-]?\d{{1,3}}(?:[{_BLANKS}]\d{{3}})+")
_PERCENT = re.compile(r"[+-]?\d+(?:[.,]\d+)?\s*%")
_LIMIT = re.compile(r"[<>≤≥~]=?\s*[+-]?\d+(?:[.,]\d+)?")
_UNIT = re.compile(r"[+-]?\d+(?:[.,]\d+)?\s*[^\W\d_]+[^\s]{0,8}")
_DATE = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{2,4}(?:[ T].*)?|\d{1,2}[-. /]?[^\W\d_]{3,9}\.?(?:[-. /]?\d{2,4})?"
    r"|[^\W\d_]{3,9}[-. /]\d{2,4}"
)
_TRUE = {"true": "1", "false": "0", "wahr": "1", "falsch": "0", "vrai": "1", "faux": "0"}
_TRUE |= {"vero": "1", "falso": "0"}
_SERIALS = range(18_000, 62_000)  # Excel's numbers of the days from 1949 to 2069


@dataclass(frozen=True)
class Reading:
    """``what`` is a sentence's beginning about the value, ``write`` what to write for it.

    ``write`` is ``None`` where a person has to decide; ``kind`` is one for values that are advised
    on together.
    """

    kind: str
    what: str
    write: str | None = None


class Reader:
    """Reads the values of one variable; ``column`` are values that tell how numbers are written."""

    def __init__(self, variable: Variable, column: Iterable[str] = ()) -> None:
        self._variable = variable
        self._codes = dict(variable.enumerations or ()) if variable.code != "dataset" else {}
        self._number = variable.sql_type != "text"
        cells = [text.strip() for text in column]
        self._comma_is_point = any(
            _DECIMAL_COMMA.fullmatch(cell) and not _THOUSANDS.fullmatch(cell) for cell in cells
        )

    def read(self, text: str) -> Reading:
        """What ``text`` is, which the variable does not take as it stands."""
        value = _plain(text)
        if self._codes and (found := self._code(value)):
            return found
        if value.casefold() in MISSING:
            return Reading("missing", "looks like 'missing': leave the cell empty", "")
        if self._number and (found := self._as_number(value)):
            return found
        return self._near(value) if self._codes else Reading("other", "")

    # -- codes

    def _code(self, value: str) -> Reading | None:
        if value in self._codes:
            return self._written("has blanks around the", value)
        for how, found in (
            ("is another writing of", self._by(value, self._codes)),
            ("is the label of", self._by(value, self._codes, labels=True)),
        ):
            if len(found) == 1:
                return self._written(how, found[0])
            if found:
                either = " or ".join(f"'{shown(code)}'" for code in found)
                return Reading(
                    "ambiguous", f"can be the code {either}: write the one that is meant"
                )
        number = decimals.real(value)
        if not isinstance(number, str):
            found = [code for code in self._codes if decimals.real(code) == number]
            if found:
                one = len(found) == 1
                return self._written("is another writing of", found[0]) if one else _either(found)
        if (code := _TRUE.get(value.casefold())) in self._codes and set(self._codes) == {"0", "1"}:
            if same_name(self._codes[code]) in _BOOLEAN[code]:
                return self._written("is another writing of", code)
            return Reading("ambiguous", f"can be the code '{code}': write the code that is meant")
        return None

    def _written(self, how: str, code: str) -> Reading:
        return Reading("code", f"{how} code '{shown(code)}': write '{shown(code)}'", code)

    def _by(self, value: str, codes: Mapping[str, str], *, labels: bool = False) -> list[str]:
        """The codes that are (or whose labels are) ``value``, capitals, signs, alphabets aside."""
        for same in (str.casefold, same_name, appearance):
            wanted = same(value)
            found = [
                code for code, label in codes.items() if same(label if labels else code) == wanted
            ]
            if found and wanted:
                return found
        return []

    def _near(self, value: str) -> Reading:
        names = {same_name(code): code for code in self._codes}
        names |= {same_name(label): code for code, label in self._codes.items()}
        near = difflib.get_close_matches(same_name(value), names, n=1, cutoff=0.75)
        if near:
            code = shown(names[near[0]])
            return Reading("near", f"is no code. Is it '{code}'? Then write '{code}'")
        return Reading("no code", "is no code of this variable")

    # -- numbers

    def _as_number(self, value: str) -> Reading | None:
        if written := _unusual_signs(value):
            return self._as(written)
        if _THOUSANDS.fullmatch(value) and not self._comma_is_point:
            return Reading(
                "ambiguous",
                f"can be {value.replace(',', '.')} or {value.replace(',', '')}: write the one that "
                "is meant, with a point or without the comma",
            )
        if _DECIMAL_COMMA.fullmatch(value):
            return self._as(value.replace(",", "."), kind="decimal comma")
        if _GROUPED_COMMA.fullmatch(value):
            return self._as(re.sub(f"[.{_BLANKS}]", "", value).replace(",", "."))
        if _GROUPS.fullmatch(value) or _GROUPED_POINT.fullmatch(value):
            return self._as(re.sub(f"[,{_BLANKS}]", "", value))
        if _PERCENT.fullmatch(value):
            unit = self._variable.source.get("units")
            of = f" ({shown(str(unit))})" if unit else ""
            return Reading(
                "percent",
                f"has a percent sign: write the number alone, in the unit of the variable{of}",
            )
        if _LIMIT.fullmatch(value):
            return Reading(
                "limit",
                "is a limit, not a value: leave the cell empty, or write the number that the "
                "study's protocol gives for it",
            )
        if value.casefold() in _TRUE:
            return Reading("boolean", "is true or false, not a number: write the number")
        if _DATE.fullmatch(value) and any(char.isdigit() for char in value):
            return Reading(
                "date",
                "looks like a date. A spreadsheet may have made it of a number: write the number "
                "of the source",
            )
        if _UNIT.fullmatch(value):
            return Reading("unit", "has more than a number in it: write the number alone")
        return None

    def _as(self, written: str, *, kind: str = "number") -> Reading:
        return Reading(kind, f"write {written}", written)


_BOOLEAN = {
    "1": frozenset({"1", "true", "yes", "y", "ja", "oui", "si", "sì", "positive", "present"}),
    "0": frozenset({"0", "false", "no", "n", "nein", "non", "negative", "absent"}),
}


class Marks:
    """The values of a number without bounds beside those that look like marks for 'missing'."""

    def __init__(self) -> None:
        self._marks: set[float] = set()
        self._low, self._high = math.inf, -math.inf  # of the others

    def add(self, values: pl.Series, rows: list[int]) -> None:
        """The values of a block, ``rows`` of which are marks."""
        marks = values.gather(rows)
        self._marks |= set(marks.to_list())
        others = values.filter(~values.is_in(marks.implode()))
        if others.len() > others.null_count():
            self.add_others(*cast("tuple[float, float]", (others.min(), others.max())))

    def add_others(self, low: float, high: float) -> None:
        """The extremes of a block without marks."""
        self._low, self._high = min(self._low, low), max(self._high, high)

    @property
    def unlike_others(self) -> bool:
        """Whether one is far from all other values: below 0 where none is, or beyond twice all."""
        largest = max(abs(self._low), abs(self._high))
        return any(
            (mark < 0 <= self._low) or (largest < math.inf and abs(mark) > 2 * largest)
            for mark in self._marks
        )


def _either(codes: Sequence[str]) -> Reading:
    either = " or ".join(f"'{shown(code)}'" for code in codes)
    return Reading("ambiguous", f"can be the code {either}: write the one that is meant")


def is_date(variable: Variable) -> bool:
    """Whether it is a text that holds dates."""
    kind = str(variable.source.get("type", "")).lower()
    return variable.sql_type == "text" and kind in ("date", "timestamp", "datetime")


def advise(variable: Variable, rule: str, examples: Sequence[tuple[int, str]], count: int) -> str:
    """What to do about these values of a variable that break a rule."""
    values = list(dict.fromkeys(text for _, text in examples))
    if rule == "OutOfBounds":
        return _bounds(variable, values)
    if rule == "MissingMark" and variable.sql_type == "text":
        rule = "MissingText"
    if rule in _ADVICE:
        return _ADVICE[rule].format(values=", ".join(f"'{shown(text)}'" for text in values[:5]))
    reader = Reader(variable, values)
    alike: dict[str, list[str]] = {}
    decimal: list[tuple[str, str]] = []
    for text in values:
        reading = reader.read(text)
        if reading.kind == "decimal comma" and reading.write is not None:
            decimal.append((text, reading.write))
        else:
            name = distinct(text, reading.write or "")[0]
            alike.setdefault(reading.what or _NO_NUMBER, []).append(name)
    sentences = _sentences(alike)
    if decimal:
        text, written = decimal[0]
        sentences.insert(
            0, f"Write a point for the decimal comma in this column: {written} for {text}."
        )
    if variable.enumerations and variable.code != "dataset":
        sentences.append(_allowed(variable, values))
    if count > len(examples):
        sentences.append(f"And {count - len(examples)} more cells of this column.")
    return " ".join(sentences)


_NO_NUMBER = "is not a number: write a number, or leave it empty"


def _sentences(alike: Mapping[str, Sequence[str]]) -> list[str]:
    """What to do about values in quotes; those with the same advice are in one sentence."""
    found = []
    for what, values in alike.items():
        each = f"Each of {first_of(values, _NAMED)}" if values[1:] else values[0]
        found.append(f"{each} {what}.")
    return found


_ADVICE = {
    "NotWhole": "The variable takes whole numbers only. Correct the values; if it has decimals in "
    "truth, ask the operator of the federation to have its type changed in the CDE.",
    "OutOfRange64": "No database holds a number that large: correct it, or leave the cell empty.",
    "MissingMark": "{values} looks like a mark for 'missing': leave the cells empty. If it is a "
    "measured value, ask the operator of the federation to have its bounds added to the CDE.",
    "MissingText": "{values} looks like 'missing': leave the cells empty.",
    "NotADate": "{values} is no date of the form 2026-03-12: write year-month-day.",
    "RowsInQuotes": "A cell holds whole rows: a quote is missing or too many in this line. Find "
    "it and delete it, or write it twice where it belongs to the value.",
}


def _allowed(variable: Variable, values: Sequence[str]) -> str:
    codes = list(variable.enumerations or ())
    each = [
        f"'{shown(code)}'" + (f" ({shown(label)})" if label != code else "")
        for code, label in codes
    ]
    reader = Reader(variable)
    new = [text for text in values if reader.read(text).kind == "no code"]
    plausible = f" If a code is right and new, {ADD}." if new else ""
    return f"Allowed: {first_of(each, _SHOWN_CODES)}.{plausible}"


def _bounds(variable: Variable, values: Sequence[str]) -> str:
    low, high = variable.limits
    alike: dict[str, list[str]] = {}
    for text in values:
        number = decimals.real(text)
        if isinstance(number, str):
            continue
        if number in MARKS or number in (-1, 77, 88, 99, 888, 8888):
            what = "looks like a mark for 'missing': leave the cell empty"
        elif number in _SERIALS and high is not None and high < _SERIALS.start:
            what = "may be the number of a day in Excel: write the value"
        else:
            what = "is out of bounds: correct it, or leave the cell empty"
        alike.setdefault(what, []).append(f"'{shown(text)}'")
    sentences = _sentences(alike)
    if low is not None and high is not None:
        between = f"{low} to {high}"
    else:
        between = f"up to {high}" if low is None else f"from {low}"
    sentences.append(f"Allowed: {between}. If the values are right, {_ADD_BOUNDS}.")
    return " ".join(sentences)


_ADD_BOUNDS = "ask the operator of the federation to have the bounds changed in the CDE"


def _plain(text: str) -> str:
    """Without blanks around it, also those that do not look like one, and invisible characters."""
    return text.strip().strip("\ufeff\u200b\u200e\u200f\u00ad").strip()


def _unusual_signs(value: str) -> str | None:
    """A number with a typographic minus or blanks that are none; as it is to be written."""
    plain = value.replace("−", "-").replace("–", "-")
    if plain != value and not isinstance(decimals.real(plain), str):
        return plain
    if not isinstance(decimals.real(value), str):
        return value
    return None

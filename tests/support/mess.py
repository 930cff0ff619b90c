"""CSV files as Excel, Access, REDCap, SPSS, R, pandas and LibreOffice leave them.

:func:`corpus` has a :class:`Mess` for each kind: a file's bytes, the rule of its first problem, and
the clean rows that it was made of. Always the same for the same seed; no patient was ever in it.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tests.support import cdes

COLUMNS = ("subjectcode", "dataset", "age", "gender", "diagnosis", "volume", "score", "city")
NUMBERS = frozenset({"age", "volume", "score"})
CDE = cdes.content(
    datasets=["edsd", "ppmi"],
    variables=[
        cdes.variable("subjectcode", label="Subject"),
        cdes.variable("age", "int", label="Age Years", minValue=0, maxValue=120),
        cdes.variable(
            "gender",
            label="Sex",
            enumerations=[{"code": "M", "label": "Male"}, {"code": "F", "label": "Female"}],
        ),
        cdes.variable(
            "diagnosis",
            label="Neurological Diagnosis",
            enumerations=[{"code": "1", "label": "yes"}, {"code": "0", "label": "no"}],
        ),
        cdes.variable("volume", "real", label="Hippocampus", minValue=0, maxValue=2000),
        cdes.variable("score", "real", label="Total Score"),
        cdes.variable("city"),
    ],
)
CITIES = ("Genève", "Köln", "Torino", "Lyon", "Zürich")

Rows = list[list[str]]


@dataclass(frozen=True)
class Mess:
    """``content`` is what a program left of ``clean`` (header first); ``rule`` is what is found
    first, of severity error or warning; ``encoding`` and ``meant`` are what its author knows."""

    name: str
    rule: str
    content: bytes
    clean: Rows
    encoding: str = "utf-8"
    meant: dict[str, str] = field(default_factory=dict)  # a column's name to its variable
    file: str = "export.csv"


def clean(rng: random.Random, count: int = 30) -> Rows:
    rows = [list(COLUMNS)]
    for number in range(count):
        rows.append(
            [
                f"subj{number:03}",
                "edsd" if number % 3 else "ppmi",
                str(rng.randrange(50, 95)),
                rng.choice("MF"),
                rng.choice("01"),
                f"{rng.randrange(1, 99)}.{rng.randrange(1, 10)}",
                f"{rng.randrange(1, 30)}.{rng.randrange(10, 99)}",
                CITIES[number % len(CITIES)],
            ]
        )
    return rows


def text(rows: Iterable[Sequence[str]], separator: str = ",", end: str = "\n", **how) -> str:
    made = io.StringIO()
    csv.writer(made, delimiter=separator, lineterminator=end, **how).writerows(rows)
    return made.getvalue()


def column(rows: Rows, name: str, change: Callable[[str, int], str]) -> Rows:
    at = rows[0].index(name)
    return [
        [change(cell, n) if place == at and n else cell for place, cell in enumerate(row)]
        for n, row in enumerate(rows)
    ]


def renamed(rows: Rows, **names: str) -> Rows:
    return [[names.get(name, name) for name in rows[0]], *rows[1:]]


def commas(rows: Rows) -> Rows:
    for name in ("volume", "score"):
        rows = column(rows, name, lambda cell, _: cell.replace(".", ","))
    return rows


def first(rows: Rows, name: str, value: str, count: int = 3) -> Rows:
    return column(rows, name, lambda cell, n: value if n <= count else cell)


def replaced(rows: Rows, name: str, values: dict[str, str]) -> Rows:
    return column(rows, name, lambda cell, _: values.get(cell, cell))


def lines(rows: Rows, *more: str, before: bool = False) -> str:
    own = "".join(f"{line}\n" for line in more)
    return own + text(rows) if before else text(rows) + own


def corpus(seed: int = 1) -> list[Mess]:
    """All kinds, each of rows of its own."""
    rng = random.Random(seed)
    made: list[Mess] = []

    def add(name: str, rule: str, make: Callable[[Rows], Rows | str | bytes], **facts) -> None:
        rows = clean(rng)
        content = make([list(row) for row in rows])
        if isinstance(content, list):
            content = text(content)
        if isinstance(content, str):
            content = content.encode(facts.get("encoding", "utf-8"))
        made.append(Mess(name, rule, content, rows, **facts))

    _forms(add)
    _headers(add)
    _rows(add)
    _values(add)
    return made


def _forms(add: Callable[..., None]) -> None:
    add("excel de", "WrongSeparator", lambda r: text(commas(r), ";", "\r\n"))
    add("excel fr, bom", "WrongSeparator", lambda r: "\ufeff" + text(commas(r), ";", "\r\n"))
    add("excel en in de", "WrongSeparator", lambda r: text(r, ";", "\r\n"))
    add("excel unicode text", "NotUtf8", lambda r: text(r, "\t", "\r\n"), encoding="utf-16")
    add("excel de ansi", "NotUtf8", lambda r: text(commas(r), ";"), encoding="cp1252")
    add("excel ansi", "NotUtf8", lambda r: text(r, ",", "\r\n"), encoding="cp1252")
    add("excel mac", "NotUtf8", text, encoding="mac_roman")
    add("excel dos", "NotUtf8", text, encoding="cp850")
    add("excel mac ends", "LoneReturn", lambda r: text(r, ",", "\r"))
    add("excel sep", "WrongSeparator", lambda r: "sep=;\r\n" + text(commas(r), ";", "\r\n"))
    add("excel sep comma", "HeaderNotFirst", lambda r: "sep=,\r\n" + text(r, ",", "\r\n"))
    add("access tabs", "WrongSeparator", lambda r: text(r, "\t", quoting=csv.QUOTE_ALL))
    add("access bars", "WrongSeparator", lambda r: text(r, "|"))
    add("access utf-16 no mark", "NotUtf8", lambda r: text(r, ";"), encoding="utf-16-le")
    add("spss dat", "WrongSeparator", lambda r: text(commas(r), "\t"))
    add("lines in quotes", "LinesQuoted", lambda r: text([[line] for line in _lines(r)], quoting=1))
    add("xlsx", "NotCsv", lambda r: b"PK\x03\x04\x14\x00[Content_Types].xml" + bytes(99))
    add("xls", "NotCsv", lambda r: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(999))
    add("gzip", "NotCsv", lambda r: gzip.compress(text(r).encode(), mtime=0))
    add("sav", "NotCsv", lambda r: b"$FL2@(#) SPSS DATA FILE" + bytes(99))
    add("html", "NotCsv", lambda r: "<html><table><tr><td>dataset</td></tr></table></html>")
    add("json", "NotCsv", lambda r: json.dumps([dict(zip(r[0], r[1], strict=True))]))
    add("lock", "LockFile", lambda r: ",ann,pc,01.02.2026 10:00,file:///home/ann;")
    add("excel lock", "LockFile", lambda r: b"\x03ann" + bytes(90), file="~$export.csv")


def _lines(rows: Rows) -> list[str]:
    return text(rows).splitlines()


def _headers(add: Callable[..., None]) -> None:
    add("title", "HeaderNotFirst", lambda r: lines(r, "Study X", before=True))
    add("title and blank", "HeaderNotFirst", lambda r: lines(r, "Study X", "", before=True))
    add("comment", "HeaderNotFirst", lambda r: lines(r, "# exported, by ann", before=True))
    add("title cells", "HeaderNotFirst", lambda r: lines(r, "Study X,,,,,,,", before=True))
    add("capital", "DatasetMisnamed", lambda r: renamed(r, dataset="Dataset"))
    add("blank", "DatasetMisnamed", lambda r: renamed(r, dataset=" dataset "))
    add("zero width", "DatasetMisnamed", lambda r: renamed(r, dataset="dataset\u200b"))
    add("plural", "DatasetMisnamed", lambda r: renamed(r, dataset="Data_Sets"))
    add("no header", "NoHeader", lambda r: r[1:])
    add("no dataset", "NoDatasetColumn", lambda r: [[*x[:1], *x[2:]] for x in r])
    meant = {"Study": "dataset"}
    add("other name", "NoDatasetColumn", lambda r: renamed(r, dataset="Study"), meant=meant)
    add("capitals", "UnknownColumn", lambda r: renamed(r, gender="Gender", age="AGE "))
    add("label", "UnknownColumn", lambda r: renamed(r, gender="Sex"))
    meant = {"diagnosys": "diagnosis"}
    add("typo", "UnknownColumn", lambda r: renamed(r, diagnosis="diagnosys"), meant=meant)
    add("pandas index", "EmptyColumnName", lambda r: _numbered(r, "", 0))
    add("pandas twice", "UnknownColumn", lambda r: _numbered(r, "Unnamed: 0", 0))
    add("R row names", "EmptyColumnName", lambda r: _numbered(r, "", 1))
    add("R header short", "RowsUnlikeHeader", lambda r: [r[0], *_numbered(r, "", 1)[1:]])
    add("readr", "UnknownColumn", lambda r: _numbered(r, "...1", 1))
    add("trailing comma", "EmptyColumnName", lambda r: [[*x, ""] for x in r])
    add("three trailing", "EmptyColumnName", lambda r: [[*x, "", "", ""] for x in r])
    add("rows end in comma", "RowsUnlikeHeader", lambda r: [r[0], *([*x, ""] for x in r[1:])])
    add("labels below", "SecondHeader", lambda r: [r[0], _labels(), *r[1:]])
    add("types below", "SecondHeader", lambda r: [r[0], ["text"] * len(r[0]), *r[1:]])
    add("header again", "SecondHeader", lambda r: [*r[:15], r[0], *r[15:]])


def _labels() -> list[str]:
    return ["Subject", "edsd", "Age Years", "Sex", "Diagnosis", "Hippocampus", "Score", "City"]


def _numbered(rows: Rows, name: str, begin: int) -> Rows:
    return [[name, *rows[0]], *([str(n), *row] for n, row in enumerate(rows[1:], begin))]


def _rows(add: Callable[..., None]) -> None:
    add("total", "DatasetEmpty", lambda r: lines(r, ",,1234,,,,,"))
    add("total words", "DatasetEmpty", lambda r: lines(r, "Total 30,,,,,,,"))
    add("note", "TooFewFields", lambda r: lines(r, "source: registry"))
    add("legend", "TooFewFields", lambda r: lines(r, "M = Male", "F = Female"))
    add("ctrl-z", "TooFewFields", lambda r: text(r) + "\x1a")
    add("no code", "DatasetEmpty", lambda r: column(r, "dataset", lambda c, n: "" if n == 4 else c))
    add("short row", "TooFewFields", lambda r: [*r[:5], [*r[5][:4], *r[5][5:]], *r[6:]])
    add("cut off", "TooFewFields", lambda r: text(r)[:-12])
    add("comma in value", "TooManyFields", lambda r: text(r).replace("Lyon", "Lyon, FR", 1))
    add("bars in rows", "RowsUnlikeHeader", lambda r: text(r[:1]) + text(commas(r)[1:], ";"))
    add("code is a row", "DatasetUnsafe", lambda r: first(r, "dataset", "edsd;61;M"))
    add("code is long", "DatasetCodeTooLong", lambda r: first(r, "dataset", "e" * 65))
    add("codes are names", "DatasetNotNames", lambda r: column(r, "dataset", lambda c, n: f"n{n}"))
    add("code in capitals", "DatasetAlike", _upper)
    add("code missing", "DatasetMissing", lambda r: first(r, "dataset", "NA", 2))
    add("codes are wards", "ManySmallDatasets", lambda r: column(r, "dataset", _ward))
    add("row twice", "SameRow", lambda r: [*r, r[4]])
    add("row twice, apart", "SameRow", lambda r: [*r[:9], r[2], *r[9:], r[20]])


def _ward(cell: str, number: int) -> str:
    return f"Ward {number % 10}"


def _upper(rows: Rows) -> Rows:
    return column(rows, "dataset", lambda cell, n: cell.upper() if n < 4 else cell)


def _values(add: Callable[..., None]) -> None:
    add("labels", "NotEnumerated", lambda r: replaced(r, "gender", {"M": "Male", "F": "Female"}))
    add("small codes", "NotEnumerated", lambda r: replaced(r, "gender", {"M": "m", "F": "f"}))
    add("blanks", "NotEnumerated", lambda r: replaced(r, "gender", {"M": "M ", "F": " F"}))
    add("pandas floats", "NotEnumerated", lambda r: replaced(r, "diagnosis", {"1": "1.0"}))
    add("R booleans", "NotEnumerated", lambda r: replaced(r, "diagnosis", {"1": "TRUE"}))
    add("redcap labels", "NotEnumerated", lambda r: replaced(r, "diagnosis", {"1": "Yes"}))
    add("decimal commas", "NotANumber", commas)
    add("spss comma point", "NotANumber", lambda r: commas(r)[:20] + r[20:])
    for name, value in (
        *(("R NA", "NA"), ("access null", "NULL"), ("pandas nan", "nan"), ("spss point", ".")),
        *(("excel n/a", "#N/A"), ("dash", "-"), ("excel error", "#DIV/0!"), ("word", "missing")),
        *(("percent", "12%"), ("limit", "<5"), ("unit", "61 y"), ("date", "01.02.2020")),
        *(("excel date", "Feb 61"), ("text", "unclear"), ("boolean", "TRUE"), ("half", "6l")),
    ):
        add(f"{name} in a number", "NotANumber", lambda r, value=value: first(r, "age", value))
    add("thousands", "NotANumber", lambda r: first(r, "score", "1,234"))
    add("not whole", "NotWhole", lambda r: first(r, "age", "61.5"))
    add("spss -9", "OutOfBounds", lambda r: first(r, "age", "-9"))
    add("excel serial", "OutOfBounds", lambda r: first(r, "age", "43862"))
    add("mark", "MissingMark", lambda r: first(r, "score", "-999"))
    add("NA in text", "MissingMark", lambda r: first(r, "city", "NA"))
    add("new code", "NotEnumerated", lambda r: first(r, "gender", "X"))
    add("quotes", "RowsInQuotes", _swallowed)
    add("read as Windows text", "GarbledText", lambda r: column(r, "city", _garbled))
    add("read as Latin-1", "GarbledText", lambda r: column(r, "city", _garbled_latin))
    add("characters lost", "GarbledText", lambda r: column(r, "city", _lost))


def _garbled(cell: str, _: int) -> str:
    return cell.encode().decode("cp1252")


def _garbled_latin(cell: str, _: int) -> str:
    return cell.encode().decode("latin-1")


def _lost(cell: str, _: int) -> str:
    return cell.encode("latin-1").decode(errors="replace")


def _swallowed(rows: Rows) -> str:
    made = text(rows).splitlines(keepends=True)
    made[3] = made[3].replace(",Torino", ',"Torino').replace(",Köln", ',"Köln')
    made[3] = made[3] if '"' in made[3] else made[3].rstrip("\n").rpartition(",")[0] + ',"x\n'
    made[6] = made[6].rstrip("\n") + '"\n'
    return "".join(made)

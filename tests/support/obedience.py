"""A data manager who does literally what an advice says, and knows the patients' true values.

:func:`obey` carries out one finding's advice on a file and returns it changed; ``None`` where the
advice leaves the decision to the person, or asks for what only the source can give.
"""

from __future__ import annotations

import csv
import io
import re

from saltext_mip.problems import Finding
from saltext_mip.text import shown
from tests.support.mess import NUMBERS, Mess, Rows, text

SEPARATORS = {"semicolons": ";", "tabs": "\t", "vertical bars": "|", "blanks": " "}


# what a person takes from the sentences
HEADER = re.compile(r"The header is in line (\d+): delete lines? (\d+)(?: to (\d+))?\.")
ROW_NUMBERS = re.compile(r"column '(.*?)' looks like row numbers: if it numbers the rows")
CODE = re.compile(r"'([^']*)' [^.']*? code '[^']*': write '([^']*)'")
MISSING = re.compile(r"((?:'[^']*'(?:, )?)+) looks like (?:a mark for )?'missing': leave")


def parsed(content: bytes, separator: str = ",") -> Rows:
    return list(
        csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=separator)
    )


def written(rows: Rows) -> bytes:
    return text(rows).encode()


def obey(content: bytes, finding: Finding, mess: Mess) -> bytes | None:
    """The file after the advice; :class:`AssertionError` for a sentence that nobody can obey."""
    rule, advice = finding.problem.rule, finding.what_to_do
    for doing in (_whole_file, _header, _lines, _columns, _cells):
        changed = doing(content, rule, advice, finding, mess)
        if changed is not None:
            return changed
    return None


def _whole_file(content, rule, advice, finding, mess):
    if rule in ("NotCsv", "LockFile"):
        assert re.search(r"save it as|export it|export the data|Unpack|delete it", advice, re.I)
        return written(mess.clean)
    if "Save the file as UTF-8" in advice:
        return content.decode(mess.encoding).encode()
    if rule == "LoneReturn" and "CSV UTF-8" in advice:
        return content.replace(b"\r", b"\n")
    if rule == "LinesQuoted":
        return "".join(f"{row[0]}\n" for row in parsed(content)).encode()
    if rule == "WrongSeparator":
        separator = SEPARATORS[finding.problem.about.removesuffix(" and decimal commas")]
        rows = [row for row in parsed(content, separator) if row]
        if "points in decimal numbers" in advice:
            rows = [[_pointed(cell) for cell in row] for row in rows]
        return written(rows)
    if rule == "GarbledText":
        assert "export the file again" in advice
        return written(mess.clean)
    if "may be cut off; export it again" in advice or "Export the file again" in advice:
        return written(mess.clean)
    return None


def _pointed(cell: str) -> str:
    return cell.replace(",", ".") if re.fullmatch(r"-?\d+,\d+", cell) else cell


def _header(content, rule, advice, finding, mess):
    if found := re.search(
        r"The header is in line (\d+): delete lines? (\d+)(?: to (\d+))?\.", advice
    ):
        first, last = int(found[2]), int(found[3] or found[2])
        kept = content.splitlines(keepends=True)
        return b"".join(kept[: first - 1] + kept[last:])
    if rule == "NoHeader":
        assert "Insert a new first line" in advice
        return written([mess.clean[0]]) + content
    if rule == "NoDatasetColumn" and "Add a column 'dataset' at the end" in advice:
        codes = {row[0]: row[1] for row in mess.clean}
        rows = parsed(content)
        return written([[*rows[0], "dataset"], *([*row, codes[row[0]]] for row in rows[1:])])
    return None


def _lines(content, rule, advice, finding, mess):
    if rule == "SecondHeader" and re.search("delete (line|each of lines) [0-9]", advice):
        return _without(content, finding.problem.lines)
    if rule == "SameRow":
        assert "delete one of the rows" in advice
        return _without(content, finding.problem.lines)
    if rule in ("DatasetEmpty", "TooFewFields", "TooManyFields"):
        assert "Delete the line" in advice
        assert "do not pad" in advice or rule != "TooFewFields"
        true = {row[0]: row for row in mess.clean}
        kept = content.splitlines(keepends=True)
        for line in finding.problem.lines:
            subject = kept[line - 1].split(b",")[0].decode()
            if subject in true:  # a patient: what the source has
                kept[line - 1] = written([true[subject]])
            else:
                kept[line - 1] = b""
        return b"".join(kept)
    return None


def _without(content: bytes, lines: tuple[int, ...]) -> bytes:
    kept = content.splitlines(keepends=True)
    return b"".join(line for at, line in enumerate(kept, 1) if at not in lines)


def _columns(content, rule, advice, finding, mess):
    if rule not in ("DatasetMisnamed", "UnknownColumn", "EmptyColumnName", "RowsUnlikeHeader"):
        return None
    rows = parsed(content)
    changed = False
    for old, new in re.findall(r"[Rr]ename the column '(.*?)' to '(.*?)'", advice):
        rows[0] = [new if shown(name) == old else name for name in rows[0]]
        changed = True
    for old, new in re.findall(r"column '(.*?)' has the label of the variable '(.*?)'", advice):
        rows[0] = [new if shown(name) == old else name for name in rows[0]]
        changed = True
    for old, new in re.findall(r"Is '(.*?)' the variable '(.*?)'", advice):
        if mess.meant.get(old) == new:
            rows[0] = [new if shown(name) == old else name for name in rows[0]]
            changed = True
    for old in ROW_NUMBERS.findall(advice):
        rows = _dropped(rows, rows[0].index(old))
        changed = True
    for at in sorted(map(int, re.findall(r"Column (\d+) has no name", advice)), reverse=True):
        numbers = f"Column {at} has no name and numbers the rows: delete it" in advice
        if numbers or not any(row[at - 1] for row in rows if len(row) >= at):
            rows = _dropped(rows, at - 1)
            changed = True
    if "Delete the last comma of each row" in advice:
        rows = [rows[0], *(row[:-1] for row in rows[1:])]
        changed = True
    elif "delete the first field of each row" in advice:
        rows = [rows[0], *(row[1:] for row in rows[1:])]
        changed = True
    return written(rows) if changed else None


def _dropped(rows: Rows, at: int) -> Rows:
    return [[*row[:at], *row[at + 1 :]] for row in rows]


def _cells(content, rule, advice, finding, mess):
    column = finding.problem.column
    rows = parsed(content)
    if column is None or column not in rows[0]:
        return None
    at = rows[0].index(column)
    writes = dict(re.findall(r"'([^']*)' [^.']*? code '[^']*': write '([^']*)'", advice))
    writes |= dict(re.findall(r"'([^']*)' write ([^ ]+)\.(?: |$)", advice))
    for found in re.findall(
        r"((?:'[^']*'(?:, )?)+) looks like (?:a mark for )?'missing': leave", advice
    ):
        writes |= dict.fromkeys(re.findall(r"'([^']*)'", found), "")
    if found := re.search(r"The same\? Then write '(.*?)' in all its rows", advice):
        new = re.search(r"The dataset '(.*?)' is new", advice)[1]
        writes[new] = found[1]
    points = "Write a point for the decimal comma in this column" in advice
    if not writes and not points:
        return None
    for row in rows[1:]:
        if shown(row[at]) in writes:
            row[at] = writes[shown(row[at])]
        elif points:
            row[at] = _pointed(row[at])
    return written(rows)


def same(content: bytes, mess: Mess) -> bool:
    """Whether it holds the clean data; a cell that a program had no value for may be empty."""
    rows = parsed(content)
    true = {row[0]: dict(zip(mess.clean[0], row, strict=True)) for row in mess.clean[1:]}
    found = {}
    for row in rows[1:]:
        cells = dict(zip(rows[0], row, strict=True))
        found[cells["subjectcode"]] = cells
    if found.keys() != true.keys() or len(rows) != len(mess.clean):
        return False
    lost = _lost(mess)
    for subject, cells in true.items():
        for name, cell in cells.items():
            got = found[subject].get(name)
            if got == "" and (subject, name) in lost:
                continue
            equal = _number(got) == _number(cell) if name in NUMBERS else got == cell
            if not equal:
                return False
    return True


def _number(cell: str | None) -> float | str | None:
    try:
        return float(cell or "")
    except ValueError:
        return cell


def _lost(mess: Mess) -> set[tuple[str, str]]:
    """The cells that the program itself replaced: no advice can bring their values back."""
    return {(row[0], name) for row in mess.clean[1:4] for name in ("age", "score", "city")}

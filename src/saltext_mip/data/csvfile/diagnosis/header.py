"""Why the first line of a file is not accepted as its header, and what to do about it.

The rows below may be patients, and so may the first line: a problem has the rule alone, and what
the file is in words of ours. Lines and names stand in the advice, which stays on the node.
"""

from __future__ import annotations

from collections.abc import Iterator

from saltext_mip.data.csvfile.diagnosis import encodings, layout
from saltext_mip.data.csvfile.diagnosis.encodings import Decoded
from saltext_mip.data.csvfile.diagnosis.kinds import kind_of
from saltext_mip.data.csvfile.diagnosis.layout import DATASET, Layout
from saltext_mip.problems import Finding, Problem
from saltext_mip.text import has_other_letters, shown

HEAD = 256 << 10  # bytes of a file that are looked at
_NAMES = 5  # that are shown


def diagnose(head: bytes, *, whole: bool, name: str = "") -> tuple[Finding, ...]:
    """All that keeps the first line from being a header; () where nothing is recognised.

    ``head`` is the beginning of the file, ``whole``: all of it; ``name`` its name.
    """
    if kind := kind_of(head, name=name):
        return (Finding(Problem(kind.rule, about=kind.name), advice=kind.advice),)
    decoded = encodings.decode(head[:HEAD], whole=whole and len(head) <= HEAD)
    if "\x00" in decoded.text[:4096]:
        advice = "It holds bytes that are not text: export it again from its source."
        return (Finding(Problem("NotCsv", about="binary file"), advice=advice),)
    found = layout.layout_of(decoded.text)
    if not found.rows:
        return ()
    return (*_encoding(decoded), *_separator(found), *_place(found))


def _encoding(decoded: Decoded) -> Iterator[Finding]:
    if decoded.encoding == "utf-8":
        return
    about = decoded.name if decoded.encoding else None
    yield Finding(Problem("NotUtf8", about=about), advice=encoding_advice(decoded))


def encoding_advice(decoded: Decoded) -> str:
    what = f"It is written in {decoded.name}. " if decoded.encoding else ""
    return (
        f"{what}Save the file as UTF-8: in Excel as 'CSV UTF-8 (comma delimited)', "
        "in LibreOffice with the character set 'Unicode (UTF-8)'."
    )


def _separator(found: Layout) -> Iterator[Finding]:
    if found.wrapped:
        advice = (
            "Each line is one quoted field: export the file again, with each value in a field of "
            "its own."
        )
        yield Finding(Problem("LinesQuoted"), advice=advice)
    if found.separator == ",":
        return
    name = layout.SEPARATORS.get(found.separator, "another character")
    decimals = " and decimal commas" if found.decimal_comma else ""
    points = " and points in decimal numbers" if found.decimal_comma is not False else ""
    yield Finding(
        Problem("WrongSeparator", about=name + decimals),
        advice=f"Its fields are separated by {name}{_with(decimals)}: export the file again with "
        f"commas between fields{points}.",
    )


def _with(decimals: str) -> str:
    return f",{decimals.replace(' and', ' with')}" if decimals else ""


def _place(found: Layout) -> Iterator[Finding]:
    if found.header < 0:
        yield _no_header(found)
        return
    line, names = found.rows[found.header]
    if found.header > 0:
        above = [row[0] for row in found.rows[: found.header]]
        first, last = above[0], line - 1
        which = f"line {first}" if first == last else f"lines {first} to {last}"
        yield Finding(
            Problem("HeaderNotFirst"), advice=f"The header is in line {line}: delete {which}."
        )
    if DATASET not in names:
        name = next(name for name in names if layout.same_name(name) in (DATASET, f"{DATASET}s"))
        yield Finding(
            Problem("DatasetMisnamed"),
            advice=f"Rename the column '{shown(name)}' to '{DATASET}'{spelling(name, DATASET)}.",
        )


def _no_header(found: Layout) -> Finding:
    _, names = found.rows[0]
    if layout.looks_like_header(names) and len(found.rows) > 1:
        return Finding(
            Problem("NoDatasetColumn"),
            advice=f"Add a column '{DATASET}' at the end: in line {found.rows[0][0]} write "
            f"'{DATASET}', and in every row below it the code of your dataset.",
        )
    return Finding(
        Problem("NoHeader"),
        advice="Insert a new first line with the names of the columns, in the order of the columns "
        f"and as the CDE spells them, '{DATASET}' among them. Do not overwrite the line that is "
        "first now.",
    )


def spelling(name: str, right: str) -> str:
    """How they differ where a person cannot see it: ``(lower case, no blank at the end)``."""
    how = []
    ends = [name != name.lstrip(), name != name.rstrip()]
    if any(ends) and name.strip():
        where = " and the ".join(
            end for end, is_there in zip(("beginning", "end"), ends, strict=True) if is_there
        )
        how.append(f"no blank at the {where}")
    if name.strip() != right and name.strip().casefold() == right.casefold():
        how.insert(0, "lower case" if right == right.lower() else "the same capitals")
    if has_other_letters(name) and not has_other_letters(right):
        how.append("Latin letters")
    if shown(name) != name:
        how.append("no invisible characters")
    return f" ({', '.join(how)})" if how else ""

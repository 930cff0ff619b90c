"""Dataset codes that are probably not meant: like another one, or a word for 'missing'.

They are compared between the files of a folder and with the CDE's datasets, so they are not of one
file alone and are never remembered with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from saltext_mip.data.csvfile.diagnosis.layout import same_name
from saltext_mip.data.csvfile.diagnosis.values import MISSING
from saltext_mip.problems import Finding, Problem
from saltext_mip.text import appearance, distinct, shown

Counts = Iterable[tuple[str, int]]


def odd_codes(files: Mapping[str, Counts], known: Iterable[str]) -> dict[str, tuple[Finding, ...]]:
    """By file what is odd about its codes. ``files`` are each file's codes and rows, ``known`` the
    codes of the CDE."""
    known = list(known)
    codes = [code for of_file in files.values() for code, _ in of_file]
    listed = frozenset(known)
    first: dict[str, str] = {}
    for code in [*known, *codes]:
        first.setdefault(_same(code), code)
    found: dict[str, list[Finding]] = {}
    for name, of_file in files.items():
        for code, rows in of_file:
            like = code if code in listed else first[_same(code)]
            finding = _odd(code, rows, like)
            if finding is not None:
                found.setdefault(name, []).append(finding)
    return {name: tuple(findings) for name, findings in found.items()}


def _odd(code: str, rows: int, first: str) -> Finding | None:
    if code.strip().casefold() in MISSING:
        advice = (
            f"'{shown(code)}' looks like 'missing', and {rows} rows have it. Patients? Write the "
            "code of their dataset. A note or a total? Delete the line."
        )
        return Finding(Problem("DatasetMissing", column="dataset"), advice=advice)
    if first != code:
        new, old = distinct(code, first)
        advice = (
            f"The dataset {new} is new; there is {old}. The same? Then write {old} in all its rows."
        )
        return Finding(Problem("DatasetAlike", column="dataset"), advice=advice)
    return None


def _same(code: str) -> str:
    return same_name(appearance(code)) or code

"""The report for a hospital's data manager: the problems of a pathology's data, with values.

It stands beside the pathologies' folders, on the node alone: ``mip-report-<pathology>.txt``, for
the folder's group to read. It is written when what it says changes, and goes when there are no
problems. What ``mip.check`` prints is made by the same :func:`file_lines`.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from saltext_mip.errors import UnsafeName
from saltext_mip.problems import Finding, Problem
from saltext_mip.rules import Severity
from saltext_mip.storage import atomic, beneath, paths
from saltext_mip.storage.beneath import AnyFolder, File
from saltext_mip.text import first_of, shown

PREFIX, SUFFIX = "mip-report-", ".txt"
_HEADING = "Problems of the data in "
# by which a report is known as one: also one of an earlier version
_HEADINGS = (_HEADING.encode(), b"What is wrong with the data of ")
_NOTE = "This file holds patients' data: keep it here."
_SEVERITIES = ("error", "warning", "note")
_DATASETS = 10  # of a good file that are named

Counts = Sequence[tuple[str, int]]
Line = tuple[int, str]  # how far in, in steps; the text


def name_of(pathology: str) -> str:
    """The report's file name; of a pathology with a very long name, shortened."""
    name = f"{PREFIX}{pathology}{SUFFIX}"
    if len(name.encode()) <= paths.NAME_BYTES:
        return name
    return f"{PREFIX}{hashlib.sha256(pathology.encode()).hexdigest()}{SUFFIX}"


def write(
    data_path: AnyFolder,
    found: Mapping[str, Iterable[Finding]],
    *,
    known: Collection[str],
    good: Mapping[str, Mapping[str, tuple[int, Counts]]] | None = None,
) -> tuple[Problem, ...]:
    """Make the reports show what was ``found`` by pathology; those of no ``known`` one go.

    ``good`` are rows and datasets of each file that is not refused, by pathology and name. A report
    that could not be written is a problem.
    """
    problems = []
    home = beneath.folder(data_path)
    for pathology, findings in found.items():
        path = home / name_of(pathology)
        text = render(pathology, findings, (good or {}).get(pathology, {}))
        try:
            if text:
                atomic.replace(path, text.encode("utf-8", "backslashreplace"), mode=0o640)
            elif _is_report(path):
                path.unlink()
        except (OSError, UnsafeName):
            problems.append(Problem("ReportUnwritten", pathology=pathology))
    names = {name_of(pathology) for pathology in known}
    try:
        with home.scan() as entries:
            there = [entry.name for entry in entries if entry.name.startswith(PREFIX)]
        for name in there:
            if name.endswith(SUFFIX) and name not in names and _is_report(home / name):
                (home / name).unlink()
    except OSError:
        problems.append(Problem("ReportUnwritten"))
    return tuple(problems)


def render(
    pathology: str,
    findings: Iterable[Finding],
    good: Mapping[str, tuple[int, Counts]] | None = None,
) -> str:
    """The text; "" where there is nothing that a person must fix."""
    by_file: dict[str, list[Finding]] = {name: [] for name in good or {}}
    for finding in findings:
        by_file.setdefault(finding.problem.file or "", []).append(finding)
    severities = {each.problem.severity for of_file in by_file.values() for each in of_file}
    if severities <= {"note"}:
        return ""
    lines = [f"{_HEADING}'{shown(pathology)}'", "", _NOTE]
    for name, of_file in sorted(by_file.items()):
        rows, datasets = (good or {}).get(name, (None, ()))
        lines += ["", shown(name or "(the folder)")]
        listed = list(map(Entry.of, of_file))
        lines += ["  " * step + text for step, text in file_lines(listed, rows, datasets)]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Entry:
    """A problem as the report lists it. ``examples`` are pairs of line and value."""

    rule: str
    severity: Severity
    message: str
    what_to_do: str
    about: str = ""
    column: str | None = None
    lines: tuple[int, ...] = ()
    count: int = 1
    examples: tuple[tuple[int, str], ...] = ()

    @classmethod
    def of(cls, finding: Finding) -> Entry:
        problem = finding.problem
        return cls(
            rule=problem.rule,
            severity=problem.severity,
            message=problem.definition.text,
            what_to_do=finding.what_to_do,
            about=problem.about or "",
            column=problem.column,
            lines=problem.lines or ((problem.line,) if problem.line else ()),
            count=problem.count,
            examples=finding.examples,
        )


def file_lines(problems: Sequence[Entry], rows: int | None, datasets: Counts) -> Iterator[Line]:
    """One file's lines: that it is good, or its problems, errors first.

    ``rows`` is ``None`` where the file is refused.
    """
    worst = {problem.severity for problem in problems}
    if rows is not None and "error" not in worst:
        word = "accepted, with warnings" if "warning" in worst else "good"
        yield 1, f"{word}: {_counted(rows, 'row')}, {_datasets(datasets)}"
    for severity in _SEVERITIES:
        for problem in problems:
            if problem.severity == severity:
                yield from _problem_lines(problem)


def _datasets(datasets: Counts) -> str:
    named = first_of([f"{shown(code)} ({rows})" for code, rows in datasets], _DATASETS)
    return f"{'dataset' if len(datasets) == 1 else 'datasets'} {named}"


def _problem_lines(problem: Entry) -> Iterator[Line]:
    what = problem.message + (f" ({shown(problem.about)})" if problem.about else "")
    yield 1, f"{problem.severity}: {what} [{problem.rule}]"
    where = []
    if problem.column is not None:
        where.append(f"column {shown(problem.column)}")
    lines = problem.lines
    if lines:
        where.append(("line " if len(lines) == 1 else "lines ") + ", ".join(map(str, lines)))
    rest = problem.count - max(len(lines), 1)
    if rest > 0:
        where.append(f"and {rest} more" if lines else f"{problem.count} in all")
    if where:
        yield 2, " ".join([", ".join(where[:2]), *where[2:]])
    for line, value in problem.examples:
        yield 2, f"line {line}: {shown(value)}"
    yield 2, f"-> {problem.what_to_do}"


def _counted(count: int, one: str) -> str:
    return f"{count} {one}{'' if count == 1 else 's'}"


def _is_report(path: File) -> bool:
    """Whether a file is a report of ours; nobody else's is removed."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return False
    except FileNotFoundError:
        return False
    with path.open() as file:
        return file.read(max(map(len, _HEADINGS))).startswith(_HEADINGS)

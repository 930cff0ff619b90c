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
from saltext_mip.federation import CDE_FILE
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
# in detail: columns of a file with the same fault, and problems of a report
_COLUMNS = 5
_DETAILED = 60
_NAMED = 20  # further columns with the same fault

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
    detail = Detail()
    for name, of_file in sorted(by_file.items()):
        rows, datasets = (good or {}).get(name, (None, ()))
        lines += ["", shown(name or "(the folder)")]
        listed = list(map(Entry.of, of_file))
        # what is wrong with the CDE is of all files
        found = file_lines(listed, rows, datasets, Detail() if name in ("", CDE_FILE) else detail)
        lines += ["  " * step + text for step, text in found]
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


class Detail:
    """How many problems a report still lists in detail: one of very many files stays readable."""

    def __init__(self) -> None:
        self.left = _DETAILED


def file_lines(
    problems: Sequence[Entry], rows: int | None, datasets: Counts, detail: Detail
) -> Iterator[Line]:
    """One file's lines: that it is good, or its problems, errors first.

    ``rows`` is ``None`` where the file is refused. Of columns with the same fault the first few are
    listed in detail, and of the files after very many problems only what is wrong with them.
    """
    worst = {problem.severity for problem in problems}
    if rows is not None and "error" not in worst:
        word = "accepted, with warnings" if "warning" in worst else "good"
        yield 1, f"{word}: {_counted(rows, 'row')}, {_datasets(datasets)}"
    for severity in _SEVERITIES:
        alike: dict[tuple[str, str], list[Entry]] = {}
        for nth, problem in enumerate(problems):
            if problem.severity == severity:
                same = problem.rule if problem.column is not None else f"{nth}"
                alike.setdefault((problem.rule, same), []).append(problem)
        for group in alike.values():
            yield from _group_lines(group, detail)


def _group_lines(group: Sequence[Entry], detail: Detail) -> Iterator[Line]:
    """The problems of one rule in one file."""
    shown_fully = group[: min(_COLUMNS, max(detail.left, 0))]
    detail.left -= len(shown_fully)
    for problem in shown_fully:
        yield from _problem_lines(problem)
    if not (rest := group[len(shown_fully) :]):
        return
    first = rest[0]
    columns = [shown(each.column) for each in rest if each.column is not None]
    named = f"{_counted(len(columns), 'column')}: {first_of(columns, _NAMED)}" if columns else ""
    if shown_fully:
        yield 1, f"{first.severity}: the same [{first.rule}] in {named}"
    else:
        where = f" in {named}" if named else ""
        yield 1, f"{first.severity}: {first.message} [{first.rule}]{where}"
        yield 2, "-> Check this file alone to see what to do."


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
    placed = lines or problem.column is None  # of a column as a whole no line is known
    for line, value in problem.examples:
        yield 2, f"line {line}: {shown(value)}" if placed else f"value: {shown(value)}"
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

"""The report for a hospital's data manager: what is wrong with a pathology's data, with values.

It stands beside the pathologies' folders, on the node alone: ``mip-report-<pathology>.txt``, for
the folder's group to read. It is written when what it says changes, and goes when nothing is wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from itertools import groupby
from pathlib import Path

from saltext_mip import text as files_text
from saltext_mip.errors import UnsafeName
from saltext_mip.problems import Finding, Problem
from saltext_mip.storage import atomic, paths

PREFIX, SUFFIX = "mip-report-", ".txt"
_HEADING = "What is wrong with the data of "
_NOTE = "It holds patients' data: keep it here."


def name_of(pathology: str) -> str:
    """The report's file name; of a pathology with a very long name, shortened."""
    name = f"{PREFIX}{pathology}{SUFFIX}"
    if len(name.encode()) <= paths.NAME_BYTES:
        return name
    return f"{PREFIX}{hashlib.sha256(pathology.encode()).hexdigest()}{SUFFIX}"


def write(
    data_path: Path, found: Mapping[str, Iterable[Finding]], *, known: Collection[str]
) -> tuple[Problem, ...]:
    """Write the reports of what was ``found`` by pathology; those of no ``known`` one go.

    A report that could not be written is a problem.
    """
    problems = []
    for pathology, findings in found.items():
        path = data_path / name_of(pathology)
        text = render(pathology, findings)
        try:
            if text:
                atomic.replace(path, text.encode("utf-8", "backslashreplace"), mode=0o640)
            elif _is_report(path):
                path.unlink()
        except (OSError, UnsafeName):
            problems.append(Problem("ReportUnwritten", pathology=pathology))
    names = {name_of(pathology) for pathology in known}
    try:
        for path in data_path.glob(f"{PREFIX}*{SUFFIX}"):
            if path.name not in names and _is_report(path):
                path.unlink()
    except OSError:
        problems.append(Problem("ReportUnwritten"))
    return tuple(problems)


def render(pathology: str, findings: Iterable[Finding]) -> str:
    """The text; "" where there is nothing that a person must fix."""
    listed = [finding for finding in findings if finding.problem.severity != "note"]
    if not listed:
        return ""
    lines = [f"{_HEADING}'{files_text.shown(pathology)}'", "", _NOTE]
    for file, of in groupby(listed, key=lambda finding: finding.problem.file):
        lines += ["", files_text.shown(file or "(the folder)")]
        for finding in of:
            lines += _block(finding)
    return "\n".join(lines) + "\n"


def _block(finding: Finding) -> Iterable[str]:
    problem = finding.problem
    rule = problem.definition
    what = rule.text + (f" ({files_text.shown(problem.about)})" if problem.about else "")
    yield f"  {problem.severity}: {what} [{problem.rule}]"
    if problem.column is not None:
        yield f"    column: {files_text.shown(problem.column)}"
    if problem.lines or problem.line:
        shown = problem.lines or (problem.line,)
        more = ", …" if problem.count > len(shown) else ""
        yield f"    line: {', '.join(map(str, shown))}{more}"
    if problem.count > 1:
        yield f"    count: {problem.count}"
    for line, value in finding.examples:
        yield f"    line {line}: {files_text.shown(value)}"
    yield f"    {rule.hint}"


def _is_report(path: Path) -> bool:
    """Whether a file is a report of ours; nobody else's is removed."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_HEADING)) == _HEADING.encode()

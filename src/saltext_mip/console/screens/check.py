"""A data manager's check as a screen: each file as in the report, then a summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import UnsetType

from saltext_mip.console.screens.text import Screen, Style, number
from saltext_mip.data.inventory.report import Detail, Entry, file_lines
from saltext_mip.results import CheckResult, CodebookResult, FoundProblem, value_or


def check(screen: Screen, value: CheckResult) -> None:
    screen.title(value.folder, f"CDE: {value.cde}" if value.cde else "no CDE")
    accepted = value_or(value.accepted, {})
    detail = Detail()
    for name in ("", *value.checked):
        problems = value.files.get(name, [])
        if not name and not problems:
            continue
        screen.gap()
        screen.title(name or "(the folder)", style=_style(problems), marked=True)
        good = accepted.get(name)
        rows, counts = (good.rows, list(good.datasets.items())) if good else (None, [])
        for step, text in file_lines(list(map(_entry, problems)), rows, counts, detail):
            screen.text(text, indent=2 * step, hang=2)
    rest = value.files.keys() - {"", *value.checked}
    for name in sorted(rest):
        screen.gap()
        screen.title(name, style=_style(value.files[name]), marked=True)
        for step, text in file_lines(list(map(_entry, value.files[name])), None, (), Detail()):
            screen.text(text, indent=2 * step, hang=2)
    _later(screen, value.refused_later)
    screen.gap()
    screen.outcome(_summary(value), style="bad" if value.refused else "good")


def _later(screen: Screen, notes: Mapping[str, Sequence[FoundProblem]]) -> None:
    """What MIP 8 and 9 refuse, in CDE and files, under one heading."""
    if not notes:
        return
    screen.gap()
    screen.title("Refused by MIP 8 and 9: nothing to do now, correct it before an upgrade")
    for name, of_file in notes.items():
        for note in of_file:
            column = f", column {note.column}" if note.column else ""
            count = value_or(note.count, 1)
            rows = f" ({number(count, 'row')})" if isinstance(count, int) and count > 1 else ""
            screen.text(f"{name}{column}: {value_or(note.about, '')}{rows}", indent=2, hang=2)


def _entry(problem: FoundProblem) -> Entry:
    """The problem as the report lists it."""
    first = value_or(problem.line, 0)
    lines = value_or(problem.lines, []) or ([first] if first else [])
    examples = value_or(problem.examples, [])
    count = value_or(problem.count, 1)
    exact = isinstance(count, int)
    about = value_or(problem.about, "")
    return Entry(
        rule=problem.rule,
        severity=problem.severity,
        message=problem.message,
        what_to_do=value_or(problem.advice, "") or problem.hint,
        about=about if exact else ", ".join(filter(None, [about, f"{count} rows"])),
        column=None if isinstance(problem.column, UnsetType) else problem.column,
        lines=tuple(lines),
        count=count if isinstance(count, int) else 1,
        examples=tuple((each.line, each.value) for each in examples),
    )


def _style(problems: Sequence[FoundProblem]) -> Style:
    severities = {problem.severity for problem in problems}
    return "bad" if "error" in severities else "warn" if "warning" in severities else "good"


def _summary(value: CheckResult) -> str:
    files = value.checked
    refused = [name for name in value.refused if name in files]
    problems = number(value.problems, "problem")
    return (
        f"{number(len(files), 'file')} checked, {len(files) - len(refused)} accepted, "
        f"{len(refused)} refused; {problems}."
    )


def codebook(screen: Screen, value: CodebookResult) -> None:
    """The two tables line by line, to be looked at: ``--out=json`` and the command write files."""
    for what, table in (("codebook", value.codebook), ("template", value.template)):
        screen.gap()
        screen.title(f"{what} of {value.pathology}")
        screen.block(table.removeprefix("\ufeff").replace("\r\n", "\n").rstrip("\n"))

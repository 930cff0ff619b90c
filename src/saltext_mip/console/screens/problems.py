"""Problems, first on every screen: by node, the worst first, each node with its contact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from saltext_mip.console.screens.text import Screen, Style, mark, number
from saltext_mip.federation import CDE_FILE
from saltext_mip.results import ReportedProblem as Problem
from saltext_mip.rules import RULES

KEPT = "KeptAsItWas"
Place = tuple[str | None, str | None, str | None]  # of a file: node, pathology, name

SEVERITIES = ("error", "warning", "note")
STYLE: Mapping[str, Style] = {"error": "bad", "warning": "warn", "note": "plain"}
# one screen: of many places with the same fault a few, of very many faults the worst
PLACES = 5
GROUPS = 20


def problem_list(
    screen: Screen,
    problems: Sequence[Problem],
    *,
    federation: str,
    in_use: Collection[Place] = (),
    notes: bool = True,
) -> None:
    """All ``problems`` places; places with the same fault together.

    Of a file that is refused each line tells whether it is left out, or its previous version is in
    use: no note repeats that. ``in_use``: further files whose previous version is. Without
    ``notes`` only errors and warnings are listed.
    """
    kept = dict.fromkeys(in_use, "") | {
        _file(each): each.about or "" for each in problems if each.rule == KEPT
    }
    refused = {_file(each) for each in problems if _is_refused(each)}
    problems = [
        each
        for each in problems
        if (each.rule != KEPT or _file(each) not in refused) and (notes or each.severity != "note")
    ]
    if not problems:
        return
    screen.gap()
    worst = _worst(problems)
    heading = "Notes" if worst == "note" else "Problems"
    screen.title(f"{heading}: {counted(problems)}", style=STYLE[worst])
    left = GROUPS
    rest = 0
    for node, theirs in _by_node(problems):
        groups = _by_rule(theirs)
        rest += sum(len(group) for group in groups[left:])
        groups = groups[:left]
        left -= len(groups)
        if not groups:
            continue
        screen.gap()
        contact = next((each.contact for each in theirs if each.contact), None)
        screen.title(node or federation, f"contact: {contact}" if contact else "")
        for group in groups:
            _group(screen, group, kept)
    if rest:
        screen.gap()
        screen.text(f"and {number(rest, 'problem')} more: --out=json has them all")


def counted(problems: Sequence[Problem]) -> str:
    """``2 errors, 1 note``."""
    count = Counter[str](problem.severity for problem in problems)
    return ", ".join(number(count[name], name) for name in SEVERITIES if count[name])


def _worst(problems: Sequence[Problem]) -> str:
    return min((problem.severity for problem in problems), key=SEVERITIES.index)


def _by_node(problems: Sequence[Problem]) -> list[tuple[str | None, list[Problem]]]:
    found: dict[str | None, list[Problem]] = {}
    for problem in problems:
        found.setdefault(problem.node, []).append(problem)
    return sorted(found.items(), key=lambda item: SEVERITIES.index(_worst(item[1])))


def _by_rule(problems: Sequence[Problem]) -> list[list[Problem]]:
    found: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        found.setdefault((problem.severity, problem.rule), []).append(problem)
    return sorted(found.values(), key=lambda group: SEVERITIES.index(group[0].severity))


def _file(problem: Problem) -> Place:
    return (problem.node, problem.pathology, problem.file)


def _is_refused(problem: Problem) -> bool:
    """Whether it is about a data file, which cannot be used because of it."""
    return bool(problem.file and problem.file != CDE_FILE and problem.severity == "error")


def _use(problem: Problem, kept: Mapping[Place, str]) -> str:
    """What is used of the file of a problem."""
    if not _is_refused(problem) or problem.rule not in RULES or not RULES[problem.rule].hard:
        return ""
    if _file(problem) not in kept:
        return "; left out"
    return " ".join(filter(None, ("; previous version in use", kept[_file(problem)])))


def _group(screen: Screen, group: Sequence[Problem], kept: Mapping[Place, str]) -> None:
    fault = group[0]
    severity = fault.severity
    screen.text(
        f"{severity}: {fault.message} ({fault.rule})",
        indent=2,
        hang=4,
        first=f"{mark(STYLE[severity])} ",
        style=STYLE[severity],
    )
    for problem in group[:PLACES]:
        if where := place(problem):
            screen.text(where + _use(problem, kept), indent=4, hang=2)
    if len(group) > PLACES:
        screen.text(f"and {len(group) - PLACES} more", indent=4)
    if severity != "note":
        screen.text(fault.hint, indent=4, hang=3, first="-> ")


def place(problem: Problem) -> str:
    """Where a problem is: ``dementia/edsd.csv, column age, lines 12, 14, 20 (45 in all)``."""
    parts = ["/".join(name for name in (problem.pathology, problem.file) if name)]
    if problem.column:
        parts.append(f"column {problem.column}")
    if lines := problem.lines or ([problem.line] if problem.line else []):
        named = ", ".join(map(str, lines))
        parts.append(f"line {named}" if len(lines) == 1 else f"lines {named}")
    where = ", ".join(part for part in parts if part)
    if isinstance(problem.count, str) or problem.count > max(len(lines), 1):
        where += f" ({problem.count} in all)"
    return ": ".join(part for part in (where, problem.about) if part)

"""A notice as people read it: what, since when, what to do, whom to call.

It names what the status names, and no counts: neither rows, nor how often a rule is violated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from saltext_mip.results import ReportedProblem
from saltext_mip.text import shown, when
from saltext_mip.watch.notices import Item, ItemKind

SUBJECT = 60  # characters: about what a telephone shows while it is locked
NAME = 20  # characters of a federation's name there
LINE = 300  # characters of a condition's message
PROBLEMS = 10  # that are listed

_WORDS: dict[ItemKind, str] = {
    "bad": "PROBLEM",
    "still": "STILL",
    "flapping": "FLAPPING",
    "good": "OK",
}


def subject(federation: str, items: Sequence[Item]) -> str:
    """``fed1 PROBLEM: WorkersReachable (WorkerMissing) +2``."""
    first = min(items, key=lambda each: list(_WORDS).index(each.kind))
    reason = f" ({first.reason})" if first.reason and first.kind != "good" else ""
    more = f" +{len(items) - 1}" if len(items) > 1 else ""
    head = f"{shown(federation, NAME)} {_WORDS[first.kind]}: {first.type}"
    return head[: SUBJECT - len(more)] + _fitting(reason, SUBJECT - len(head) - len(more)) + more


def _fitting(text: str, room: int) -> str:
    return text if len(text) <= room else ""


def text(federation: str, items: Sequence[Item], problems: Sequence[ReportedProblem]) -> str:
    """The whole notice."""
    return "\n".join([f"Federation {shown(federation)}", *_lines(federation, items, problems), ""])


def _lines(
    federation: str, items: Sequence[Item], problems: Sequence[ReportedProblem]
) -> Iterator[str]:
    for each in items:
        yield ""
        yield f"{_WORDS[each.kind]}: {each.type} {each.reason}".rstrip()
        yield f"  {'Good again' if each.kind == 'good' else 'Since'}: {_moment(each.since)}"
        if each.kind == "flapping":
            yield "  It changed three times within an hour. No further notice for one hour."
        if each.message:
            yield f"  What: {shown(each.message, LINE)}"
        if each.hint:
            yield f"  To do: {shown(each.hint, LINE)}"
    wrong = [each for each in problems if each.severity == "error"]
    if wrong and any(each.kind != "good" for each in items):
        yield ""
        yield "Problems:"
        for problem in wrong[:PROBLEMS]:
            yield from _problem(problem)
        if len(wrong) > PROBLEMS:
            yield f"  and more: mip status --problems -F {shown(federation)}"
    yield ""
    yield "On the pusher: mip status; mip events"


def _problem(problem: ReportedProblem) -> Iterator[str]:
    place = "/".join(filter(None, (problem.node, problem.pathology, problem.file)))
    yield f"  {problem.rule} {shown(place, LINE)}".rstrip()
    yield f"    To do: {shown(problem.hint, LINE)}"
    if problem.contact:
        yield f"    Call: {shown(problem.contact, LINE)}"


def _moment(seconds: float) -> str:
    return when(datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds"))

"""What differs between two observations: conditions, and problems. Pure.

A condition is compared by its type, status and reason, never by its message: that may name another
node or time at each observation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import structs

from saltext_mip.conditions import TYPES, WHILE_TRUE, Status, severity
from saltext_mip.results import ConditionChange, ReportedCondition, ReportedProblem, value_or

NEW = timedelta(days=1)  # for how long a problem is new, and one that is gone is listed
UNTRACKED = "Reconciling"  # work that is going on; what it did is an event of its own

Fact = tuple[Status, str]
ProblemKey = tuple[str, str | None, str | None, str | None, str | None]

ABSENT: Fact = ("False", "")  # of a condition that is there only while it is true


def transitions(
    federation: str,
    before: Iterable[ReportedCondition] | None,
    now: Iterable[ReportedCondition],
) -> list[ConditionChange]:
    """The conditions whose status or reason differ, in the order of the types.

    A condition of which nothing was known (``before`` is ``None`` at the first observation) is a
    change only if it needs attention. One that is no longer reported, since it is no longer
    configured, is none.
    """
    old, new = _facts(before or ()), _facts(now)
    found = []
    for kind in TYPES:
        if kind == UNTRACKED:
            continue
        then, is_ = old.get(kind), new.get(kind)
        if kind in WHILE_TRUE:
            then, is_ = then or ABSENT, is_ or ABSENT
        if is_ is None or then == is_:
            continue
        if then is None and severity(kind, *is_) == "good":
            continue
        found.append(
            ConditionChange(
                federation=federation,
                type=kind,
                status=is_[0],
                reason=is_[1],
                was_status=then[0] if then else None,
                was_reason=then[1] if then else None,
            )
        )
    return found


def _facts(conditions: Iterable[ReportedCondition]) -> dict[str, Fact]:
    return {each.type: (each.status, each.reason) for each in conditions}


@dataclass(frozen=True)
class Tracked:
    """The problems of an observation, and those that are gone since less than a day."""

    problems: list[ReportedProblem]
    resolved: list[ReportedProblem]


def track(
    before: Sequence[ReportedProblem],
    resolved: Sequence[ReportedProblem],
    now: Sequence[ReportedProblem],
    at: datetime,
) -> Tracked:
    """``now`` with ``since`` and ``state``, from the last observation; and what is resolved.

    A problem is the same while its rule, node, pathology, file and column are. It is ``new`` for a
    day. One that is gone is ``resolved``, with ``since`` as the moment, and is kept for a day.
    """
    text = at.isoformat(timespec="seconds")
    known = {problem_key(each): value_or(each.since, text) for each in before}
    problems = [_since(each, known.get(problem_key(each), text), at) for each in now]
    there = {problem_key(each) for each in now}
    gone = {
        problem_key(each): structs.replace(each, since=text, state="resolved")
        for each in before
        if problem_key(each) not in there
    }
    kept = {
        problem_key(each): each
        for each in resolved
        if problem_key(each) not in there and not _older(value_or(each.since, text), at)
    }
    return Tracked(problems, list({**kept, **gone}.values()))


def _since(problem: ReportedProblem, since: str, at: datetime) -> ReportedProblem:
    state = "open" if _older(since, at) else "new"
    return structs.replace(problem, since=since, state=state)


def _older(since: str, at: datetime) -> bool:
    return at - datetime.fromisoformat(since) > NEW


def problem_key(problem: ReportedProblem) -> ProblemKey:
    """What makes it the same problem at the next observation."""
    return (problem.rule, problem.node, problem.pathology, problem.file, problem.column)

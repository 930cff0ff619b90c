"""The mail that a node's contact gets once a day: about that node alone, in good days and bad.

It has nothing of the federation's conditions, since their messages name other nodes, and no counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta

from saltext_mip import arguments
from saltext_mip.results import MemberInfo, ReportedProblem, StatusResult, value_or
from saltext_mip.text import shown, when
from saltext_mip.watch.message import LINE, NAME, SUBJECT
from saltext_mip.watch.page.view import service_state
from saltext_mip.watch.settings import Contacts

LISTED = 30  # problems, and those that are resolved


def due(last: str, now: float, contacts: Contacts | None) -> tuple[Collection[str], str]:
    """The nodes whose contacts get a mail now, and the date to remember.

    ``last`` is the date that was remembered. A date is served once: in whatever order the clock
    shows its hours, and however often. The first mails are those of the next time.
    """
    if contacts is None:
        return (), ""
    at, zone = arguments.daily(contacts.daily)
    local = datetime.fromtimestamp(now, zone)
    today, reached, day = local.date(), local.time() >= at, timedelta(days=1)
    served = date.fromisoformat(last) if last else None
    if served is None or served > today + day:  # declared since, or the clock was far ahead
        return (), (today if reached else today - day).isoformat()
    if reached and served < today:
        return contacts.channel.contacts, today.isoformat()
    return (), last


def subject(status: StatusResult, node: str) -> str:
    """``fed1 PROBLEM: chuv``."""
    bad = any(each.severity == "error" for each in _problems(status, node))
    word = "PROBLEM" if bad else "OK"
    name = value_or(status.nodes[node].hospital, None) or node
    return f"{shown(status.federation, NAME)} {word}: {shown(name)}"[:SUBJECT]


def text(status: StatusResult, node: str) -> str:
    """The whole mail."""
    return "\n".join([*_lines(status, node), ""])


def _lines(status: StatusResult, node: str) -> Iterator[str]:
    info = status.nodes[node]
    hospital = value_or(info.hospital, None)
    of = f", hospital {shown(hospital, LINE)}" if hospital else ""
    yield f"Federation {shown(status.federation)}{of}, node {shown(node)}"
    if observed := value_or(status.observed, None):
        yield f"Observed: {when(observed.at)}"
    yield ""
    yield f"Node: {_state(info)}"
    for name, service in sorted(status.services.items()):
        if service.node == node:
            yield f"Service {shown(name, LINE)}: {service_state(service).text}"
    problems = _problems(status, node)
    yield ""
    yield "Problems:" if problems else "No problems."
    for problem in problems[:LISTED]:
        yield from _problem(problem)
    if len(problems) > LISTED:
        yield "  and more: call the operators"
    resolved = [each for each in value_or(status.resolved, []) if each.node == node]
    if resolved:
        yield ""
        yield "Resolved since yesterday:"
    for problem in resolved[:LISTED]:
        yield f"  {problem.rule} {_place(problem)}".rstrip()
    yield ""
    yield "Call: the operators of the federation; an answer to this mail reaches them."
    yield "This mail comes once a day and is about this node only."


def _problems(status: StatusResult, node: str) -> list[ReportedProblem]:
    return [each for each in status.problems if each.node == node]


def _problem(problem: ReportedProblem) -> Iterator[str]:
    yield f"  {problem.rule} {_place(problem)}".rstrip()
    yield f"    What: {shown(problem.message, LINE)}"
    if since := value_or(problem.since, None):
        yield f"    Since: {when(since)}"
    yield f"    To do: {shown(problem.hint, LINE)}"


def _place(problem: ReportedProblem) -> str:
    return shown("/".join(filter(None, (problem.pathology, problem.file))), LINE)


def _state(info: MemberInfo) -> str:
    if not info.enabled:
        return "disabled by an operator"
    if info.up is None:
        return "not known yet"
    return "responds" if info.up else "does not respond"

"""Statuses as the page shows them: of a healthy federation, a degraded one, one with odd names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

from msgspec import structs

from saltext_mip.conditions import Condition, Status
from saltext_mip.problems import Problem
from saltext_mip.results import (
    GenerationSummary,
    ListedDataset,
    MemberInfo,
    Observed,
    PathologyStatus,
    PortalPart,
    ReportedCondition,
    ReportedProblem,
    ServiceInfo,
    StatusResult,
    Usability,
)

NOW = datetime(2026, 3, 12, 4, 5, 23, tzinfo=UTC)
AT = "2026-03-12T04:05:00+00:00"
SINCE = "2026-03-11T23:10:00+00:00"
CODES = ("edsd", "ppmi", "adni", "chuv", "lille", "niguarda", "brescia", "rennes")


def condition(type_: str, status: Status, reason: str, message: str = "") -> ReportedCondition:
    return ReportedCondition.of(Condition(type_, status, reason, message, SINCE, 7))


GOOD = (
    condition("Ready", "True", "AsDeclared", "all services match the declaration and are serving"),
    condition("WorkersReachable", "True", "AllAnswer", "all nodes respond"),
    condition("DataValid", "True", "NoProblems", "all files match their CDEs"),
    condition("Served", "True", "Serving"),
)


def worker(number: int, **facts: object) -> MemberInfo:
    base = MemberInfo(
        role="worker",
        short=f"wk{number}",
        address=f"10.0.0.{number}",
        hospital=f"hospital-{number}",
        contact=f"data{number}@hospital.example",
        enabled=True,
        up=True,
        since=SINCE,
        swarm="ready",
    )
    return structs.replace(base, **facts)


def healthy(hospitals: int = 3, datasets: int = 4, federation: str = "fed1") -> StatusResult:
    nodes = {f"{federation}-wk-h{n}": worker(n) for n in range(1, hospitals + 1)}
    names = list(nodes)
    codes = [CODES[n] if n < len(CODES) else f"dataset{n}" for n in range(datasets)]
    found = {code: names[number % 2 :: 2] or names for number, code in enumerate(codes)}
    listed = [
        ListedDataset(pathology="dementia", dataset=code, node=node, available=True)
        for code, having in found.items()
        for node in having
    ]
    part = PortalPart(service="frontend", answers=True)
    return StatusResult(
        federation=federation,
        ok=True,
        sync="Synced",
        health="Healthy",
        conditions=list(GOOD),
        generation=7,
        nodes=nodes,
        services={
            f"{federation}_exareme-{node}": ServiceInfo(
                node=node, image="hbpmip/exareme:24.5.1", replicas="1/1", serving=True
            )
            for node in names
        },
        pathologies={
            "dementia": PathologyStatus(
                datasets=found, compiled=names, stale={}, served=True, generation=7
            )
        },
        usable=Usability(answer="yes", portal=part, backend=part, datasets=listed),
        problems=[],
        resolved=[],
        observed=Observed(at=AT, seconds=2.5, next="2026-03-12T04:06:00+00:00"),
    )


def problem(rule: str, node: str, since: str = SINCE, **more: object) -> ReportedProblem:
    made = ReportedProblem.of(Problem(rule, node=node, **more), f"call {node}")
    return structs.replace(made, since=since, state="new")


def degraded() -> StatusResult:
    """The second hospital is missing, and the first has a bad file."""
    base = healthy()
    gone = "fed1-wk-h2"
    usable = structs.replace(
        base.usable,
        answer="in part",
        datasets=[
            structs.replace(each, available=False, reason="the node does not respond")
            if each.node == gone
            else each
            for each in base.usable.datasets
        ],
    )
    message = f"{gone}: the node did not respond"
    changed = {
        "Ready": condition("Ready", "False", "WorkerMissing", f"WorkersReachable: {message}"),
        "WorkersReachable": condition("WorkersReachable", "False", "WorkerMissing", message),
        "DataValid": condition("DataValid", "False", "DataProblems", "1 problem in generation 7"),
    }
    return structs.replace(
        base,
        ok=False,
        health="Degraded",
        conditions=[changed.get(each.type, each) for each in base.conditions],
        nodes={**base.nodes, gone: worker(2, up=False, reason="no sign of life for 3 rounds")},
        usable=usable,
        problems=[
            problem("WorkerMissing", gone, "2026-03-12T03:40:00+00:00"),
            problem("UnknownColumn", "fed1-wk-h1", pathology="dementia", file="edsd.csv"),
        ],
    )


def held() -> StatusResult:
    base = healthy()
    text = "dementia: edsd on fed1-wk-h1: its file has no rows any more"
    return structs.replace(
        base,
        ok=False,
        health="Suspended",
        conditions=[
            *base.conditions,
            condition("Suspended", "True", "SuspendedByPerson", "by anna: moving the master"),
            condition("Held", "True", "ShrinkGuard", text),
        ],
    )


def generations(number: int = 3) -> list[GenerationSummary]:
    """The newest first."""
    return [
        GenerationSummary(
            generation=each,
            when=(datetime(2026, 1, 1, 4, tzinfo=UTC) + timedelta(hours=each)).isoformat(),
            actor="controller",
            note=None,
            added=[["dementia", CODES[each % len(CODES)]]],
            removed=[["dementia", "old"]] if each % 2 else [],
            wrote=[],
            pending=[],
            problems=0,
        )
        for each in range(number, 0, -1)
    ]


class Page(HTMLParser):
    """A page as a browser reads it: ``text``, its headings, and each table by its heading."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.headings: list[tuple[int, str]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self._open: list[str] = []
        self._rows: list[list[str]] = []
        self.feed(html.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("meta", "link"):
            return
        self._open.append(tag)
        if tag in ("p", "li", "h1", "h2", "h3", "div"):
            self.text += " "
        if tag in ("h1", "h2", "h3"):
            self.headings.append((int(tag[1]), ""))
        elif tag == "table":
            self._rows = self.tables.setdefault(self.headings[-1][1].strip(), [])
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"style", "script"} & set(self._open):
            return
        self.text += data
        if {"h1", "h2", "h3"} & set(self._open):
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)
        if {"td", "th"} & set(self._open):
            self._rows[-1][-1] += data

    def words(self) -> str:
        """The text with single blanks."""
        return " ".join(self.text.split())

    def column(self, table: str, name: str) -> list[str]:
        """The cells below a header."""
        header, *rows = self.tables[table]
        index = header.index(name)
        return [" ".join(row[index].split()) for row in rows if len(row) == len(header)]

    def titles(self, level: int) -> Iterator[str]:
        for found, text in self.headings:
            if found == level:
                yield " ".join(text.split())

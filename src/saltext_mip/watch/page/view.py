"""What the status page shows, from an observation. Pure: the moment is an argument.

Texts are as they came: the template escapes them. There are no counts of rows and of violations.
What was observed too long ago is not known any more, so nothing of it counts as good.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import UNSET, structs

from saltext_mip.conditions import severity
from saltext_mip.results import (
    GenerationSummary,
    ListedDataset,
    MemberInfo,
    ReportedProblem,
    ServiceInfo,
    StatusResult,
    value_or,
)
from saltext_mip.text import duration, first_of, size, when
from saltext_mip.watch.page.model import (
    ConditionRow,
    DatasetRow,
    GenerationRow,
    Limits,
    Moment,
    NodeRow,
    PageView,
    ProblemRow,
    ServiceRow,
    State,
    Style,
)

LATE = 300.0  # seconds after which an observation that is due counts as missing
NAMED = 20  # datasets that a generation's line names
#: The conditions that an operator decides about, or has to act on first.
DECISIONS = ("Suspended", "Held", "Stalled", "ForgedAnswer")
_STYLES: Mapping[str, Style] = {"good": "good", "warning": "warn", "bad": "bad"}


def is_stale(status: StatusResult | None, now: datetime) -> bool:
    """Whether nobody observes: there is no observation, or the next one is long due."""
    observed = value_or(status.observed, None) if status else None
    if observed is None:
        return True
    return now > datetime.fromisoformat(observed.next) + timedelta(seconds=LATE)


def part_of(status: StatusResult, node: str) -> StatusResult:
    """What concerns that node only: the rest of the federation is neither named nor counted."""
    others = [
        name
        for each, facts in status.nodes.items()
        for name in (each, value_or(facts.hospital, None))
        if name and each != node
    ]

    def own(problems: Iterable[ReportedProblem]) -> list[ReportedProblem]:
        return [
            structs.replace(each, about=None)
            if any(name in (each.about or "") for name in others)
            else each
            for each in problems
            if each.node == node
        ]

    pathologies = {
        name: structs.replace(
            of,
            datasets={code: [node] for code, nodes in of.datasets.items() if node in nodes},
            compiled=[each for each in of.compiled if each == node],
            stale={each: why for each, why in of.stale.items() if each == node},
        )
        for name, of in status.pathologies.items()
        if any(node in nodes for nodes in of.datasets.values())
    }
    usable = value_or(status.usable, None)
    if usable is not None:
        listed = [each for each in usable.datasets if each.node == node]
        usable = structs.replace(usable, datasets=listed)
    return structs.replace(
        status,
        conditions=[],
        nodes={each: facts for each, facts in status.nodes.items() if each == node},
        services={name: each for name, each in status.services.items() if each.node == node},
        pathologies=pathologies,
        usable=UNSET if usable is None else usable,
        todo=UNSET,
        problems=own(status.problems),
        resolved=own(value_or(status.resolved, [])),
    )


def view(
    status: StatusResult,
    generations: Sequence[GenerationSummary],
    now: datetime,
    *,
    node: str = "",
    limits: Limits | None = None,
    live: bool = False,
) -> PageView:
    """The page of ``status``; with ``node`` (a minion id) the part of that node only.

    ``generations``: the newest first. ``live``: the status was made now, not by the observer.
    """
    limits = limits or Limits()
    if node:
        status, generations = part_of(status, node), ()
    stale = not live and is_stale(status, now)
    made = _View(status, now, stale=stale)
    observed = value_or(status.observed, None)
    at = observed.at if observed else now.astimezone(UTC).isoformat(timespec="seconds")
    columns = made.columns()
    datasets = made.datasets(columns[: limits.hospitals])
    problems = made.problems(status.problems)
    conditions = made.conditions()
    return PageView(
        federation=status.federation,
        node=node,
        summary=made.node_summary(node) if node else made.summary(),
        usable=None if node else made.usable(),
        observed=made.moment(at) if observed or live else None,
        seconds=observed.seconds if observed else 0.0,
        stale=stale,
        decisions=tuple(each for each in conditions if each.type in DECISIONS),
        problems=problems[: limits.problems],
        resolved=made.problems(value_or(status.resolved, []))[: limits.problems],
        conditions=conditions,
        hospitals=tuple(made.hospital(each) for each in columns[: limits.hospitals]),
        datasets=datasets[: limits.datasets],
        nodes=made.nodes()[: limits.nodes],
        services=made.services()[: limits.services],
        generations=made.generations(generations)[: limits.generations],
        omitted={
            "problems": max(0, len(problems) - limits.problems),
            "datasets": max(0, len(datasets) - limits.datasets),
            "hospitals": max(0, len(columns) - limits.hospitals),
            "nodes": max(0, len(status.nodes) - limits.nodes),
            "services": max(0, len(status.services) - limits.services),
        },
        limits=limits,
    )


class _View:
    """The parts of one page."""

    def __init__(self, status: StatusResult, now: datetime, *, stale: bool) -> None:
        self._status = status
        self._now = now
        self._stale = stale

    def state(self, style: Style, text: str) -> State:
        """The state; of what was good once it is not known whether it still is."""
        return (
            State("plain", f"was {text}") if self._stale and style == "good" else State(style, text)
        )

    def moment(self, iso: str) -> Moment:
        then = datetime.fromisoformat(iso)
        utc = then.replace(tzinfo=then.tzinfo or UTC).astimezone(UTC)
        seconds = max(0.0, (self._now - utc).total_seconds())
        text = utc.isoformat(timespec="seconds")
        return Moment(text, when(text), f"{duration(seconds)} ago")

    def summary(self) -> State:
        if self._stale:
            return State("warn", "Unknown")
        found = [severity(each.type, each.status, each.reason) for each in self._status.conditions]
        style: Style = "bad" if "bad" in found else "good" if self._status.ok else "warn"
        return State(style, f"{self._status.health}, {self._status.sync}")

    def node_summary(self, node: str) -> State:
        if self._stale:
            return State("warn", "Unknown")
        if node not in self._status.nodes:
            return State("warn", "not declared any more")
        facts = self._status.nodes[node]
        if (
            facts.enabled
            and facts.up
            and any(each.severity == "error" for each in self._status.problems)
        ):
            return State("bad", "responds, with problems")
        return self._node_state(facts)

    def usable(self) -> State | None:
        usable = value_or(self._status.usable, None)
        if usable is None:
            return None
        texts: Mapping[str, tuple[Style, str]] = {
            "yes": ("good", "Researchers can use it"),
            "in part": ("warn", "Researchers can use it in part"),
            "no": ("bad", "Researchers cannot use it"),
            "unknown": ("warn", "Not known whether researchers can use it"),
        }
        if self._stale:
            return State(*texts["unknown"])
        return State(*texts[usable.answer])

    def conditions(self) -> tuple[ConditionRow, ...]:
        return tuple(
            ConditionRow(
                each.type,
                self.state(_STYLES[severity(each.type, each.status, each.reason)], each.status),
                each.reason,
                self.moment(each.since) if each.since else None,
                each.message,
                "" if severity(each.type, each.status, each.reason) == "good" else each.hint,
            )
            for each in self._status.conditions
        )

    def problems(self, found: Iterable[ReportedProblem]) -> tuple[ProblemRow, ...]:
        """The oldest first; notes are left out."""
        rows = [
            ProblemRow(
                each.rule,
                State("bad" if each.severity == "error" else "warn", each.severity),
                self._place(each),
                each.state == "new",
                self.moment(since) if (since := value_or(each.since, "")) else None,
                f"{each.message} ({each.about})" if each.about else each.message,
                each.hint,
                each.contact or "",
            )
            for each in found
            if each.severity != "note"
        ]
        return tuple(sorted(rows, key=lambda row: (row.since is None, row.since and row.since.iso)))

    def _place(self, problem: ReportedProblem) -> str:
        parts = [problem.node, problem.pathology, problem.file, problem.column]
        line = f", line {problem.line}" if problem.line else ""
        return "/".join(part for part in parts if part) + line

    def columns(self) -> list[str]:
        """The nodes that have datasets, or could."""
        nodes = self._status.nodes
        having = {
            node
            for of in self._status.pathologies.values()
            for found in of.datasets.values()
            for node in found
        }
        known = [node for node, facts in nodes.items() if facts.role == "worker" or node in having]
        return [*known, *sorted(having - set(known))]

    def hospital(self, node: str) -> tuple[str, str]:
        facts = self._status.nodes.get(node)
        if facts is None:
            return node, ""
        return facts.short, value_or(facts.hospital, None) or ""

    def datasets(self, columns: Sequence[str]) -> tuple[DatasetRow, ...]:
        usable = value_or(self._status.usable, None)
        listed = {
            (each.pathology, each.dataset, each.node): each
            for each in (usable.datasets if usable else ())
        }
        return tuple(
            DatasetRow(
                pathology,
                code,
                tuple(
                    self._dataset(listed.get((pathology, code, node))) if node in nodes else None
                    for node in columns
                ),
            )
            for pathology, of in self._status.pathologies.items()
            for code, nodes in of.datasets.items()
        )

    def _dataset(self, listed: ListedDataset | None) -> State:
        if listed is None or listed.available is None:
            return State("warn", "not known")
        if listed.available:
            return self.state("good", "available")
        why = value_or(listed.reason, "")
        return State("bad", f"not available: {why}" if why else "not available")

    def nodes(self) -> tuple[NodeRow, ...]:
        return tuple(
            NodeRow(
                node,
                facts.short,
                facts.role,
                value_or(facts.hospital, None) or "",
                self._node_state(facts),
                self.moment(facts.since) if facts.since else None,
                facts.swarm or "not a member",
                _versions(facts),
                "" if (free := value_or(facts.free, None)) is None else size(free),
            )
            for node, facts in self._status.nodes.items()
        )

    def _node_state(self, facts: MemberInfo) -> State:
        for word, override in (("disabled", facts.disabled), ("drained", facts.drained)):
            if (by := value_or(override, None)) is not None:
                until = f" until {when(by.until)}" if by.until else ""
                why = f": {by.reason}" if by.reason else ""
                return State("warn", f"{word} by {by.actor}{until}{why}")
        if not facts.enabled:
            return State("warn", "disabled")
        if facts.up is None:
            return State("warn", "not known")
        if facts.up:
            return self.state("good", "responds")
        why = value_or(facts.reason, "")
        return State("bad", f"no response: {why}" if why else "no response")

    def services(self) -> tuple[ServiceRow, ...]:
        return tuple(
            ServiceRow(
                name,
                each.node,
                self._service_state(each),
                each.replicas,
                each.image,
                value_or(each.error, ""),
            )
            for name, each in self._status.services.items()
        )

    def _service_state(self, each: ServiceInfo) -> State:
        found = service_state(each)
        return self.state(found.style, found.text)

    def generations(self, found: Iterable[GenerationSummary]) -> tuple[GenerationRow, ...]:
        return tuple(
            GenerationRow(
                each.generation,
                self.moment(each.when),
                each.actor,
                each.note or "",
                _names(each.added),
                _names(each.removed),
                not value_or(each.before_removed, False),
            )
            for each in found
        )


def service_state(each: ServiceInfo) -> State:
    """What a service does, as it was observed."""
    if each.switched_off:
        return State("plain", "switched off in the pillar")
    if each.stopped:
        return State("warn", "stopped by an operator")
    if each.completed:
        return State("good", "completed")
    if each.serving is None:
        return State("warn", "not known")
    return State("good", "serving") if each.serving else State("bad", "not serving")


def _names(pairs: Iterable[Sequence[str]]) -> str:
    return first_of([f"{pathology}: {dataset}" for pathology, dataset in pairs], NAMED)


def _versions(facts: MemberInfo) -> str:
    found = value_or(facts.versions, None)
    return f"mip {found.mip}, Salt {found.salt}, Docker {found.docker}" if found else ""

"""One generation with all that is recorded of it; or the federation as it was at a moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET

from saltext_mip import arguments
from saltext_mip.errors import Misuse, Refused
from saltext_mip.federation import CDE_FILE
from saltext_mip.generations import diff as difference
from saltext_mip.generations import open_problems
from saltext_mip.generations.generation import Generation
from saltext_mip.problems import Problem
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.generations.history import last_generation
from saltext_mip.results import (
    Decision,
    Event,
    ShownDataset,
    ShownFile,
    ShowResult,
    UnavailableNode,
)
from saltext_mip.text import when


def show(pusher: Pusher, number: Any = None, at: Any = None) -> ShowResult:
    """Generation ``number``, that which was current ``at`` a moment, or the last one.

    With ``at`` also what was available then, as far as events tell.
    """
    if number is not None and at is not None:
        raise Misuse("Name a generation, or a moment with at=, not both.")
    moment = None if at is None else arguments.past(at, pusher.now())
    if moment is not None:
        generation = _current_at(pusher, moment)
    elif number is not None:
        generation = pusher.store.load(arguments.generation_number(number))
    else:
        generation = last_generation(pusher)
    numbers = pusher.store.numbers()
    before = generation.number - 1
    previous = pusher.store.load(before) if before in numbers else None
    after = next((each for each in numbers if each > generation.number), None)
    replaced = None if after is None else pusher.store.load(after)
    line = difference.summary(generation, previous)
    events = pusher.store.event_log.events()
    then = None if moment is None else _Then.at(events, moment)
    current = generation if replaced else open_problems.known(pusher.state, generation)
    problems = (current or generation).problems
    return ShowResult(
        federation=pusher.federation.name,
        generation=generation.number,
        when=generation.when,
        actor=generation.actor,
        note=generation.note,
        approved=_approval(events, generation, previous) or UNSET,
        replaced=UNSET if replaced is None else replaced.number,
        until=UNSET if replaced is None else replaced.when,
        at=UNSET if moment is None else moment,
        added=line.added,
        removed=line.removed,
        before_removed=line.before_removed,
        datasets=list(_datasets(generation, then)),
        files=list(_files(generation)),
        wrote=[
            f"{node}: {'pathologies.json' if name is None else f'{name}/{CDE_FILE}'}"
            for node, _, name in generation.wrote
        ],
        pending=list(generation.pending),
        unavailable=list(then.nodes(pusher)) if then else UNSET,
        suspended=then.suspended if then and then.suspended else UNSET,
        events_since=then.since or UNSET if then else UNSET,
        problems=pusher.report(
            Problem.from_wire(
                each.get("node") or "", {key: of for key, of in each.items() if key != "node"}
            ).at(node=each.get("node"))
            for each in problems
        ),
    )


def _current_at(pusher: Pusher, moment: str) -> Generation:
    """The last generation that was committed by then."""
    last = last_generation(pusher)
    for number in reversed(pusher.store.numbers()):
        generation = last if number == last.number else pusher.store.load(number)
        if generation.when <= moment:
            return generation
    numbers = pusher.store.numbers()
    first = pusher.store.load(numbers[0])
    removed = " Older ones were removed to limit disk use." if first.number > 1 else ""
    raise Refused(
        f"No record of {when(moment)}: generation {first.number} is the oldest that is"
        f" kept, and was committed at {when(first.when)}.{removed}"
    )


def _approval(
    events: Sequence[Event], generation: Generation, previous: Generation | None
) -> Decision | None:
    """Who approved the removals of the generation: the last approval before it was committed."""
    since = previous.when if previous else ""
    found = [
        each for each in events if each.what == "approved" and since <= each.when <= generation.when
    ]
    if not found:
        return None
    return Decision(actor=found[-1].actor, when=found[-1].when, message=found[-1].message)


@dataclass
class _Then:
    """What events tell of a moment: nodes that were out, and whether refreshes were suspended."""

    since: str = ""
    suspended: Decision | None = None
    out: dict[str, UnavailableNode] = field(default_factory=dict)
    disabled: dict[str, UnavailableNode] = field(default_factory=dict)
    ended: dict[str, tuple[str, UnavailableNode]] = field(default_factory=dict)
    """By node, or ``""`` for all: the kind of the event that ended its services, and it."""

    @classmethod
    def at(cls, events: Sequence[Event], moment: str) -> _Then:
        then = cls(since=events[0].when if events else "")
        for event in sorted(events, key=lambda each: (each.when, each.number)):
            if event.when > moment:
                break
            then._take(event)
        return then

    def _take(self, event: Event) -> None:
        who = Decision(actor=event.actor, when=event.when, message=event.message)
        by = f" by {event.actor}" if event.actor else ""
        match event.what:
            case "missing":
                self._out(self.out, event, "no response")
            case "back":
                self.out.pop(event.about, None)
            case "disabled":
                self._out(self.disabled, event, f"disabled{by}")
            case "enabled":
                self.disabled.pop(event.about, None)
            case "stopped" | "removed":
                self._end(event, f"services {event.what}{by}")
            case "drained":
                self._end(event, f"drained{by}")
            case "started" | "undrained":
                self._running(event.about)
            case "deployed":  # what is stopped or drained remains so
                self._keep("stopped", "drained")
            case "suspended" | "rolledback":
                self.suspended = who
            case "resumed":
                self.suspended = None

    def _out(self, kind: dict[str, UnavailableNode], event: Event, why: str) -> None:
        kind[event.about] = _unavailable(event, why)

    def _end(self, event: Event, why: str) -> None:
        """A worker that is drained remains so when all services are stopped."""
        if not event.about:
            self._keep(*(("drained",) if event.what == "stopped" else ()))
        self.ended[event.about] = event.what, _unavailable(event, why)

    def _running(self, about: str) -> None:
        """A drained node remains so when all services are started."""
        if about:
            self.ended.pop(about, None)
        else:
            self._keep("drained")

    def _keep(self, *kinds: str) -> None:
        self.ended = {about: each for about, each in self.ended.items() if each[0] in kinds}

    def why(self, node: str) -> str | None:
        """Why a node was not available then."""
        for kind in (self.disabled, self.out, self._without_services()):
            for about in (node, ""):
                if about in kind:
                    return f"{kind[about].reason}, since {when(kind[about].since)}"
        return None

    def nodes(self, pusher: Pusher) -> Iterator[UnavailableNode]:
        """The nodes that were out, in the pillar's order; others after them."""
        order = {node: nth for nth, node in enumerate(pusher.federation.ids)}
        ended = self._without_services()
        found = [*self.disabled.values(), *self.out.values(), *ended.values()]
        yield from sorted(found, key=lambda each: order.get(each.node, len(order)))

    def _without_services(self) -> dict[str, UnavailableNode]:
        return {about: each for about, (_, each) in self.ended.items()}


def _unavailable(event: Event, why: str) -> UnavailableNode:
    message = f": {event.message}" if event.message else ""
    return UnavailableNode(node=event.about, reason=f"{why}{message}", since=event.when)


def _datasets(generation: Generation, then: _Then | None) -> Iterator[ShownDataset]:
    """Each dataset with its nodes."""
    for name, codes in sorted(generation.pathologies.items()):
        for code, nodes in codes.items():
            why = {node: then.why(node) for node in nodes} if then else {}
            yield ShownDataset(
                pathology=name,
                dataset=code,
                nodes=list(nodes),
                unavailable={node: each for node, each in why.items() if each} or UNSET,
            )


def _files(generation: Generation) -> Iterator[ShownFile]:
    """The manifest: what was served of each node's files."""
    for node, below in sorted(generation.files.items()):
        for name, files in sorted(below.items()):
            for each in files:
                yield ShownFile(
                    node=node,
                    pathology=name,
                    file=each.name,
                    datasets=dict(each.datasets),
                    rows=each.rows,
                    size=each.size,
                    sha256=each.sha256,
                    kept=each.kept or UNSET,
                )

"""The surroundings of a command on the pusher: federation, state, nodes, operator."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from saltext_mip.errors import BadAnswer
from saltext_mip.federation import Federation, Node
from saltext_mip.generations import open_problems
from saltext_mip.generations.store import Store
from saltext_mip.problems import Problem
from saltext_mip.pusher import forgeries
from saltext_mip.pusher.answers import Answers
from saltext_mip.results import Event, EventKind, ReportedProblem
from saltext_mip.sealing import Binding
from saltext_mip.secret import Secret
from saltext_mip.storage.state import FEDERATION_LOCK
from saltext_mip.text import shown, when

Progress = Callable[[str], None]


# Seconds for steps that may have to read or rewrite all of a node's files: gigabytes, maybe on a
# slow disk. A node that does not report that it runs the job is missing long before that; the
# limit is for a disk that hangs at one hospital, which must not block the others for ever.
LIMITS = {"inventory": 900.0, "verify": 900.0, "compile_databases": 3600.0}


class Asking(Protocol):
    """Sends one job to many nodes and returns their answers."""

    def ask(
        self,
        function: str,
        targets: Sequence[str],
        arguments: Sequence[Any] = (),
        *,
        timeout: float | None = None,
        progress: Progress | None = None,
        **keywords: Any,
    ) -> Answers:
        """Run ``function`` on all ``targets`` at once and wait for them; unpack packed values."""


class Waiting:
    """Progress of what is waited for, called every few seconds: one line when it changes."""

    def __init__(self, progress: Progress, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress = progress
        self._clock = clock
        self._begin = clock()
        self._reported = ""

    def __call__(self, text: str) -> None:
        if text == self._reported:
            return
        self._reported = text
        self._progress(f"{text} (for {self._clock() - self._begin:.0f} s)")


def _no_key(_text: str, binding: Binding) -> Secret:
    raise BadAnswer("no key found to decrypt what it sent", node=binding.node)


@dataclass(frozen=True)
class MasterProblem:
    """A setting of the Salt master, or a right of its user, that is in the way."""

    name: str
    fix: str
    message: str


@dataclass(frozen=True)
class Pusher:
    """A command's surroundings.

    ``fire(event, data)`` puts an event on Salt's bus; ``actor`` is the operator.
    """

    federation: Federation
    state: Path
    nodes: Asking
    store: Store
    progress: Progress
    fire: Callable[[str, Mapping[str, Any]], None]
    actor: str
    now: Callable[[], datetime]
    # opens a text that a node sealed for the Salt master's key
    unseal: Callable[[str, Binding], Secret] = _no_key
    master_problems: tuple[MasterProblem, ...] = ()
    # whether the Salt master is configured to run the controller
    has_controller: bool = False

    @contextmanager
    def locked(
        self, command: str, timeout: float, *, name: str = FEDERATION_LOCK
    ) -> Iterator[None]:
        """Hold the federation's lock, or that ``name``; wait up to ``timeout`` seconds for it."""
        holder = f"mip.{command} of {self.actor} since {self.now():%Y-%m-%d %H:%M:%S} UTC"
        with self.store.lock(
            self.federation.name,
            holder,
            wait=timeout,
            waiting=lambda who: self.progress(f"waiting up to {timeout:g} s for {who}"),
            name=name,
        ):
            yield

    def record(
        self,
        what: EventKind,
        *,
        about: str = "",
        message: str = "",
        generation: int | None = None,
        actor: str | None = None,
    ) -> None:
        """Add an event to the event log (``mip.events``), with control characters escaped.

        ``actor`` is empty for an event that no operator caused.
        """
        who = self.actor if actor is None else actor
        when = self.now().isoformat(timespec="seconds")
        event = Event.of(when, what, shown(who), shown(about), shown(message), generation)
        self.store.event_log.append(event)

    def report(self, problems: Iterable[Problem]) -> list[ReportedProblem]:
        """The problems as people and programs see them: with the contact of their node."""
        contacts = {node.id: node.contact for node in self.federation.nodes}
        refused = open_problems.refused(self.state)
        found = []
        for each in problems:
            place = (each.node or "", each.pathology or "", each.file or "")
            if each.rule == "KeptAsItWas" and place in refused:
                since = f"since {when(refused[place])}"
                found.append(ReportedProblem.of(each.at(about=since), contacts.get(place[0])))
            else:
                found.append(ReportedProblem.of(each, contacts.get(place[0])))
        return found

    def ask(
        self,
        step: str,
        targets: Sequence[str],
        *,
        within: float | None = None,
        progress: Progress | None = None,
        **arguments: Any,
    ) -> Answers:
        """Run a function of ``federation_node`` on these nodes, for at most ``within`` seconds.

        ``progress`` is called now and then while it runs; default: the command's. A node whose
        pillar differs from the pusher's gets it refreshed once and is asked again; if it still
        differs, the node has failed.
        """
        waiting = progress or Waiting(self.progress)
        answers = self._ask(step, targets, arguments, within, waiting)
        stale = _stale(answers)
        if not stale:
            return answers
        self.progress(f"refreshing the pillar of {', '.join(stale)}")
        self._refresh_pillar(stale)
        again = self._ask(step, stale, arguments, within, waiting)
        message = "its pillar declares the federation differently than the pusher's"
        still = dict.fromkeys(_stale(again), message)
        return Answers(
            {
                node: value
                for node, value in {**answers.values, **again.values}.items()
                if node not in still and (node not in stale or node in again.values)
            },
            {**answers.missing, **again.missing},
            {**answers.failed, **again.failed, **still},
            invalid=answers.invalid | again.invalid,
            versions={**answers.versions, **again.versions},
            reasons={**answers.reasons, **again.reasons},
        )

    def ask_within(self, step: str, targets: Sequence[str], timeout: float) -> Answers:
        """The same for a quick observation: a node with an outdated pillar has failed."""
        head = [self.federation.name, self.federation.digest]
        answers = self._heard(
            step, self.nodes.ask(f"federation_node.{step}", targets, head, timeout=timeout)
        )
        message = "its pillar is outdated: run saltutil.refresh_pillar"
        stale = dict.fromkeys(_stale(answers), message)
        return replace(
            answers,
            values={node: value for node, value in answers.values.items() if node not in stale},
            failed={**answers.failed, **stale},
        )

    def refresh_pillar(self, node: Node) -> bool:
        """Have a node refresh the pillar in its memory; whether it did."""
        return self._refresh_pillar([node.id]).values.get(node.id) is True

    def _refresh_pillar(self, targets: Sequence[str]) -> Answers:
        return self._ask("refresh_pillar", targets, {}, None, Waiting(self.progress))

    def _ask(
        self,
        step: str,
        targets: Sequence[str],
        arguments: Mapping[str, Any],
        within: float | None,
        progress: Progress,
    ) -> Answers:
        head = [self.federation.name, self.federation.digest]
        limit = LIMITS.get(step) if within is None else within
        more = {"timeout": limit, **arguments}
        return self._heard(
            step,
            self.nodes.ask(f"federation_node.{step}", targets, head, progress=progress, **more),
        )

    def _heard(self, step: str, answers: Answers) -> Answers:
        """The answers; what was forged of them is recorded, and reported once a day and node."""
        if not answers.forged:
            return answers
        names = ", ".join(sorted(answers.forged))
        self.progress(f"warning: forged answers in the name of {names} were ignored")
        for node in forgeries.remember(self.state, step, answers.forged, self.now()):
            self.record("forged", about=node, message=f"answers to {step}", actor="")
        return answers


def _stale(answers: Answers) -> list[str]:
    return [node for node, value in answers.values.items() if value == {"stale_pillar": True}]

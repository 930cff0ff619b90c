"""Observe all nodes in one job, for the status."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from saltext_mip.data.inventory.model import Status
from saltext_mip.errors import BadAnswer
from saltext_mip.federation import Node
from saltext_mip.generations import open_problems
from saltext_mip.generations.generation import Generation
from saltext_mip.pusher.answers import Answers, reasons, sanitize
from saltext_mip.pusher.compile import SentState
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.nodes_seen import record_availability
from saltext_mip.pusher.reachability import UNCERTAIN
from saltext_mip.pusher.services import client
from saltext_mip.pusher.services.client import ServicesView
from saltext_mip.pusher.status.pusher_state import Recording

Bytes = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class SentPathology(Struct, frozen=True):
    """A pathology of one node: the SHA-256 of its CDE, and those of its files by name.

    ``written`` are files that a program has open for writing: they count as they were. ``unknown``
    is why nothing is known of the files: all of them count as they were.
    """

    cde: str | None
    files: dict[str, str]
    written: list[str] = field(default_factory=list)
    unknown: Literal["MountGone", "Unreadable", "TooManyFiles"] | None = None


class SentData(Struct, frozen=True):
    """The data path of one node; ``about`` is why it is not ``ok``, where more is known.

    ``open`` are files, by pathology, that a program has open and has not written for ten minutes.
    """

    status: Status
    pathologies: dict[str, SentPathology] = field(default_factory=dict)
    about: str | None = None
    open: dict[str, list[str]] = field(default_factory=dict)


class SentSwarm(Struct, frozen=True):
    """Of a node's place in the Swarm: the version of its ``docker``."""

    docker: str | None = None


class SentStatus(Struct, frozen=True):
    """What one node answers for the status; ``services`` is the master's, decoded by itself.

    ``uptime``: seconds since its minion started; ``salt``: the version of its Salt; ``free``: bytes
    at its data path, or at the ui's path, where that is there. ``None`` of an earlier version.
    """

    data: SentData | None = None
    databases: dict[str, SentState] = field(default_factory=dict)
    pathologies_json: str | None = None
    services: Any = None
    services_error: str | None = None
    uptime: float | None = None
    salt: str | None = None
    free: Bytes | None = None
    swarm: SentSwarm = SentSwarm()


@dataclass(frozen=True)
class Snapshot:
    """Each node's answer; the services, or ``why`` (and the condition's ``why_reason``) they are
    unknown; the last generation.

    An invalid answer counts as that node's failure (``answers.failed``).
    """

    answers: Answers
    asked: tuple[Node, ...]
    services: ServicesView | None
    why: str
    generation: Generation | None
    why_reason: str = "NoAnswer"

    @property
    def unreachable(self) -> dict[str, str]:
        return reasons(self.answers)

    def up(self, node: str) -> bool | None:
        """Whether a node answers; ``None`` where it was not asked, or that is not known yet."""
        reason = self.answers.reasons.get(node)
        if reason is not None and reason.rule in UNCERTAIN:
            return None
        if node in self.answers.missing:
            return False
        answered = node in self.answers.values or node in self.answers.failed
        return True if answered else None

    def answered(self) -> Iterator[tuple[Node, SentStatus]]:
        for node in self.asked:
            if node.id in self.answers.values:
                yield node, self.answers.values[node.id]


def take_snapshot(pusher: Pusher, timeout: float, recording: Recording) -> Snapshot:
    """Ask all enabled nodes at once, with ``timeout`` seconds for it."""
    disabled = pusher.store.disabled()
    asked = tuple(node for node in pusher.federation.nodes if node.id not in disabled)
    answers = pusher.ask_within("status", [node.id for node in asked], timeout).decoded(SentStatus)
    with recording.attempt():
        record_availability(pusher, answers, [node.id for node in asked])
    master = pusher.federation.master.id
    found, why = None, reasons(answers).get(master, "it is disabled")
    status: SentStatus | None = answers.values.get(master)
    if status is not None and status.services is not None:
        try:
            found, why = client.decode_services(master, status.services), ""
        except BadAnswer as exc:
            why = str(exc)
    elif status is not None:
        why = sanitize(status.services_error or "no reason given")
    if found is not None and answers.missing:
        found = _observe_again(pusher, found, timeout)
    generation = open_problems.known(pusher.state, pusher.store.last())
    reason = "NoAnswer"
    if master in disabled:
        reason = "MasterDisabled"
    elif master not in answers.missing:
        reason = "MasterFailed"
    return Snapshot(answers, asked, found, why, generation, reason)


def _observe_again(pusher: Pusher, before: ServicesView, timeout: float) -> ServicesView:
    """Observe the services again, now that some nodes are known not to respond.

    The first observation may be of a moment before they went away.
    """
    master = pusher.federation.master.id
    answers = pusher.ask_within("services", [master], timeout)
    try:
        return client.decode_services(master, answers.values[master])
    except (KeyError, BadAnswer):  # the first observation remains the best known
        return before

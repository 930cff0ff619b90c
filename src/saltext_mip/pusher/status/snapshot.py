"""Observe all nodes in one job, for the status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from saltext_mip.errors import BadAnswer
from saltext_mip.federation import Node
from saltext_mip.generations import open_problems
from saltext_mip.generations.generation import Generation
from saltext_mip.pusher import nodes
from saltext_mip.pusher.answers import Answers, sanitize
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.services import client
from saltext_mip.pusher.services.client import ServicesView


@dataclass(frozen=True)
class Snapshot:
    """Each node's answer; the services, or ``why`` they are unknown; the last generation."""

    answers: Answers
    asked: tuple[Node, ...]
    services: ServicesView | None
    why: str
    generation: Generation | None

    @property
    def unreachable(self) -> dict[str, str]:
        return {
            node: sanitize(why)
            for node, why in {**self.answers.missing, **self.answers.failed}.items()
        }

    def answered(self) -> Iterator[tuple[Node, Mapping[str, Any]]]:
        for node in self.asked:
            value = self.answers.values.get(node.id)
            if isinstance(value, Mapping):
                yield node, value


def take_snapshot(pusher: Pusher, timeout: float) -> Snapshot:
    """Ask all enabled nodes at once, with ``timeout`` seconds for it."""
    disabled = pusher.store.disabled()
    asked = tuple(node for node in pusher.federation.nodes if node.id not in disabled)
    answers = pusher.ask_within("status", [node.id for node in asked], timeout)
    nodes.record_availability(pusher, {node.id: node.id in answers.values for node in asked})
    master = pusher.federation.master.id
    found, why = None, sanitize({**answers.missing, **answers.failed}.get(master, "it is disabled"))
    value = answers.values.get(master)
    if isinstance(value, Mapping) and isinstance(value.get("services"), Mapping):
        try:
            found, why = client.decode_services(master, value["services"]), ""
        except BadAnswer as exc:
            why = str(exc)
    elif isinstance(value, Mapping):
        why = sanitize(str(value.get("services_error") or "no reason given"))
    if found is not None and answers.missing:
        found = _observe_again(pusher, found, timeout)
    generation = open_problems.known(pusher.state, pusher.store.last())
    return Snapshot(answers, asked, found, why, generation)


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

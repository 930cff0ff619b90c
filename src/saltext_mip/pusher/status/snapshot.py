"""What could be learned of all nodes in one job, and what could not, for the status."""

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
    """What could be learned: each node's answer, the services, or ``why`` they are unknown."""

    answers: Answers
    asked: tuple[Node, ...]
    services: ServicesView | None
    why: str
    generation: Generation | None

    @property
    def lost(self) -> dict[str, str]:
        return {
            node: sanitize(why)
            for node, why in {**self.answers.missing, **self.answers.failed}.items()
        }

    def there(self) -> Iterator[tuple[Node, Mapping[str, Any]]]:
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
        why = sanitize(str(value.get("services_error") or "it did not say"))
    if found is not None and answers.missing:
        found = _observe_again(pusher, found, timeout)
    generation = open_problems.known(pusher.state, pusher.store.last())
    return Snapshot(answers, asked, found, why, generation)


def _observe_again(pusher: Pusher, before: ServicesView, timeout: float) -> ServicesView:
    """The services again, now that some nodes are known to be silent.

    What the engine said when the others were asked may be of the moment before they went.
    """
    master = pusher.federation.master.id
    answers = pusher.ask_within("services", [master], timeout)
    try:
        return client.decode_services(master, answers.values[master])
    except (KeyError, BadAnswer):  # it answered a moment ago: that is what is known
        return before

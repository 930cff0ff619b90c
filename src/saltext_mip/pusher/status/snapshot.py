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
from saltext_mip.pusher.context import Answers, Pusher
from saltext_mip.pusher.gather import words
from saltext_mip.pusher.services import client as services
from saltext_mip.pusher.services.client import Look


@dataclass(frozen=True)
class Seen:
    """What could be learned: each node's answer, the services, or ``why`` they are unknown."""

    answers: Answers
    asked: tuple[Node, ...]
    look: Look | None
    why: str
    generation: Generation | None

    @property
    def lost(self) -> dict[str, str]:
        return {
            node: words(why)
            for node, why in {**self.answers.missing, **self.answers.failed}.items()
        }

    def there(self) -> Iterator[tuple[Node, Mapping[str, Any]]]:
        for node in self.asked:
            value = self.answers.values.get(node.id)
            if isinstance(value, Mapping):
                yield node, value


def look(pusher: Pusher, timeout: float) -> Seen:
    """Ask all enabled nodes at once, with ``timeout`` seconds for it."""
    disabled = pusher.store.disabled()
    asked = tuple(node for node in pusher.federation.nodes if node.id not in disabled)
    answers = pusher.ask_within("status", [node.id for node in asked], timeout)
    nodes.note(pusher, {node.id: node.id in answers.values for node in asked})
    master = pusher.federation.master.id
    found, why = None, words({**answers.missing, **answers.failed}.get(master, "it is disabled"))
    value = answers.values.get(master)
    if isinstance(value, Mapping) and isinstance(value.get("services"), Mapping):
        try:
            found, why = services.believed(master, value["services"]), ""
        except BadAnswer as exc:
            why = str(exc)
    elif isinstance(value, Mapping):
        why = words(str(value.get("services_error") or "it did not say"))
    if found is not None and answers.missing:
        found = _later(pusher, found, timeout)
    generation = open_problems.known(pusher.state, pusher.store.last())
    return Seen(answers, asked, found, why, generation)


def _later(pusher: Pusher, before: Look, timeout: float) -> Look:
    """The services again, now that some nodes are known to be silent.

    What the engine said when the others were asked may be of the moment before they went.
    """
    master = pusher.federation.master.id
    answers = pusher.ask_within("services", [master], timeout)
    try:
        return services.believed(master, answers.values[master])
    except (KeyError, BadAnswer):  # it answered a moment ago: that is what is known
        return before

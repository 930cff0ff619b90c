"""What the last deployment did not do, by node: recorded until a later one does it.

What runs may be as declared although a node's states failed or were never applied; without this
record, the status would not know of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from saltext_mip.errors import MipError
from saltext_mip.federation import Node
from saltext_mip.generations.event_log import EventLog
from saltext_mip.pusher.answers import sanitize
from saltext_mip.pusher.context import Pusher
from saltext_mip.results import ServicesResult
from saltext_mip.storage.state import DEPLOY_FAILED, SERVED, decode_state, read_state, write_state

# before the first deployment no node has the beacons
FIRST = (
    "Nothing has been deployed yet: run mip.deploy. It starts the services, and installs the"
    " watchers that notice changed data; until then run mip.consolidate after each change."
)
WHOLE = ""  # the key of an error that ended a deployment of all nodes


def failures(pusher: Pusher) -> dict[str, str]:
    """The error by minion id, of nodes that are declared and enabled; :data:`WHOLE` for all."""
    disabled = pusher.store.disabled()
    return {
        node: sanitize(why)
        for node, why in _read(pusher).items()
        if node == WHOLE or (node in pusher.federation.ids and node not in disabled)
    }


class Attempt:
    """One deployment: its caller gives it the ``result``."""

    result: ServicesResult | None = None


@contextmanager
def recorded(pusher: Pusher, chosen: Collection[Node], *, whole: bool) -> Iterator[Attempt]:
    """Record what the deployment of the ``chosen`` nodes inside the block does not do."""
    scope = {WHOLE} if whole else {node.id for node in chosen}
    attempt = Attempt()
    try:
        yield attempt
    except MipError as exc:
        _write(pusher, {**_read(pusher), **dict.fromkeys(scope, str(exc))})
        raise
    if attempt.result is None:
        raise ValueError("a deployment that ends has a result")
    failed = {
        node: of.error or "its states failed"
        for node, of in attempt.result.nodes.items()
        if of.failed
    }
    kept = {} if whole else {k: v for k, v in _read(pusher).items() if k not in scope}
    _write(pusher, {**kept, **failed})


def _read(pusher: Pusher) -> dict[str, str]:
    return decode_state(dict[str, str], read_state(pusher.state / DEPLOY_FAILED) or {})


def _write(pusher: Pusher, found: Mapping[str, str]) -> None:
    if found or _read(pusher):
        write_state(pusher.state / DEPLOY_FAILED, dict(found))


def first_steps(pusher: Pusher) -> list[str]:
    """What is left to do where nothing was ever deployed from this pusher; else nothing."""
    if read_state(pusher.state / SERVED) is not None:
        return []
    events = EventLog(pusher.state).events()
    cut = bool(events) and events[0].number > 1  # it may have held the deployment
    return [] if cut or any(event.what == "deployed" for event in events) else [FIRST]

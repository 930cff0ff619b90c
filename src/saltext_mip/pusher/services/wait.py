"""Wait until services serve, or until waiting cannot help any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from saltext_mip.errors import NodesMissing
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.services.client import ServicesView, condition_reason, observe_services
from saltext_mip.swarm.engine import Datasets, differences
from saltext_mip.swarm.observed import NODE_DOWN
from saltext_mip.swarm.request import LOST

POLL_INTERVAL = 1.0  # seconds between two looks


RETRY_INTERVAL = LOST + 5.0  # seconds after which what is forgotten by a keystore is known to be


PERMANENT_ERROR_WAIT = 12.0  # seconds for which such words must stand


NODE_DOWN_WAIT = 45.0  # seconds; after a reboot a manager takes half of it to see its nodes again


def _wait_limit(error: str) -> float | None:
    """For how many seconds to wait for a service that says this; ``None``: to the end."""
    if error == NODE_DOWN:
        return NODE_DOWN_WAIT
    return PERMANENT_ERROR_WAIT if condition_reason(error) else None


def wait_served(
    pusher: Pusher,
    wanted: Datasets,
    timeout: float,
    again: Callable[[], object] = lambda: None,
) -> tuple[str, ...]:
    """Wait until the engine answers with these datasets; what still differs when time is up.

    ``again`` is done now and then while it waits.
    """
    deadline = time.monotonic() + timeout
    next_time = time.monotonic() + RETRY_INTERVAL
    said: tuple[str, ...] = ()
    while True:
        now = differences(wanted, _observe_until(pusher, None, deadline).served)
        if not now or time.monotonic() >= deadline:
            return now
        if now != said:
            pusher.progress(f"waiting: {now[0]}")
            said = now
        if time.monotonic() >= next_time:
            again()
            next_time = time.monotonic() + RETRY_INTERVAL
        time.sleep(POLL_INTERVAL)


def _observe_until(pusher: Pusher, told: Mapping[str, str] | None, deadline: float) -> ServicesView:
    """A look while waiting: a master node that is too busy to answer is asked again."""
    while True:
        try:
            return observe_services(pusher, told)
        except NodesMissing:
            if time.monotonic() >= deadline:
                raise
        time.sleep(POLL_INTERVAL)


def wait_up(
    pusher: Pusher,
    *,
    told: Mapping[str, str] | None = None,
    only: Sequence[str] | None = None,
    timeout: float,
    done: Callable[[ServicesView], bool] = lambda _: True,
    first: ServicesView | None = None,
    again: Callable[[], object] | None = None,
) -> tuple[ServicesView, dict[str, str]]:
    """Wait until every declared service (of the nodes ``only``) serves.

    The last look, and why those that do not serve do not. What no waiting mends is not waited for.
    ``first`` is a look that was had a moment ago; ``again`` is done now and then while it waits.
    """
    deadline = time.monotonic() + timeout
    next_time = time.monotonic() + RETRY_INTERVAL
    since: dict[str, float] = {}
    said = ""
    while True:
        now, first = first or _observe_until(pusher, told, deadline), None
        waiting = now.waiting(only)
        moment = time.monotonic()
        stuck = {name: found for name, why in waiting.items() if (found := _wait_limit(why))}
        since = {name: since.get(name, moment) for name in stuck}
        lost = {name for name, when in since.items() if moment - when >= stuck[name]}
        if (not waiting and done(now)) or moment >= deadline or (lost and lost == set(waiting)):
            return now, waiting
        text = "; ".join(f"{name}: {why}" for name, why in sorted(waiting.items()))
        if text != said:
            pusher.progress(f"waiting for {text}" if text else "waiting for the Swarm")
            said = text
        if again is not None and moment >= next_time:
            again()
            next_time = time.monotonic() + RETRY_INTERVAL
        time.sleep(POLL_INTERVAL)

"""Wait until services serve, or until waiting cannot help any more.

Pillar and secrets are resolved once in a wait, not in each observation: the first one compiles them
on the master node; before the second, the copy in the node's memory is refreshed, and all later
ones use that copy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from saltext_mip.errors import MipError, NodesMissing
from saltext_mip.pusher.context import Pusher, Waiting
from saltext_mip.pusher.services import client
from saltext_mip.pusher.services.availability import disabled_hosts
from saltext_mip.pusher.services.client import ServiceState, ServicesView, condition_reason
from saltext_mip.swarm.components import KEYSTORE, MASTER, WORKER
from saltext_mip.swarm.engines.interface import NO_DATASETS, Datasets, Served, differences
from saltext_mip.swarm.observed import NODE_DOWN

POLL_INTERVAL = 1.0  # seconds between two observations
RETRY_INTERVAL = 20.0  # seconds between two tries to restore what is lost
LOOK_INTERVAL = 5.0  # seconds between two observations while a job on the master node runs
LOOK_LIMIT = 15.0  # seconds that such an observation may take
REPORT_INTERVAL = 30.0  # seconds after which progress repeats what is waited for
PERMANENT_ERROR_WAIT = 12.0  # seconds for which a permanent error must last
_NAMED = 3  # services that progress names while a job runs
NODE_DOWN_WAIT = 45.0  # seconds; a manager takes half of it to see its nodes after a reboot
STEADY = 2.0  # seconds between two observations of the same tasks: Docker's delay before a restart


class Observer:
    """Observes the services again and again until ``deadline`` (of the monotonic clock).

    A master node that is too busy to answer ``within`` so many seconds is asked again. ``first`` is
    what the caller observed a moment ago, with pillar and secrets resolved.
    """

    def __init__(
        self,
        pusher: Pusher,
        deadline: float,
        swarm_ids: Mapping[str, str] | None = None,
        *,
        first: ServicesView | None = None,
        within: float | None = None,
    ) -> None:
        self._pusher = pusher
        self._deadline = deadline
        self._within = within
        self._swarm_ids = swarm_ids
        self._declared = None if first is None else _declared(first)
        self._refreshed = False
        self._waiting = Waiting(pusher.progress)  # for the master: one for all observations

    def observe(self) -> ServicesView:
        while True:
            try:
                return self._observe()
            except NodesMissing:
                if time.monotonic() >= self._deadline:
                    raise
            time.sleep(POLL_INTERVAL)

    def _observe(self) -> ServicesView:
        if self._declared is not None and not self._refreshed:
            self._refreshed = self._pusher.refresh_pillar(self._pusher.federation.master)
        view = self._ask(compile_pillar=not self._refreshed)
        if self._refreshed and _declared(view) != self._declared:
            # services went meanwhile, or the node's copy is an old one: Salt reports a refresh as
            # done also if it was too slow
            self._refreshed = False
            view = self._ask(compile_pillar=True)
        self._declared = _declared(view)
        return view

    def _ask(self, *, compile_pillar: bool) -> ServicesView:
        return client.observe_services(
            self._pusher,
            self._swarm_ids,
            compile_pillar=compile_pillar,
            within=self._within,
            progress=self._waiting,
        )


class _Report:
    """Progress: what is waited for and for how long, when it changes and now and then."""

    def __init__(self, pusher: Pusher) -> None:
        self._pusher = pusher
        self._reported = ""
        self._since = self._when = time.monotonic()

    def waiting_for(self, text: str) -> None:
        now = time.monotonic()
        if text != self._reported:
            self._pusher.progress(f"waiting for {text}")
            self._reported, self._since, self._when = text, now, now
        elif now - self._when >= REPORT_INTERVAL:
            self._pusher.progress(f"waiting for {text} (for {now - self._since:.0f} s)")
            self._when = now


CONFIRMED = "it serves; a second observation confirms it"


class Steady:
    """Whether services stay up: two observations, :data:`STEADY` seconds apart, find the same tasks
    serving. A task that is up has run for longer than Docker waits before it starts an ended one.

    ``first`` is an earlier view, where nothing was started or restarted since: it counts.
    """

    def __init__(self, first: ServicesView | None = None) -> None:
        self._first = first
        self._tasks: Mapping[str, str | None] = {}
        self._since: float | None = None

    def lacking(self, view: ServicesView, names: Collection[str]) -> dict[str, str]:
        """The reason by name, of those services that are not steady."""
        waiting = {name: why for name, why in view.waiting().items() if name in names}
        if waiting:
            self._first = self._since = None
            return waiting
        tasks = {name: view.services[name].task for name in names}
        first, self._first = self._first, None
        if first is not None and not first.waiting().keys() & tasks.keys():
            before = first.services
            if all(name in before and before[name].task == tasks[name] for name in tasks):
                return {}
        now = time.monotonic()
        restarted = {name for name, task in tasks.items() if self._tasks.get(name, task) != task}
        if self._since is None or self._tasks != tasks:
            self._tasks, self._since = tasks, now
        elif now - self._since >= STEADY:
            return {}
        if restarted:
            return dict.fromkeys(restarted, "it restarted while it was observed")
        return dict.fromkeys(tasks, CONFIRMED)


class JobProgress:
    """Progress of a job in which a node replaces services, such as engines one by one: which do not
    serve, why, and since when. It is called while the job runs.

    It observes the services itself: what the node does is known only when its job has ended.
    """

    def __init__(self, pusher: Pusher, *, clock: Callable[[], float] = time.monotonic) -> None:
        quiet = replace(pusher, progress=lambda _: None)
        self._observer = Observer(quiet, time.monotonic(), within=LOOK_LIMIT)
        self._pusher = pusher
        self._clock = clock
        self._next_look = clock() + LOOK_INTERVAL
        self._waiting: dict[str, str] = {}
        self._since: dict[str, float] = {}
        self._reported: tuple[str, dict[str, str]] = ("", {})
        self._when = clock()

    def __call__(self, text: str) -> None:
        """``text`` names the nodes whose job runs."""
        now = self._clock()
        if now >= self._next_look:
            self._waiting = self._observed()
            self._since = {name: self._since.get(name, now) for name in self._waiting}
            self._next_look = self._clock() + LOOK_INTERVAL
        if (text, self._waiting) != self._reported or now - self._when >= REPORT_INTERVAL:
            self._pusher.progress("; ".join([text, *self._services(now)]))
            self._reported, self._when = (text, self._waiting), now

    def _services(self, now: float) -> Iterator[str]:
        for name, why in sorted(self._waiting.items())[:_NAMED]:
            yield f"{name}: {why} (for {now - self._since[name]:.0f} s)"
        if (more := len(self._waiting) - _NAMED) > 0:
            yield f"and {more} more"

    def _observed(self) -> dict[str, str]:
        try:
            view = self._observer.observe()
        except MipError as error:  # whether the node is there is for the job itself to find
            return {"services": f"unknown ({error})"}
        return view.waiting() if view.swarm else {}


def wait_served(
    pusher: Pusher,
    wanted: Datasets,
    timeout: float,
    again: Callable[[], object] = lambda: None,
    *,
    absent: Collection[str] = (),
    unlisted: Datasets = NO_DATASETS,
    first: ServicesView | None = None,
) -> tuple[tuple[str, ...], Served]:
    """Wait until these datasets are proven to be served, by engines that stay up (:class:`Steady`).

    Returns the differences left at the end of ``timeout``, and what is proven. ``again`` is called
    every :data:`RETRY_INTERVAL` while it waits. Nodes that are ``absent`` and down in the Swarm too
    are not waited for: what they served comes back with them. Nor are disabled nodes, whose engines
    may serve what they have. ``unlisted`` datasets may be served.
    ``first`` is an earlier view, where nothing restarted since.
    """
    hosts = {node.id: node.hostname for node in pusher.federation.nodes if node.id in absent}
    disabled = disabled_hosts(pusher)
    deadline = time.monotonic() + timeout
    observer = Observer(pusher, deadline)
    next_retry = time.monotonic() + RETRY_INTERVAL
    report = _Report(pusher)
    if first is not None and differences(
        wanted, first.served, apart_from=disabled, unlisted=unlisted
    ):
        first = None
    steady = Steady(first)
    while True:
        view = observer.observe()
        served = view.served
        out = disabled | {host for node, host in hosts.items() if view.down(node)}
        now = differences(wanted, served, apart_from=out, unlisted=unlisted)
        waiting = {} if now else steady.lacking(view, _engines(pusher, view, wanted, out))
        if _to_confirm(waiting):
            time.sleep(POLL_INTERVAL)
            continue
        now = now or tuple(f"{name}: {why}" for name, why in waiting.items())
        if not now or time.monotonic() >= deadline:
            return now, served
        more = f" and {len(now) - 1} more" if now[1:] else ""
        report.waiting_for(f"what is to be served: {now[0]}{more}")
        if time.monotonic() >= next_retry:
            again()
            next_retry = time.monotonic() + RETRY_INTERVAL
        time.sleep(POLL_INTERVAL)


def _engines(
    pusher: Pusher, view: ServicesView, wanted: Datasets, down: Collection[str]
) -> list[str]:
    """The services by which these datasets are served."""
    hosts = {host for codes in wanted.values() for each in codes.values() for host in each}
    ids = {node.id for node in pusher.federation.workers if node.hostname in hosts - {*down}}
    return [
        name
        for name, of in view.services.items()
        if of.short in (KEYSTORE, MASTER) or (of.short == WORKER and of.node in ids)
    ]


def wait_replaced(pusher: Pusher, name: str, old_task: str | None, timeout: float) -> str:
    """Wait until another task of the service than ``old_task`` serves; why it does not, or empty.

    An engine takes a minute or more. An error that waiting does not fix ends the wait.
    """
    deadline = time.monotonic() + timeout
    observer = Observer(pusher, deadline)
    report = _Report(pusher)
    why, since = "", time.monotonic()
    while True:
        view = observer.observe()
        of = view.services.get(name)
        if of is None or of.up is None:
            return ""  # an operator stopped or removed it meanwhile
        replaced = old_task is None or of.task != old_task
        if replaced and of.up and of.serving:
            return ""
        moment = time.monotonic()
        now = view.waiting().get(name) or "its task is being replaced"
        if now != why:
            why, since = now, moment
        limit = _wait_limit(why)
        if moment >= deadline or (limit is not None and moment - since >= limit):
            return why
        report.waiting_for(f"{name}: {why}")
        time.sleep(POLL_INTERVAL)


def wait_up(
    pusher: Pusher,
    *,
    swarm_ids: Mapping[str, str] | None = None,
    only: Sequence[str] | None = None,
    timeout: float,
    done: Callable[[ServicesView], bool] = lambda _: True,
    first: ServicesView | None = None,
    again: Callable[[], object] | None = None,
) -> tuple[ServicesView, dict[str, str]]:
    """Wait until every declared service (of the nodes ``only``) serves and ``done`` is true.

    Returns the last view, and why a service does not serve, by name. An error that waiting does not
    fix ends the wait. ``first`` is a view of a moment ago, and nothing was changed: if all serves
    there, that is enough; else they must stay up (:class:`Steady`). ``again`` is called every
    :data:`RETRY_INTERVAL` while it waits.
    """
    deadline = time.monotonic() + timeout
    observer = Observer(pusher, deadline, swarm_ids, first=first)
    next_retry = time.monotonic() + RETRY_INTERVAL
    since: dict[str, float] = {}
    report = _Report(pusher)
    steady = Steady()
    while True:
        unchanged, now, first = first is not None, first or observer.observe(), None
        waiting = now.waiting(only)
        moment = time.monotonic()
        if not waiting and done(now) and not unchanged:
            up = [name for name, of in now.services.items() if of.up and _counts(of, only)]
            waiting = steady.lacking(now, up)
        limits = {name: limit for name, why in waiting.items() if (limit := _wait_limit(why))}
        since = {name: since.get(name, moment) for name in limits}
        hopeless = {name for name, when in since.items() if moment - when >= limits[name]}
        if not waiting and done(now):
            return now, waiting
        if _to_confirm(waiting):
            time.sleep(POLL_INTERVAL)
            continue
        if moment >= deadline or (hopeless and hopeless == set(waiting)):
            return now, waiting
        text = "; ".join(f"{name}: {why}" for name, why in sorted(waiting.items()))
        report.waiting_for(text or "the Swarm")
        if again is not None and moment >= next_retry:
            again()
            next_retry = time.monotonic() + RETRY_INTERVAL
        time.sleep(POLL_INTERVAL)


def _to_confirm(waiting: Mapping[str, str]) -> bool:
    """Whether a second observation is all that is waited for: also after the deadline."""
    return bool(waiting) and set(waiting.values()) == {CONFIRMED}


def _counts(of: ServiceState, only: Sequence[str] | None) -> bool:
    return of.declared and (only is None or of.node in only)


def _declared(view: ServicesView) -> frozenset[str]:
    return frozenset(name for name, each in view.services.items() if each.declared)


def _wait_limit(error: str) -> float | None:
    """Seconds to wait for a service with this error; ``None``: until the deadline."""
    if error == NODE_DOWN:
        return NODE_DOWN_WAIT
    return PERMANENT_ERROR_WAIT if condition_reason(error) else None

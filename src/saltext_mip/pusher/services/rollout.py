"""What was compiled is served: those who must see it start again, and the engine is asked.

Services that are gone are brought back first; what differs from its declaration and runs is left to
a deployment. Which generation the engines have seen is remembered, so that a refresh that was
interrupted between its commit and its restarts is gone on with by the next. Where no services are
deployed, there is nothing to start again, and nobody to ask.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from msgspec import structs

from saltext_mip.errors import NodesFailed
from saltext_mip.federation import Federation
from saltext_mip.generations.generation import Generation
from saltext_mip.plans import PlanItem
from saltext_mip.pusher.context import Pusher
from saltext_mip.storage.state import SERVED, read_state, write_state
from saltext_mip.swarm.engine import (
    MASTER,
    WORKER,
    Datasets,
    Item,
    Served,
    Sources,
    expected,
    restarts,
)

if TYPE_CHECKING:
    from saltext_mip.pusher.services.client import ServicesView

NOT_SERVED = "NotServed"
NO_SERVICES = "No services are deployed: nothing was started again, nobody asked what is served."


@dataclass(frozen=True)
class Serving:
    """``proven``: whether the engine says that it serves all; ``None`` where nobody could say.
    ``restarted`` has also what was brought back."""

    proven: bool | None = None
    restarted: tuple[PlanItem, ...] = ()
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def serve(
    pusher: Pusher, *, absent: Collection[str] = (), again: bool = False, within: float = 120.0
) -> Serving:
    """Bring back what is gone, let those start again who must see the last generation, and wait
    until it is served.

    absent
        nodes that did not say what they have: they go on as they were
    again
        it was waited for before, in vain: whoever does not serve what it has starts again
    within
        seconds to wait
    """
    generation = pusher.store.last()
    if generation is None:
        return Serving()
    from saltext_mip.pusher.services import client, lifecycle, wait

    look = _deployed(pusher)
    if look is None:
        return Serving(notes=(NO_SERVICES,))
    mended = _mended(pusher, look)
    notes = (look.refused,) if look.refused else ()
    # what an operator stopped stays so, and serves nothing
    stopped = set(look.overrides)
    if pusher.federation.master.id in stopped:
        said = "The master's services are stopped: nobody says what is served."
        return Serving(restarted=mended, notes=(*notes, said))
    absent = {*absent, *stopped}
    items = _items(pusher, generation, absent)
    if again and not items and not mended:
        items = _silent(pusher.federation, generation, look.served, absent)
    if items:
        lifecycle.restart_components(pusher, items)
    remember(pusher, generation, absent=absent)
    wanted = _wanted(pusher.federation, generation, look.served, absent)
    differences = tuple(
        wait.wait_served(pusher, wanted, within, again=lambda: client.restore_missing(pusher))
    )
    did = (*mended, *(item.plan_item for item in items))
    return Serving(not differences, did, differences, notes)


def mended(pusher: Pusher) -> tuple[PlanItem, ...]:
    """What is served goes on being served, whatever became of the data: bring back what is gone."""
    look = _deployed(pusher)
    return () if look is None else _mended(pusher, look)


def _mended(pusher: Pusher, look: ServicesView, *, dry: bool = False) -> tuple[PlanItem, ...]:
    from saltext_mip.pusher.services import client

    if look.refused or not (look.plan or look.waiting()):
        return ()
    master = pusher.federation.master.id
    return tuple(
        structs.replace(item, node=item.node or master)
        for item in client.restore_missing(pusher, dry=dry)
    )


def planned(pusher: Pusher, generation: Generation | None) -> list[PlanItem]:
    """What would come back or start again for that generation, as items of a plan."""
    look = _deployed(pusher)
    if generation is None or look is None:
        return []
    items = _items(pusher, generation, ())
    return [*_mended(pusher, look, dry=True), *(item.plan_item for item in items)]


def _deployed(pusher: Pusher) -> ServicesView | None:
    """What the master node says of the services; ``None`` where none are deployed.

    Where nothing of them is there now, what was once seen to serve is missed; else they were never
    deployed. Without Docker there are none, unless there were: then it is an error that it does not
    answer.
    """
    from saltext_mip.pusher.services import client

    try:
        look = client.observe_services(pusher)
    except NodesFailed:
        if _seen(pusher) is not None:
            raise
        return None
    gone = {item.thing for item in look.plan if item.action == "create"}
    there = look.swarm and (_seen(pusher) is not None or not gone.issuperset(look.services))
    return look if there else None


def remember(pusher: Pusher, generation: Generation, *, absent: Collection[str] = ()) -> None:
    """The engines have started with what that generation has; not those that are absent."""
    after = Sources.of(generation)
    before = _seen(pusher)
    if before is not None:
        kept = {node: below for node, below in before.datasets.items() if node in absent}
        rest = {node: below for node, below in after.datasets.items() if node not in absent}
        after = replace(after, datasets={**rest, **kept})
    write_state(pusher.state / SERVED, after.value())


def _items(pusher: Pusher, generation: Generation, absent: Collection[str]) -> tuple[Item, ...]:
    items = restarts(pusher.federation, _seen(pusher), Sources.of(generation))
    return tuple(item for item in items if item.node not in absent)


def _seen(pusher: Pusher) -> Sources | None:
    value = read_state(pusher.state / SERVED)
    return None if value is None else Sources.from_value(value)


def _silent(
    federation: Federation, generation: Generation, served: Served, absent: Collection[str]
) -> tuple[Item, ...]:
    """Workers that do not serve what they have; the master, where it does not answer at all."""
    why = "it was waited for, and does not serve what it has"
    if served.datasets is None:
        return (Item("restart", MASTER, federation.master.id, why),)
    want, have = _by_host(expected(federation, generation)), _by_host(served.datasets)
    return tuple(
        Item("restart", WORKER, node.id, why)
        for node in federation.workers
        if node.id not in absent and want.get(node.hostname) != have.get(node.hostname)
    )


def _wanted(
    federation: Federation, generation: Generation, served: Served, absent: Collection[str]
) -> Datasets:
    """What the engine should serve; of absent nodes what it serves now."""
    out = {node.hostname for node in federation.nodes if node.id in absent}
    have = _by_host(served.datasets or {})
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for name, codes in expected(federation, generation).items():
        for code, hosts in codes.items():
            there = tuple(h for h in hosts if h not in out or (name, code) in have.get(h, ()))
            if there:
                found.setdefault(name, {})[code] = there
    return found


def _by_host(datasets: Datasets) -> dict[str, set[tuple[str, str]]]:
    found: dict[str, set[tuple[str, str]]] = {}
    for name, codes in datasets.items():
        for code, hosts in codes.items():
            for host in hosts:
                found.setdefault(host, set()).add((name, code))
    return found

"""What was compiled is served: what must see it restarts, and the engine proves it.

Services that are gone are brought back first, and engines that lost their keystore or master
restart; what differs from its declaration and runs is left to a deployment. Which generation the
engines have read is recorded, so that the next refresh continues one that was interrupted between
its commit and its restarts. A restart has a cause that was observed, and happens once for it; a
look that failed, or answers that are not understood, cause none. Where no services are deployed,
nothing restarts and nothing is proven.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import structs

from saltext_mip.errors import NodesFailed
from saltext_mip.federation import Federation
from saltext_mip.generations.generation import Generation
from saltext_mip.generations.store import BlobDamaged
from saltext_mip.plans import PlanItem
from saltext_mip.pusher import control
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.services import availability, join_token
from saltext_mip.pusher.services.availability import Place
from saltext_mip.results import ListedDataset
from saltext_mip.storage.state import SERVED, read_state, write_state
from saltext_mip.swarm.engines import ENGINE
from saltext_mip.swarm.engines.interface import (
    NO_DATASETS,
    Datasets,
    Served,
    Sources,
    expected,
    sources,
)
from saltext_mip.swarm.errors import NotInSwarm
from saltext_mip.swarm.request import BACK, DRAINED
from saltext_mip.swarm.rollout import RestartItem, restarts

if TYPE_CHECKING:
    from saltext_mip.pusher.services.client import ServiceOverride, ServicesView
    from saltext_mip.pusher.services.lifecycle import Rollout

NOT_SERVED = control.STALLED
UNKNOWN = "ServedUnknown"
NO_SERVICES = "No services are deployed: nothing was restarted. Run mip.deploy to serve the data."
NOTHING_LOST: Mapping[Place, str] = MappingProxyType({})
LOOK = 15.0  # seconds to wait where it was waited for before and nothing restarted since


@dataclass(frozen=True)
class Serving:
    """``proven``: whether all is proven to be served; ``None`` where that is not known, and then
    ``unknown`` has what the engine answered. ``restarted`` has also what was brought back.
    ``datasets`` are those that the generation lists, with what is known of each."""

    proven: bool | None = None
    restarted: tuple[PlanItem, ...] = ()
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unknown: str = ""
    datasets: tuple[ListedDataset, ...] = ()


def serve(
    pusher: Pusher,
    *,
    absent: Collection[str] = (),
    lost: Mapping[Place, str] = NOTHING_LOST,
    unlisted: Datasets = NO_DATASETS,
    without_data: Collection[Place] = (),
    again: bool = False,
    within: float = BACK,
) -> Serving:
    """Bring back what is gone, restart what must see the last generation, and wait until it is
    proven to be served.

    absent
        nodes that did not tell what they have: they are left as they are
    lost
        datasets that are listed and that no engine can read now, with the reason: they are served
        where an engine has read them before, and nothing restarts or waits for the others
    unlisted
        datasets that databases have and the generation does not list: engines may serve them
    without_data
        datasets that the generation lists and databases do not have, as node, pathology and code:
        nothing waits for them
    again
        it was waited for before, in vain
    within
        seconds to wait for each engine that restarts, and after all restarts
    """
    generation = pusher.store.last()
    if generation is None:
        return Serving()
    listed = generation = _without(generation, without_data)
    from saltext_mip.pusher.services import drain, lifecycle, wait

    view = _deployed(pusher)
    if view is None:
        return Serving(notes=(NO_SERVICES,))
    restored = _restored(pusher, view)
    notes = (view.refused,) if view.refused else ()
    # a node may be about to join with it: only a deployment knows that all have
    used = join_token.used(pusher.state, for_seconds=join_token.JOINING)
    if used and (not_rotated := join_token.rotate(pusher)):
        notes = (*notes, not_rotated)
    # what an operator stopped stays so, and serves nothing
    drain.remember(pusher, view)
    stopped = {node: _why_stopped(each) for node, each in view.overrides.items()}
    if pusher.federation.master.id in stopped:
        note = "The master's services are stopped: what is served is unknown."
        return Serving(restarted=restored, notes=(*notes, note))
    absent = {*absent, *stopped}
    generation = _without(generation, _unread(pusher, lost))
    rollout = lifecycle.Rollout()
    if not view.served.unknown:
        items = _items(pusher, generation, absent)
        rollout = lifecycle.restart_components(pusher, items, within)
        if not rollout.failed:
            remember(pusher, generation, absent=absent)
    done = (*restored, *(item.plan_item for item in rollout.done))
    wanted = _wanted(pusher.federation, generation, view.served, absent, lost)
    limit = min(within, LOOK) if again and not done else within
    left, served = wait.wait_served(
        pusher,
        wanted,
        limit,
        lambda: recover(pusher),
        absent=absent,
        unlisted=unlisted,
        first=None if done or rollout.already else view,
    )
    datasets = tuple(
        availability.listed_datasets(
            pusher.federation,
            listed,
            served,
            lambda place: lost.get(place) or stopped.get(place[0], ""),
        )
    )
    if left and served.unknown:
        return Serving(None, done, left, notes, served.error, datasets)
    failed = rollout.failed if left else ()
    return Serving(not left, done, (*left, *failed), notes, datasets=datasets)


def restored(pusher: Pusher) -> tuple[PlanItem, ...]:
    """What is served remains served, whatever became of the data: bring back what is gone."""
    view = _deployed(pusher)
    return () if view is None else _restored(pusher, view)


def recover(pusher: Pusher) -> tuple[PlanItem, ...]:
    """Bring back what is gone, and restart engines that lost their keystore or master."""
    from saltext_mip.pusher.services import client

    master = pusher.federation.master.id
    back = tuple(
        structs.replace(item, node=item.node or master) for item in client.restore_missing(pusher)
    )
    return (*back, *(item.plan_item for item in follow(pusher).done))


def follow(pusher: Pusher) -> Rollout:
    """Restart engines that lost their keystore or master, as the master node observes them."""
    from saltext_mip.pusher.services import client, lifecycle

    return lifecycle.restart_components(pusher, client.observe_services(pusher).due)


def _restored(pusher: Pusher, view: ServicesView, *, dry: bool = False) -> tuple[PlanItem, ...]:
    from saltext_mip.pusher.services import client

    if view.refused or not (view.plan or view.waiting() or view.due):
        return ()
    if not dry:
        return recover(pusher)
    master = pusher.federation.master.id
    back = tuple(
        structs.replace(item, node=item.node or master)
        for item in client.restore_missing(pusher, dry=True)
    )
    return (*back, *(item.plan_item for item in view.due))


def planned(pusher: Pusher, generation: Generation | None) -> list[PlanItem]:
    """What would come back or restart for that generation, as items of a plan."""
    view = _deployed(pusher)
    if generation is None or view is None:
        return []
    items = _items(pusher, generation, ())
    return [*_restored(pusher, view, dry=True), *(item.plan_item for item in items)]


def _deployed(pusher: Pusher) -> ServicesView | None:
    """What the master node says of the services; ``None`` where none are deployed.

    Where nothing of them is there now, what was once seen to serve is missed; else they were never
    deployed. Without Docker there are none, unless there were: then it is an error that it does not
    answer, or has a Swarm that cannot be read.
    """
    from saltext_mip.pusher.services import client

    try:
        look = client.observe_services(pusher)
    except NodesFailed:
        if _seen(pusher) is not None:
            raise
        return None
    if not look.swarm and look.state != "inactive" and _seen(pusher) is not None:
        why = NotInSwarm(look.state, error=look.state_error)
        raise NodesFailed(str(why), nodes=pusher.federation.master.id)
    gone = {item.thing for item in look.plan if item.action == "create"}
    there = look.swarm and (_seen(pusher) is not None or not gone.issuperset(look.services))
    return look if there else None


def remember(pusher: Pusher, generation: Generation, *, absent: Collection[str] = ()) -> None:
    """The engines have started with what that generation has; not those that are absent or
    disabled."""
    after = _sources(pusher, generation)
    before = _seen(pusher)
    if before is not None:
        out = {*absent, *pusher.store.disabled()}
        kept = {node: below for node, below in before.datasets.items() if node in out}
        rest = {node: below for node, below in after.datasets.items() if node not in out}
        after = replace(after, datasets={**rest, **kept})
    write_state(pusher.state / SERVED, after.value())


def _items(
    pusher: Pusher, generation: Generation, absent: Collection[str]
) -> tuple[RestartItem, ...]:
    """What restarts for that generation. Absent and disabled nodes are left as they are: their
    databases do not follow it."""
    before, after = _seen(pusher), _sources(pusher, generation)
    disabled = pusher.store.disabled()
    if before is not None:  # nor do keys of the keystore go
        kept = {node: of for node, of in before.datasets.items() if node in disabled}
        after = replace(after, datasets={**after.datasets, **kept})
    items = restarts(ENGINE, pusher.federation, before, after)
    return tuple(item for item in items if item.node not in {*absent, *disabled})


def _seen(pusher: Pusher) -> Sources | None:
    value = read_state(pusher.state / SERVED)
    return None if value is None else Sources.from_value(value)


def _sources(pusher: Pusher, generation: Generation) -> Sources:
    """What engines read of it, as far as a restart depends on it."""
    cdes: dict[str, str] = {}
    for name, sha256 in generation.cdes.items():
        try:
            cdes[name] = ENGINE.cde_digest(pusher.store.blob(sha256))
        except BlobDamaged:
            cdes[name] = sha256
    return sources(generation, cdes)


def _wanted(
    federation: Federation,
    generation: Generation,
    served: Served,
    absent: Collection[str],
    lost: Collection[Place],
) -> Datasets:
    """What the engine should serve; of absent nodes, and of what is lost, what it serves now."""
    out = {node.hostname for node in federation.nodes if node.id in absent}
    gone = {(federation.by_id(node).hostname, name, code) for node, name, code in lost}
    have = _by_host(served.datasets or {})
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for name, codes in expected(federation, generation).items():
        for code, hosts in codes.items():
            there = tuple(
                h
                for h in hosts
                if (h not in out and (h, name, code) not in gone) or (name, code) in have.get(h, ())
            )
            if there:
                found.setdefault(name, {})[code] = there
    return found


def _unread(pusher: Pusher, lost: Collection[Place]) -> set[Place]:
    """Those that no engine has read before."""
    seen = _seen(pusher)
    read = {} if seen is None else seen.datasets
    return {each for each in lost if each[2] not in read.get(each[0], {}).get(each[1], ())}


def _without(generation: Generation, lacking: Collection[Place]) -> Generation:
    """The generation as if these datasets were not in it."""
    return replace(
        generation,
        pathologies={
            name: {
                code: tuple(node for node in nodes if (node, name, code) not in lacking)
                for code, nodes in codes.items()
            }
            for name, codes in generation.pathologies.items()
        },
        files={
            node: {
                name: tuple(
                    replace(
                        file,
                        datasets=tuple(
                            each for each in file.datasets if (node, name, each[0]) not in lacking
                        ),
                    )
                    for file in files
                )
                for name, files in below.items()
            }
            for node, below in generation.files.items()
        },
    )


def _why_stopped(override: ServiceOverride) -> str:
    from saltext_mip.pusher.services.drain import why_drained

    if override.word != DRAINED:
        return availability.STOPPED
    return f"{availability.DRAINED}{why_drained(override)}"


def _by_host(datasets: Datasets) -> dict[str, set[tuple[str, str]]]:
    found: dict[str, set[tuple[str, str]]] = {}
    for name, codes in datasets.items():
        for code, hosts in codes.items():
            for host in hosts:
                found.setdefault(host, set()).add((name, code))
    return found

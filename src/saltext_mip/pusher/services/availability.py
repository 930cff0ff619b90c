"""Which datasets of a generation researchers can use now, and why not the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import UNSET, structs

from saltext_mip.federation import Federation
from saltext_mip.generations.generation import Generation
from saltext_mip.problems import Problem
from saltext_mip.pusher.context import Pusher
from saltext_mip.results import (
    CompileResult,
    DatabaseResult,
    Held,
    ListedDataset,
    UnavailableDataset,
    is_built,
    value_or,
)
from saltext_mip.swarm.engines.interface import Served, expected

Place = tuple[str, str, str]  # of a dataset: node, pathology, dataset

STOPPED = "its services are stopped"
DRAINED = "its node is "
DECIDED = (STOPPED, DRAINED)  # how a reason begins that is an operator's decision
NOT_SERVED = "the engine does not serve it"


def disabled_hosts(pusher: Pusher) -> set[str]:
    """The hostnames of the nodes that an operator disabled: what their engines serve
    does not count."""
    disabled = pusher.store.disabled()
    return {node.hostname for node in pusher.federation.nodes if node.id in disabled}


def listed_datasets(
    federation: Federation,
    generation: Generation | None,
    served: Served,
    reason: Callable[[Place], str],
) -> Iterator[ListedDataset]:
    """Each dataset of the generation on each of its nodes: whether it is proven to be served.

    ``reason`` has why one is not, where that is known.
    """
    ids = {node.hostname: node.id for node in federation.nodes}
    for name, codes in expected(federation, generation).items():
        have = (served.datasets or {}).get(name, {})
        for code, hosts in codes.items():
            for host in hosts:
                place = (ids[host], name, code)
                known = served.datasets is not None or not served.unknown
                available = host in have.get(code, ()) if known else None
                why = reason(place) or served.error or NOT_SERVED
                yield ListedDataset(
                    pathology=name,
                    dataset=code,
                    node=place[0],
                    available=available,
                    reason=UNSET if available else why,
                )


def with_nodes(
    datasets: Iterable[ListedDataset], absent: Mapping[str, Problem]
) -> list[ListedDataset]:
    """With the reason why a dataset's node takes no part, where it is not available."""
    return [
        structs.replace(each, reason=_why_absent(absent[each.node]))
        if not each.available
        and each.node in absent
        and not value_or(each.reason, "").startswith(DECIDED)
        else each
        for each in datasets
    ]


def _why_absent(problem: Problem) -> str:
    return f"{problem.definition.text}{f' ({problem.about})' if problem.about else ''}"


def unavailable(datasets: Iterable[ListedDataset]) -> list[UnavailableDataset]:
    """Those that no engine serves."""
    return [
        UnavailableDataset(
            pathology=each.pathology,
            dataset=each.dataset,
            node=each.node,
            reason=value_or(each.reason, ""),
        )
        for each in datasets
        if each.available is False
    ]


def lost(held: Iterable[Held]) -> dict[Place, str]:
    """The held datasets whose rows are gone from their node."""
    return {
        (each.node, each.pathology, each.dataset): "its folder on the node is gone"
        for each in held
        if not each.available
    }


def unbuilt(generation: Generation | None, compiled: CompileResult) -> dict[Place, str]:
    """The datasets of the generation whose database could not be built, with the reason."""
    return {
        (node, name, code): f"its database could not be built: {_why_unbuilt(database)}"
        for node, databases in compiled.nodes.items()
        for name, database in databases.items()
        if not is_built(database)
        for code, nodes in (generation.pathologies.get(name, {}) if generation else {}).items()
        if node in nodes
    }


def _why_unbuilt(database: DatabaseResult) -> str:
    first = next((each for each in database.problems if each.severity == "error"), None)
    if first is None:
        return "no reason given"
    return f"{first.message} ({first.about})" if first.about else first.message


def all_built(compiled: CompileResult) -> bool:
    """Whether every database of the nodes that answered could be built."""
    return all(is_built(each) for below in compiled.nodes.values() for each in below.values())

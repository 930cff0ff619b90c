"""Whether researchers can use the federation: the portal, its backend, and each dataset."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET

from saltext_mip.federation import Federation
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.services import availability, deploy_failures
from saltext_mip.pusher.services.client import ServiceState, ServicesView
from saltext_mip.pusher.status import services as status_services
from saltext_mip.pusher.status.snapshot import Snapshot
from saltext_mip.results import ListedDataset, PortalPart, Usability, Usable
from saltext_mip.swarm.desired import portal_address, switched_off
from saltext_mip.swarm.engines.interface import Served

PORTAL = "frontend"
BACKEND = "portalbackend"
OFF = "switched off in the pillar"


def usability(pusher: Pusher, snapshot: Snapshot) -> Usability:
    """What a researcher would find, as far as it is known."""
    portal = _part(pusher.federation, snapshot, PORTAL, portal_address(pusher.federation))
    backend = _part(pusher.federation, snapshot, BACKEND)
    datasets = tuple(_datasets(pusher.federation, snapshot))
    return Usability(
        answer=_answer((portal, backend), datasets),
        portal=portal,
        backend=backend,
        datasets=list(datasets),
    )


def todo(pusher: Pusher, snapshot: Snapshot) -> list[str]:
    """Before the first deployment: that it is the next step."""
    generation = snapshot.generation
    if generation is None or snapshot.services is None or not generation.pathologies:
        return []
    return deploy_failures.first_steps(pusher) if not snapshot.services.swarm else []


def not_usable(found: Usability) -> str:
    """What keeps researchers from using it, for the summary; empty where nothing is known to."""
    parts = [
        f"{each.service} is {OFF}"
        for each in (found.portal, found.backend)
        if each.answers is False and each.reason == OFF
    ]
    return f"researchers cannot use it: {', '.join(parts)}" if parts else ""


def _answer(parts: Iterable[PortalPart], datasets: Iterable[ListedDataset]) -> Usable:
    answers = [each.answers for each in parts]
    available = [each.available for each in datasets]
    if False in answers or (True not in available and None not in available):
        return "no"
    if None in answers or True not in available:
        return "unknown"
    return "yes" if all(available) else "in part"


def _part(
    federation: Federation, snapshot: Snapshot, short: str, address: str | None = None
) -> PortalPart:
    answers, reason = _answers(federation, snapshot, short)
    return PortalPart(
        service=short,
        address=address or UNSET,
        answers=answers,
        reason=reason or UNSET,
    )


def _answers(federation: Federation, snapshot: Snapshot, short: str) -> tuple[bool | None, str]:
    view = snapshot.services
    if federation.ui is None:
        return False, "no node of role ui is declared"
    if short in switched_off(federation):
        return False, OFF
    if view is None:
        return None, snapshot.why
    if not view.swarm:
        reason, message = status_services.swarm_reason(view)
        return (None if reason == "SwarmStarting" else False), message
    found = next(((name, of) for name, of in view.services.items() if of.short == short), None)
    if found is None:
        return False, "not deployed"
    name, of = found
    if of.up is None:
        return False, "stopped by an operator"
    wrong = status_services.not_serving(snapshot)
    if name in wrong:
        return False, wrong[name]
    return _of_port(of)


def _of_port(of: ServiceState) -> tuple[bool | None, str]:
    return (
        of.serving,
        "" if of.serving else of.port_error or "it runs; whether it answers is unknown",
    )


def _datasets(federation: Federation, snapshot: Snapshot) -> Iterable[ListedDataset]:
    view = snapshot.services
    served = Served(error=snapshot.why, unknown=True) if view is None else view.served
    wrong = {} if view is None else _wrong_engines(view, status_services.not_serving(snapshot))

    def reason(place: availability.Place) -> str:
        node = place[0]
        if view is not None and node in view.overrides:
            return f"{availability.STOPPED} ({view.overrides[node].word})"
        return snapshot.unreachable.get(node) or wrong.get(node, "")

    return availability.listed_datasets(federation, snapshot.generation, served, reason)


def _wrong_engines(view: ServicesView, wrong: dict[str, str]) -> dict[str, str]:
    return {view.services[name].node: f"{name}: {why}" for name, why in wrong.items()}

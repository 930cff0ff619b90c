"""Recent events of a federation in the order of time: generations, refreshes, operator actions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from saltext_mip.data.inventory.model import Inventory
from saltext_mip.generations import diff as difference
from saltext_mip.generations import listing, open_problems
from saltext_mip.generations.generation import Generation
from saltext_mip.generations.listing import LISTED, abbreviated, changes
from saltext_mip.generations.open_problems import Place
from saltext_mip.generations.store import BlobDamaged
from saltext_mip.problems import Problem
from saltext_mip.pusher.context import Pusher
from saltext_mip.results import EventKind, EventsResult


def record_commit(pusher: Pusher, generation: Generation, note: str = "") -> None:
    """Record the commit of a generation; a ``note`` tells that it restores an older one."""
    before = _before(pusher, generation.number)
    pusher.record(
        "rolledback" if note else "consolidated",
        message="; ".join(filter(None, (note, changes(difference.summary(generation, before))))),
        generation=generation.number,
    )
    if changed := _relabelled(pusher, generation, before):
        text = abbreviated(changed)
        pusher.record("labels", message=text, generation=generation.number)


def membership_note(
    pusher: Pusher, last: Generation | None, pathologies: Mapping[str, Any]
) -> str | None:
    """Who disabled or enabled the nodes whose datasets leave the listing, or return, with it."""
    before = _listed_nodes(last.pathologies) if last else set()
    after = _listed_nodes(pathologies)
    notes = [
        f"without {node}: disabled by {each.actor}{f': {each.reason}' if each.reason else ''}"
        for node, each in pusher.store.disabled().items()
        if node in before - after
    ]
    enabled = {
        each.about: each.actor
        for each in pusher.store.event_log.events()
        if each.what == "enabled" and last is not None and each.when >= last.when
    }
    notes += [
        f"with {node}: enabled by {actor}"
        for node, actor in enabled.items()
        if node in after - before
    ]
    return "; ".join(notes) or None


def _listed_nodes(pathologies: Mapping[str, Mapping[str, Sequence[str]]]) -> set[str]:
    return {node for codes in pathologies.values() for nodes in codes.values() for node in nodes}


def record_files(
    pusher: Pusher, problems: Iterable[Problem], inventories: Mapping[str, Inventory]
) -> dict[Place, str]:
    """Record which files cannot be used since the last run, and which can be used again.

    Returns those that cannot, and since when. Of a node that took no part nothing new is known.
    """
    when = pusher.now().isoformat(timespec="seconds")
    before = open_problems.refused(pusher.state)
    kept = _refused(problems)
    after = {place: before.get(place, when) for place in kept if place[0] in inventories}
    after |= {place: since for place, since in before.items() if place[0] not in inventories}
    new, fixed = sorted(after.keys() - before.keys()), sorted(before.keys() - after.keys())
    for node in sorted({place[0] for place in (*new, *fixed)}):
        reports: tuple[tuple[EventKind, list[Place], str], ...] = (
            ("refused", [each for each in new if kept[each]], ": previous version stays in use"),
            ("refused", [each for each in new if not kept[each]], ": left out"),
            ("fixed", fixed, ""),
        )
        for what, places, text in reports:
            names = [f"{name}/{file}" for of, name, file in places if of == node]
            if names:
                # without their number: one that is a cell's value, too, would look like one
                more = " and others" if len(names) > LISTED else ""
                message = f"{', '.join(names[:LISTED])}{more}{text}"
                pusher.record(what, about=node, message=message, actor="")
    return after


def _refused(problems: Iterable[Problem]) -> dict[Place, bool]:
    """The files that cannot be used, and of each whether its previous version stays in use."""
    found: set[Place] = set()
    kept: set[Place] = set()
    for each in problems:
        place = (each.node or "", each.pathology or "", each.file or "")
        if each.rule == "KeptAsItWas":
            kept.add(place)
        elif each.file and each.hard:
            found.add(place)
    return {place: place in kept for place in found}


def _relabelled(pusher: Pusher, generation: Generation, before: Generation | None) -> list[str]:
    """The labels that differ from the generation before, of what both list."""
    if before is None or generation.pathologies_json == before.pathologies_json:
        return []
    then, now = listed_labels(pusher, before), listed_labels(pusher, generation)
    return [
        f"{'/'.join(filter(None, place))}: '{then[place]}' -> '{label}'"
        for place, label in now.items()
        if then.get(place, label) != label
    ]


def listed_labels(
    pusher: Pusher, generation: Generation, contents: Mapping[str, bytes] = MappingProxyType({})
) -> dict[tuple[str, str], str]:
    """The labels of a generation by pathology and dataset, as ``pathologies.json`` has them.

    ``contents`` are those of a plan, by SHA-256, which are not stored yet.
    """
    sha256 = generation.pathologies_json
    try:
        listed = json.loads(contents.get(sha256) or pusher.store.blob(sha256))
    except (BlobDamaged, ValueError):
        return {}
    found: dict[tuple[str, str], str] = {}
    for each in listed:
        found[each["code"], ""] = each["label"]
        found.update({(each["code"], of["code"]): of["label"] for of in each["datasets"]})
    return found


def events(pusher: Pusher, limit: Any = 20) -> EventsResult:
    """The last ``limit`` events, the oldest first. Asks no node."""
    return listing.events(pusher.store, pusher.federation.name, limit)


def _before(pusher: Pusher, number: int) -> Generation | None:
    older = [other for other in pusher.store.numbers() if other < number]
    return pusher.store.load(older[-1]) if older else None

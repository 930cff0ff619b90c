"""Inventories, CDEs and labels become a plan: what the federation offers and what to write where.

Pure: it reads no file and asks no node. What it needs from outside (whom to verify, what a person
wants things to be called) it says first: :func:`unverified`. The plan is data;
it prints for a dry run, tests compare it, and carrying it out is somebody else's work.

Whose CDE is edited: that of every pathology that is listed, and that of one which was listed in the
last generation and has no data any more (its enumeration becomes empty, so that nobody is offered
what is not there). A CDE on the master that never had data is left alone: its enumeration may hold
labels for datasets to come.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from saltext_mip.data.cde import model as cde_
from saltext_mip.data.cde.model import Cde, CdeFound
from saltext_mip.data.consolidation import (
    base_cdes,
    clashes,
    dataset_limits,
    documents,
    manifest,
    unservable,
)
from saltext_mip.data.consolidation import pathologies_json as pathologies_
from saltext_mip.data.consolidation import writes as distribution
from saltext_mip.data.consolidation.base_cdes import CdeGone
from saltext_mip.data.consolidation.labels import Labels, Replaced, relabelled, replaced
from saltext_mip.data.consolidation.manifest import FileNames, Manifest, Previous, ServedFile
from saltext_mip.data.consolidation.participants import Presence
from saltext_mip.data.consolidation.writes import Write
from saltext_mip.data.inventory.model import Inventory
from saltext_mip.errors import Refused
from saltext_mip.federation import Federation, MissingWorker
from saltext_mip.problems import Problem
from saltext_mip.text import shown

__all__ = [
    "CdeFound",
    "CdeGone",
    "Labels",
    "Manifest",
    "PathologyPlan",
    "Plan",
    "Previous",
    "ServedFile",
    "Write",
    "plan",
    "unverified",
]


#: Problems that one error lists.
MOST = 50


@dataclass(frozen=True)
class PathologyPlan:
    """One pathology: each dataset's owners and label in the order of ``pathologies.json``.

    ``nodes`` are those that hold its CDE and are there, the master first. ``cde`` is a SHA-256.
    """

    name: str
    code: str
    label: str
    datasets: Mapping[str, tuple[str, ...]]
    labels: Mapping[str, str]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    cde_source: Literal["master", "catalogue"]
    cde: str
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What a consolidation would do.

    ``pathologies`` are listed, ``gone`` were and have no data any more. ``blobs`` has the content
    of every CDE and of ``pathologies.json`` by SHA-256, written or not. ``workers`` says of each
    ``{"status": ok|missing|disabled|error, "datasets": {pathology: codes}}``. ``changed``: it is
    not what ``previous`` says, or something is to be written. ``other_cdes`` are those of
    pathologies that are not listed, as the master has them after the writes.
    """

    pathologies: tuple[PathologyPlan, ...]
    gone: tuple[PathologyPlan, ...]
    writes: tuple[Write, ...]
    blobs: Mapping[str, bytes] = field(repr=False)
    files: Manifest
    structure: list[dict[str, Any]]
    problems: tuple[Problem, ...]
    workers: Mapping[str, Mapping[str, Any]]
    cdes: Mapping[str, str]
    pathologies_json: str
    changed: bool
    other_cdes: Mapping[str, str] = field(default_factory=dict)
    replaced_labels: Replaced = field(default_factory=dict)


def unverified(
    federation: Federation, inventories: Mapping[str, Inventory], cdes: Mapping[str, CdeFound]
) -> dict[str, tuple[str, ...]]:
    """Whom to ask to verify which pathologies against the CDE to come, before :func:`plan`.

    Node id to pathologies; empty where every sound file was verified against the same rules before.
    """
    made, _ = base_cdes.sort(federation, cdes)
    digests = {name: base_cdes.digest(federation, cde) for name, cde in made.items()}
    asked: dict[str, tuple[str, ...]] = {}
    for worker in federation.workers:
        names = []
        inventory = inventories.get(worker.id)
        for record in inventory.pathologies if inventory else ():
            digest = digests.get(record.name)
            if digest is None:
                continue
            if any(file.sound and digest not in file.verified for file in record.files):
                names.append(record.name)
        if names:
            asked[worker.id] = tuple(names)
    return asked


def plan(
    federation: Federation,
    *,
    inventories: Mapping[str, Inventory],
    absent: Mapping[str, str | Problem],
    cdes: Mapping[str, CdeFound],
    ui_sha256: str | None,
    labels: Labels | None = None,
    previous: Previous | None = None,
    missing_worker: MissingWorker = "fail",
    strict: bool = False,
    online_cdes: bool = False,
    nowhere: Mapping[str, str] | None = None,
    kept_cdes: Mapping[str, bytes] | None = None,
    dropped: unservable.Dropped = unservable.nothing,
    held: FileNames | None = None,
) -> Plan:
    """What to do about the federation as it is.

    inventories
        of the master and of each worker that answered
    absent
        why another's is not there: a rule (``WorkerMissing``, ``MountGone``…), a problem that says
        more, or ``Disabled``
    cdes
        the CDE of each pathology, as far as there is one
    ui_sha256
        of the ui's ``pathologies.json``; None where it has none
    labels
        remembered and reviewed; the pillar's go before them
    previous
        the last generation
    missing_worker
        ``fail``, ``skip`` (without its datasets) or ``keep`` (with those of ``previous``)
    strict
        any problem of severity error or warning is an error
    online_cdes
        the data catalogue was asked: a CDE that is not from there is a problem
    nowhere
        why the data catalogue has no CDE of a pathology that is not in ``cdes``
    kept_cdes
        the last generation's CDEs, of those pathologies at least that :func:`unusable` names
    dropped
        the characters of a name that keep it from being served; such a name is not listed
    held
        files whose change waits for a decision: they are as in the last generation

    Raises :class:`~saltext_mip.errors.NodesMissing`, :class:`~.model.CdeInvalid` (a CDE cannot be
    read from the disk), :class:`CdeGone`, and :class:`~saltext_mip.errors.Refused` where ``strict``
    or where the master is disabled, or where what it would write could not be read back.
    """
    presence = Presence.of(federation, inventories, absent)
    problems = [*presence.missing(missing_worker), *_of_nodes(presence)]
    before = tuple(previous.pathologies) if previous else ()
    used = base_cdes.used(presence, before)
    based, invalid = base_cdes.of_used(presence, used, cdes, previous)
    last = base_cdes.of_last(federation, invalid, kept_cdes or {}, previous)
    problems += base_cdes.lacking(presence, used, cdes, nowhere or {})
    problems += base_cdes.problems(presence, cdes, based, invalid, last)
    problems += base_cdes.of_unused(presence, used, cdes)
    kept = presence.kept(missing_worker, previous)
    found: Manifest = {**_served(presence, based, last, previous, problems), **kept}
    if held:
        found = manifest.with_held(found, previous.files if previous else {}, held)
        problems += manifest.of_held(held)
    problems += unservable.of_manifest(found, dropped)
    files = unservable.without(found, dropped)
    files, beyond = dataset_limits.within(files, presence.workers, previous)
    problems += beyond
    based = dict(sorted({**based, **last}.items()))
    cdes = {**cdes, **{name: CdeFound(cde.content) for name, cde in last.items()}}
    offered = {
        name: owners for name in based if (owners := manifest.owners(files, presence.workers, name))
    }
    problems += clashes.suspects(offered, cdes if online_cdes else {})
    problems += unservable.of_cdes(based, offered, dropped)
    if strict:
        _refuse(problems)

    declared, reviewed = Labels.declared(federation), labels or Labels()
    replaced_labels = previous.replaced_labels if previous else {}
    labels = declared.over(reviewed).with_replaced(replaced_labels, based)
    left = [name for name in before if name not in offered and name in based]
    final = {
        name: based[name]
        if name in last
        else _final(presence, based[name], cdes[name], tuple(offered.get(name, ())), labels)
        for name in [*offered, *left]
    }
    # also where no file is good yet: with the CDE a hospital finds out why
    # without codes that nobody has: a node takes those of its own CDE for codes that are listed
    others = {
        name: cde if name in last else cde_.edit(cde, ())
        for name, cde in based.items()
        if name in last or name not in final
    }
    entries = [
        _entry(labels, final[name], owners, unservable.hidden(final[name], dropped))
        for name, owners in offered.items()
    ]
    given = reviewed.pathologies
    own = {name: given.get(name, pathologies_.label(name, based[name])) for name in offered}
    edited = {name: cde for name, cde in final.items() if name not in last}
    now_replaced = replaced(declared, replaced_labels, based, edited, own)
    content = pathologies_.make(entries)
    sha256 = _sha256(content)
    writes = (
        *distribution.of_cdes(presence, based, final, others, cdes),
        *distribution.of_pathologies(
            presence, sha256, ui_sha256, relabelled(replaced_labels, now_replaced)
        ),
    )
    listed = manifest.only(files, offered)
    unlisted = {name: final[name].content for name in left} | {
        name: found.content
        for name, found in cdes.items()
        if name not in final and found.source == "master"
    }
    contents = (
        *(cde.content for cde in (*final.values(), *others.values())),
        *unlisted.values(),
        content,
    )
    blobs = {_sha256(each): each for each in contents}
    documents.check(writes, blobs)
    return Plan(
        pathologies=tuple(_planned(presence, entry, cdes, previous) for entry in entries),
        gone=tuple(
            _planned(presence, _entry(labels, final[name], {}), cdes, previous) for name in left
        ),
        writes=writes,
        blobs=blobs,
        files=listed,
        structure=pathologies_.structure(federation, entries),
        problems=tuple(problems),
        workers=_workers(presence, offered),
        cdes={entry.name: entry.cde.sha256 for entry in entries},
        pathologies_json=sha256,
        changed=bool(writes) or previous is None or not _same(previous, listed, before, sha256),
        other_cdes={name: _sha256(each) for name, each in unlisted.items()},
        replaced_labels=now_replaced,
    )


def _same(previous: Previous, listed: Manifest, before: Iterable[str], content: str) -> bool:
    """Whether what is served, and the list of it, are those of the last generation."""
    if previous.pathologies_json not in ("", content):
        return False
    return manifest.rekeyed(manifest.only(previous.files, before), listed) == listed


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def unusable(federation: Federation, cdes: Mapping[str, CdeFound]) -> tuple[str, ...]:
    """The pathologies whose CDE cannot be used: :func:`plan` goes on with their last one."""
    return tuple(base_cdes.sort(federation, cdes)[1])


def _of_nodes(presence: Presence) -> Iterator[Problem]:
    """The problems of folders; that a master's have no data is as it should be."""
    for inventory in (presence.master, *presence.there):
        for problem in manifest.of_folders(inventory):
            if inventory is not presence.master or problem.rule != "NoData":
                yield problem


def _served(
    presence: Presence,
    parsed: Mapping[str, Cde],
    last: Collection[str],
    previous: Previous | None,
    problems: list[Problem],
) -> dict[str, dict[str, tuple[ServedFile, ...]]]:
    """What the workers that are there serve; the problems of their files go to ``problems``.

    Of the ``last`` pathologies that is what they served in the last generation.
    """
    digests = {name: base_cdes.digest(presence.federation, cde) for name, cde in parsed.items()}
    served: dict[str, dict[str, tuple[ServedFile, ...]]] = {}
    for inventory in presence.there:
        own = served[inventory.node] = {}
        until_now = previous.files.get(inventory.node, {}) if previous else {}
        for name in sorted({*until_now, *(record.name for record in inventory.pathologies)}):
            if name in last:
                own[name] = until_now.get(name, ())
                continue
            files, found = manifest.judge(
                inventory, name, digests.get(name), until_now.get(name, ())
            )
            own[name] = files
            problems += found
    return served


def _final(
    presence: Presence, cde: Cde, found: CdeFound, codes: tuple[str, ...], labels: Labels
) -> Cde:
    """The CDE as it shall stand; the catalogue's in our way of writing, unless it stands as is."""
    edited = cde_.edit(cde, codes, labels.datasets.get(cde.pathology))
    stands = distribution.have(presence.master, cde.pathology) == edited.sha256
    return edited if stands or found.source == "master" else cde_.written(edited)


def _entry(
    labels: Labels,
    cde: Cde,
    datasets: Mapping[str, tuple[str, ...]],
    hidden: frozenset[str] = frozenset(),
) -> pathologies_.Entry:
    name = cde.pathology
    label = labels.pathologies.get(name, pathologies_.label(name, cde))
    return pathologies_.Entry(name, label, cde, datasets, hidden)


def _planned(
    presence: Presence,
    entry: pathologies_.Entry,
    cdes: Mapping[str, CdeFound],
    previous: Previous | None,
) -> PathologyPlan:
    was = manifest.owners(previous.files, previous.files, entry.name) if previous else {}
    labels = dict(entry.cde.datasets)
    return PathologyPlan(
        name=entry.name,
        code=entry.code,
        label=entry.label,
        datasets=entry.datasets,
        labels={code: labels[code] for code in entry.datasets},
        added=tuple(code for code in entry.datasets if code not in was),
        removed=tuple(code for code in was if code not in entry.datasets),
        cde_source=cdes[entry.name].source,
        cde=entry.cde.sha256,
        nodes=tuple(distribution.holders(presence, entry.name)),
    )


def _workers(
    presence: Presence, offered: Mapping[str, Mapping[str, tuple[str, ...]]]
) -> dict[str, dict[str, Any]]:
    return {
        id_: {
            "status": presence.status(id_),
            "datasets": {
                name: own
                for name, datasets in offered.items()
                if (own := tuple(code for code, nodes in datasets.items() if id_ in nodes))
            },
        }
        for id_ in presence.workers
    }


def _refuse(problems: Iterable[Problem]) -> None:
    grave = [problem for problem in problems if problem.severity != "note"]
    if grave:
        lines = "\n".join(f"- {_line(problem)}" for problem in grave[:MOST])
        if len(grave) > MOST:
            lines += f"\n- and {len(grave) - MOST} more: without strict all are listed"
        raise Refused(f"Problems found with strict; nothing was written:\n{lines}")


def _line(problem: Problem) -> str:
    path = "/".join(part for part in (problem.pathology, problem.file) if part)
    place = [problem.node, path, problem.line and f"line {problem.line}", problem.column]
    words = ", ".join(str(part) for part in place if part)
    about = f" ({problem.about})" if problem.about else ""
    return shown(f"{words}: " if words else "") + problem.definition.text + shown(about)

"""The CDE that each pathology stands on, and what is done where there is none to stand on.

A CDE that cannot be used is a problem of its pathology, which remains as it was in the last
generation; the others go on. One that cannot be read from the disk, or is gone for a pathology that
people work with, ends the run: that may be a disk that failed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from saltext_mip.data.cde import advice
from saltext_mip.data.cde import model as cde_
from saltext_mip.data.cde.model import Cde, CdeFound, CdeInvalid
from saltext_mip.data.consolidation import manifest
from saltext_mip.data.consolidation.manifest import Previous
from saltext_mip.data.consolidation.participants import Presence
from saltext_mip.data.csvfile.validator import too_wide
from saltext_mip.data.inventory.model import UNKNOWN
from saltext_mip.errors import DataError
from saltext_mip.federation import CDE_FILE, Federation
from saltext_mip.problems import Problem


class CdeGone(DataError):
    """The CDE of '{pathology}' is gone from {node}; generation {number} had it. {hint}"""

    def __init__(self, **facts: Any) -> None:
        hint = (
            f"Restore {facts['pathology']}/{CDE_FILE}. To remove the pathology instead, first "
            "remove its data and consolidate; then remove its CDE."
        )
        super().__init__(hint=hint, **facts)


def parsed(federation: Federation, name: str, found: CdeFound) -> Cde:
    """The CDE, read; :class:`CdeInvalid` names the master or the catalogue.

    That is also one with more variables than this federation's databases can hold.
    """
    node = federation.master.id if found.source == "master" else "the data catalogue"
    cde = cde_.parse(found.content, pathology=name, node=node)
    if mistake := too_wide(cde, subjectcode=_subjectcode(federation)):
        raise CdeInvalid.of([mistake], pathology=name, node=node, file=f"{name}/{CDE_FILE}")
    return cde


def sort(
    federation: Federation, cdes: Mapping[str, CdeFound]
) -> tuple[dict[str, Cde], dict[str, CdeInvalid]]:
    """Those of the CDEs that can be used, and why the others cannot."""
    made: dict[str, Cde] = {}
    invalid: dict[str, CdeInvalid] = {}
    for name, found in cdes.items():
        try:
            made[name] = parsed(federation, name, found)
        except CdeInvalid as error:
            invalid[name] = error
    return made, invalid


def digest(federation: Federation, cde: Cde) -> str:
    """That of the rules by which this federation judges files against it."""
    return cde_.rules_digest(cde, subjectcode=_subjectcode(federation))


def _subjectcode(federation: Federation) -> bool:
    return bool(federation.settings["compile"]["subjectcode"])


def used(presence: Presence, before: Iterable[str]) -> tuple[str, ...]:
    """The pathologies that it is about: that some worker has files of, now or until now."""
    names = {record.name for inv in presence.there for record in inv.pathologies if record.files}
    return tuple(sorted(names.union(before)))


def of_used(
    presence: Presence,
    names: Iterable[str],
    cdes: Mapping[str, CdeFound],
    previous: Previous | None,
) -> tuple[dict[str, Cde], dict[str, CdeInvalid]]:
    """The CDEs of these pathologies that can be used, and why others cannot; a pathology that is
    new may lack one.

    Raises :class:`CdeInvalid` for one that cannot be read from the disk, :class:`CdeGone` for one
    that a pathology of the last generation had.
    """
    master = presence.federation.master.id
    federation = presence.federation
    found = sort(federation, {name: cdes[name] for name in names if name in cdes})
    for name in names:
        if name in cdes:
            continue
        if problem := next(_unreadable(presence, name), None):
            rule = problem.definition
            raise CdeInvalid(
                rule.text + (f" ({problem.about})" if problem.about else ""),
                pathology=name,
                node=master,
                file=f"{name}/{CDE_FILE}",
                where="the whole file",
                hint=rule.hint,
            )
        if previous and name in previous.pathologies:
            raise CdeGone(pathology=name, node=master, number=previous.number)
    return found


def of_last(
    federation: Federation,
    invalid: Iterable[str],
    kept: Mapping[str, bytes],
    previous: Previous | None,
) -> dict[str, Cde]:
    """The last generation's CDEs in the place of invalid ones; ``kept`` are their contents."""
    known = previous.pathologies if previous else ()
    contents = {name: CdeFound(kept[name]) for name in invalid if name in known and name in kept}
    return sort(federation, contents)[0]


def problems(
    presence: Presence,
    cdes: Mapping[str, CdeFound],
    made: Mapping[str, Cde],
    invalid: Mapping[str, CdeInvalid],
    last: Collection[str],
) -> Iterator[Problem]:
    """All that is wrong with CDEs, and what is odd in those that can be used.

    ``last``: the pathologies whose CDE is the last generation's instead.
    """
    for name in sorted({*made, *invalid}):
        found = invalid[name].problems() if name in invalid else advice.problems(made[name])
        node = presence.federation.master.id if cdes[name].source == "master" else None
        yield from (problem.at(node=node, pathology=name) for problem in found)
        if name in last:
            yield Problem("CdeKept", node=node, pathology=name)


def lacking(
    presence: Presence,
    names: Iterable[str],
    cdes: Mapping[str, CdeFound],
    catalogue: Mapping[str, str],
) -> Iterator[Problem]:
    """A problem for each of these pathologies that has no CDE; ``catalogue``: its answer."""
    for name in names:
        if name not in cdes:
            about = f"and in the data catalogue: {catalogue[name]}" if name in catalogue else None
            node = presence.federation.master.id
            yield Problem("CdeMissing", node=node, pathology=name, about=about)


def of_unused(
    presence: Presence, names: Iterable[str], cdes: Mapping[str, CdeFound]
) -> Iterator[Problem]:
    """The problems of the master's CDEs that none of these pathologies needs."""
    federation = presence.federation
    others = {*cdes, *(record.name for record in presence.master.pathologies)} - set(names)
    for name in sorted(others):
        here = {"node": federation.master.id, "pathology": name, "file": CDE_FILE}
        if name not in cdes:
            yield from (problem.at(**here) for problem in _unreadable(presence, name, own=True))
            continue
        try:
            parsed(federation, name, cdes[name])
        except CdeInvalid:
            yield Problem("CdeInvalid").at(**here)


def _unreadable(presence: Presence, pathology: str, *, own: bool = False) -> Iterator[Problem]:
    """Why the master's CDE may be there and cannot be read.

    With ``own`` the reasons of the file alone: those of its folder are reported elsewhere.
    """
    record = manifest.record_of(presence.master, pathology)
    if record and record.cde_problem and record.cde_problem.rule != "CdeMissing":
        yield record.cde_problem
    if own:
        return
    for problem in presence.master.problems:
        if problem.hard and problem.pathology == pathology:
            yield problem
    for problem in record.problems if record else ():
        if problem.rule in UNKNOWN and not problem.file:
            yield problem

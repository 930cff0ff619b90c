"""The CDE that each pathology stands on, and what is done where there is none to stand on.

Where it is needed, a CDE that cannot be used ends the run, since an edit of it would be lost or
worse; so does one that is gone for a pathology that people work with. Where nobody needs it, or a
pathology is only about to come, it is a problem that waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from saltext_mip.data.cde import model as cde_
from saltext_mip.data.cde.model import Cde, CdeFound, CdeInvalid
from saltext_mip.data.consolidation import manifest
from saltext_mip.data.consolidation.manifest import Previous
from saltext_mip.data.consolidation.participants import Presence
from saltext_mip.errors import DataError
from saltext_mip.federation import CDE_FILE, Federation
from saltext_mip.problems import Problem


class CdeGone(DataError):
    """The CDE of '{pathology}' is gone from {node}; generation {number} had it. {hint}"""

    def __init__(self, **facts: Any) -> None:
        hint = (
            f"Put {facts['pathology']}/{CDE_FILE} back; or, if the pathology is to go, first take"
            " its data away and consolidate, then its CDE."
        )
        super().__init__(hint=hint, **facts)


def parsed(federation: Federation, name: str, found: CdeFound) -> Cde:
    """The CDE, read; :class:`CdeInvalid` names the master or the catalogue."""
    node = federation.master.id if found.source == "master" else "the data catalogue"
    return cde_.parse(found.content, pathology=name, node=node)


def digest(federation: Federation, cde: Cde) -> str:
    """That of the rules by which this federation judges files against it."""
    subjectcode = bool(federation.settings["compile"]["subjectcode"])
    return cde_.rules_digest(cde, subjectcode=subjectcode)


def used(presence: Presence, before: Iterable[str]) -> tuple[str, ...]:
    """The pathologies that it is about: that some worker has files of, now or until now."""
    names = {record.name for inv in presence.there for record in inv.pathologies if record.files}
    return tuple(sorted(names.union(before)))


def of_used(
    presence: Presence,
    names: Iterable[str],
    cdes: Mapping[str, CdeFound],
    previous: Previous | None,
) -> dict[str, Cde]:
    """The CDEs of these pathologies; one that is only about to come may lack it.

    Raises :class:`CdeInvalid` for one that cannot be used or read, :class:`CdeGone` for one that a
    pathology of the last generation had.
    """
    federation = presence.federation
    master = federation.master.id
    made = {}
    for name in names:
        if name in cdes:
            made[name] = parsed(federation, name, cdes[name])
        elif problem := next(_unreadable(presence, name), None):
            rule = problem.definition
            raise CdeInvalid(
                rule.text + (f" ({problem.about})" if problem.about else ""),
                pathology=name,
                node=master,
                file=f"{name}/{CDE_FILE}",
                where="the whole file",
                hint=rule.hint,
            )
        elif previous and name in previous.pathologies:
            raise CdeGone(pathology=name, node=master, number=previous.number)
    return made


def lacking(
    presence: Presence,
    names: Iterable[str],
    made: Mapping[str, Cde],
    catalogue: Mapping[str, str],
) -> Iterator[Problem]:
    """A problem for each of these pathologies that has no CDE; ``catalogue``: its answer."""
    for name in names:
        if name not in made:
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
        if problem.rule == "Unreadable" and not problem.file:
            yield problem

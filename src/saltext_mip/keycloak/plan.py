"""What is, what should be, and the difference as data. Pure.

The order is the promise: all that gives is done before anything that takes, and a right is moved
by giving it again first, so that at no moment a user lacks a right that they had and keep. What is
not wanted any longer (an *orphan*) stands with its members until it is pruned; but it gives
nothing any more, since a dataset's name may mean something else elsewhere by then. Should the
pathology come back, its group gives again, to the same members.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from saltext_mip.keycloak.desired import Desired
from saltext_mip.keycloak.mappers import Mapper, choose
from saltext_mip.keycloak.observed import Observed
from saltext_mip.plans import PlanItem
from saltext_mip.problems import Problem
from saltext_mip.text import first_of

Action = Literal[
    "create client",
    "create mapper",
    "correct mapper",
    "create role",
    "extend role",
    "create group",
    "extend group",
    "add members",
    "write secret",
    "reduce group",
    "reduce role",
    "remove group",
    "remove role",
]
_SHOWN = 5
_ORPHAN = "it matches no dataset or pathology any more"


class _Actions(NamedTuple):
    create: Action
    extend: Action
    reduce: Action
    remove: Action


_ACTIONS = {
    "role": _Actions("create role", "extend role", "reduce role", "remove role"),
    "group": _Actions("create group", "extend group", "reduce group", "remove group"),
}
_TAKING = {action for actions in _ACTIONS.values() for action in (actions.reduce, actions.remove)}


class RolesItem(PlanItem, frozen=True, kw_only=True):
    """One change; ``names`` are the roles (or, of members, the users' ids) that it is about."""

    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """``orphans`` are those that stay; ``unchanged`` is what is as it should be already."""

    items: tuple[RolesItem, ...]
    unchanged: tuple[str, ...]
    orphans: tuple[str, ...]
    problems: tuple[Problem, ...]

    def and_item(self, item: RolesItem) -> Plan:
        """The same with one more that gives, before those that take."""
        giving = [i for i in self.items if i.action not in _TAKING]
        taking = [i for i in self.items if i.action in _TAKING]
        return replace(self, items=(*giving, item, *taking))


def plan(
    client_id: str,
    wanted: Desired,
    mappers: Iterable[Mapper],
    actual: Observed,
    *,
    copies: Mapping[str, tuple[str, ...]] | None = None,
    prune: bool = False,
    only_give: bool = False,
) -> Plan:
    """The way from ``actual`` to ``wanted``.

    ``copies``: group -> users to add. ``prune`` removes orphans. ``only_give`` leaves out all that
    takes a right away (and so what ``prune`` would remove).
    """
    should, there = wanted.rights, actual.rights
    problems = list(wanted.problems)
    unchanged: list[str] = []
    give: list[RolesItem] = []

    if actual.ids.client is None:
        give.append(RolesItem("create client", client_id, "it does not exist"))
    else:
        unchanged.append(client_id)
        if actual.public:
            problems.append(Problem("ClientNotConfidential", about=f"client {client_id}"))
    for mapper in mappers:
        give += _mapper(mapper, actual, unchanged)
    prune = prune and not only_give
    roles = _compare("role", should.roles, there.roles, prune=prune)
    groups = _compare("group", should.groups, there.groups, prune=prune, kept=actual.kept)
    give += [*roles.create, *roles.extend, *groups.create, *groups.extend]
    for name, users in (copies or {}).items():
        if name in should.groups:
            reason = f"{len(users)} members of the other client's group are not in it"
            give.append(RolesItem("add members", name, reason, names=users))
        else:
            problems.append(Problem("MembersNotCopied", about=f"group {name}", count=len(users)))
    if prune:
        problems += [
            Problem("OrphanKept", about=f"group {name}: {actual.kept[name]}")
            for name in groups.orphans
        ]
    take = [*groups.reduce, *roles.reduce, *groups.remove, *roles.remove]
    return Plan(
        (*give, *(() if only_give else take)),
        (*unchanged, *roles.same, *groups.same),
        (*groups.orphans, *roles.orphans),
        tuple(problems),
    )


@dataclass(frozen=True)
class _Difference:
    create: list[RolesItem]
    extend: list[RolesItem]
    reduce: list[RolesItem]
    remove: list[RolesItem]
    same: list[str]
    orphans: list[str]


def _compare(
    kind: Literal["role", "group"],
    should: Mapping[str, frozenset[str]],
    there: Mapping[str, frozenset[str]],
    *,
    prune: bool,
    kept: Mapping[str, str] = MappingProxyType({}),
) -> _Difference:
    """``should`` and ``there``: thing -> the roles that it gives."""
    found = _Difference([], [], [], [], [], [])
    actions = _ACTIONS[kind]
    for name, gives in should.items():
        if name not in there:
            found.create.append(RolesItem(actions.create, name, "it does not exist"))
        has = there.get(name, frozenset())
        if lacks := sorted(gives - has):
            found.extend.append(
                RolesItem(actions.extend, name, _few("missing:", lacks), names=tuple(lacks))
            )
        if excess := sorted(has - gives):
            reason = _few("to be revoked:", excess)
            found.reduce.append(RolesItem(actions.reduce, name, reason, names=tuple(excess)))
        if has == gives and name in there:
            found.same.append(name)
    for name in sorted(set(there) - set(should)):
        if prune and name not in kept:
            found.remove.append(RolesItem(actions.remove, name, _ORPHAN))
            continue
        found.orphans.append(name)
        if there[name]:
            found.reduce.append(
                RolesItem(actions.reduce, name, _ORPHAN, names=tuple(sorted(there[name])))
            )
    return found


def _mapper(mapper: Mapper, actual: Observed, unchanged: list[str]) -> list[RolesItem]:
    found = choose(mapper, actual.mappers)
    if found is None:
        return [RolesItem("create mapper", mapper.name, "it does not exist", names=(mapper.kind,))]
    wrong = mapper.differs(found.get("config", {}))
    if not wrong:
        unchanged.append(str(found["name"]))
        return []
    reason = ", ".join(f"{key} differs: '{old}' -> '{new}'" for key, (old, new) in wrong.items())
    return [RolesItem("correct mapper", str(found["name"]), reason, names=(mapper.kind,))]


def corrected(mapper: Mapper, found: Mapping[str, Any]) -> dict[str, Any]:
    """The representation of ``found`` put right, all else in it as it was."""
    config = dict(found.get("config", {}))
    config.update({key: new for key, (_, new) in mapper.differs(config).items()})
    return {**found, "config": config}


def _few(verb: str, names: list[str]) -> str:
    return f"{verb} {first_of(names, _SHOWN)}"

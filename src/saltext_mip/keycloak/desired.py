"""What the roles and groups should be, from the data structure. Pure.

Names come from hospitals' data, and the portal does not take them as they are: it joins a token's
``authorities`` into one text, takes ASCII blanks, brackets and plus signs out of it (but not out of
the dataset that it looks for), lowers the case and splits at commas. So a dataset called
``x,RESEARCH_DATASET_ALL`` or ``A LL`` would open everything to users who may see it. Such names get
no role at all; names that only look alike keep their roles, since they open one another and nothing
else. Both are problems.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saltext_mip.keycloak.errors import AccessError
from saltext_mip.keycloak.rights import (
    CONTROL,
    CONTROLLER,
    DATASET,
    FIXED_GROUPS,
    FIXED_ROLES,
    HOSPITAL,
    MAX_NAME,
    PATHOLOGY,
    RESEARCHER,
    Rights,
    group_prefix,
)
from saltext_mip.problems import Problem
from saltext_mip.text import distinct, shown


@dataclass(frozen=True)
class Desired:
    """``descriptions``: role -> what Keycloak shows beside it, given when the role is made."""

    rights: Rights
    descriptions: Mapping[str, str]
    problems: tuple[Problem, ...] = ()


class NotAStructure(AccessError):
    """The data structure does not have the format that mip.export returns: {message}"""


@dataclass(frozen=True)
class _Row:
    pathology: str
    node: str
    dataset: str


def desired_rights(structure: Sequence[Mapping[str, Any]], client_id: str) -> Desired:
    """Roles and groups for ``structure``, the list that ``mip.export`` returns."""
    rows, pathologies = _rows(structure)
    prefix = group_prefix(client_id)
    problems: list[Problem] = []

    def usable(kind: str, kinds: str, names: Mapping[str, Problem], longest: int) -> list[str]:
        good = []
        for name, where in names.items():
            if rule := _unfit(name, longest):
                problems.append(where.at(rule=rule, about=f"{kind} {shown(name)}"))
            else:
                good.append(name)
        for first, second in _alike(good):
            both = " and ".join(distinct(first, second))
            problems.append(names[second].at(rule="RightsAlike", about=f"{kinds} {both}"))
        return good

    group_room = MAX_NAME - len(prefix)
    good_pathologies = usable(
        "pathology",
        "pathologies",
        {name: Problem("RightsAlike", pathology=name) for name in pathologies},
        min(MAX_NAME - len(PATHOLOGY), group_room - len(RESEARCHER)),
    )
    nodes: dict[str, Problem] = {}
    datasets: dict[str, Problem] = {}
    for row in rows:
        nodes.setdefault(row.node, Problem("RightsAlike", node=row.node))
        datasets.setdefault(
            row.dataset, Problem("RightsAlike", node=row.node, pathology=row.pathology)
        )
    good_nodes = usable("node", "nodes", nodes, group_room - len(HOSPITAL))
    good_datasets = usable("dataset", "datasets", datasets, MAX_NAME - len(DATASET))

    roles: dict[str, frozenset[str]] = {name: frozenset() for name in FIXED_ROLES}
    groups = {prefix + name: its for name, its in FIXED_GROUPS.items()}
    descriptions = dict(FIXED_ROLES)
    none: frozenset[str] = frozenset()

    def role(name: str, description: str, made_of: frozenset[str] = none) -> None:
        roles[name] = made_of
        descriptions[name] = description[:MAX_NAME]

    for name in good_nodes:
        role(HOSPITAL + name, f"Data catalogue: hospital {name}")
        groups[prefix + HOSPITAL + name] = frozenset({HOSPITAL + name})
    for name in good_datasets:
        role(DATASET + name, f"Dataset {name}")
    fit = set(good_datasets)
    for name in good_pathologies:
        made_of = frozenset(
            DATASET + row.dataset for row in rows if row.pathology == name and row.dataset in fit
        )
        role(CONTROL + name, f"Data catalogue: CDE of {name}")
        role(PATHOLOGY + name, f"Pathology {name}: all its datasets", made_of)
        groups[prefix + CONTROLLER + name] = frozenset({CONTROL + name, PATHOLOGY + name})
        groups[prefix + RESEARCHER + name] = frozenset({PATHOLOGY + name})
    return Desired(Rights(roles, groups), descriptions, tuple(problems))


def _rows(structure: Sequence[Mapping[str, Any]]) -> tuple[list[_Row], list[str]]:
    if isinstance(structure, str | Mapping):
        raise NotAStructure("it is not a list")
    rows: dict[_Row, None] = {}
    pathologies: dict[str, None] = {}
    for pathology, its_nodes in _named(structure, "nodes"):
        pathologies[pathology] = None
        for node, its_datasets in _named(its_nodes, "datasets"):
            for dataset, _ in _named(its_datasets, None):
                rows[_Row(pathology, node, dataset)] = None
    return list(rows), list(pathologies)


def _named(items: object, inner: str | None) -> Iterator[tuple[str, Any]]:
    if not isinstance(items, list | tuple):
        raise NotAStructure("the names are not a list")
    for item in items:
        if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
            raise NotAStructure("an entry has no name")
        if inner is not None and inner not in item:
            raise NotAStructure(f"an entry has no {inner}")
        yield item["name"], item[inner] if inner is not None else None


def as_the_portal_reads(name: str) -> str:
    """A right as it is compared: names that give the same are one right."""
    return re.sub(r"[\s+\[\]]", "", name.lower(), flags=re.ASCII)


def _unfit(name: str, longest: int) -> str | None:
    """The rule that keeps a name from becoming a role, if there is one."""
    if "," in name:
        return "RightsSplit"
    if as_the_portal_reads(name) == "all":
        return "RightsReserved"
    if (
        not as_the_portal_reads(name)
        or len(name) > longest
        or any(unicodedata.category(char) in ("Cc", "Cs") for char in name)
    ):
        return "RightsUnfit"
    return None


def _unprintable(name: str) -> bool:
    return any(unicodedata.category(char) in ("Cc", "Cs") for char in name)


def _alike(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    first: dict[str, str] = {}
    for name in names:
        seen = first.setdefault(as_the_portal_reads(name), name)
        if seen != name:
            yield seen, name

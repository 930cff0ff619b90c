"""What the federation offers: ``pathologies.json`` for the web interface, and the data structure.

Both list the same pathologies and datasets in the same order. The first is for researchers, with
labels and variables; the second says which node has what, and the roles of Keycloak are made of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from saltext_mip.data.cde.model import Cde, render
from saltext_mip.federation import Federation

#: A root label that stands for the folder's name.
UNLABELLED = "/"


@dataclass(frozen=True)
class Entry:
    """One pathology that is listed.

    ``name`` is its folder's, ``label`` what people are shown, ``cde`` the edited one, ``datasets``
    each dataset's code and the ids of the workers that have it, both in the order to be shown.
    Variables whose codes are ``hidden`` are not offered.
    """

    name: str
    label: str
    cde: Cde = field(repr=False)
    datasets: Mapping[str, tuple[str, ...]]
    hidden: frozenset[str] = frozenset()

    @property
    def code(self) -> str:
        """The code by which a pathology is requested: an engine knows its folder's name only."""
        return self.name


def label(name: str, cde: Cde) -> str:
    """The label that the CDE gives."""
    return name.capitalize() if cde.label == UNLABELLED else cde.label


def make(entries: Iterable[Entry]) -> bytes:
    """``pathologies.json``, pathologies by the name of their folder (code points)."""
    return render([_listed(entry) for entry in _by_name(entries)])


def structure(federation: Federation, entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The data structure: pathologies by name, nodes as in the pillar, datasets as listed.

    A node bears its hostname; one without datasets of the pathology is left out::

        [{"name": "dementia", "nodes": [{"name": "fed1-wk-chuv", "datasets": [{"name": "edsd"}]}]}]
    """
    return [
        {"name": entry.name, "nodes": _nodes(federation, entry.datasets)}
        for entry in _by_name(entries)
    ]


def _by_name(entries: Iterable[Entry]) -> Sequence[Entry]:
    return sorted(entries, key=lambda entry: entry.name)


def _listed(entry: Entry) -> dict[str, Any]:
    labels = dict(entry.cde.datasets)
    return {
        "code": entry.code,
        "label": entry.label,
        "metadataHierarchy": _offered(entry.cde.tree, entry.hidden),
        "datasets": [{"code": dataset, "label": labels[dataset]} for dataset in entry.datasets],
    }


def _offered(group: Mapping[str, Any], hidden: frozenset[str]) -> Mapping[str, Any]:
    """The tree without hidden variables."""
    if not hidden:
        return group
    out = dict(group)
    if "variables" in group:
        out["variables"] = [each for each in group["variables"] if each["code"] not in hidden]
    if "groups" in group:
        out["groups"] = [_offered(each, hidden) for each in group["groups"]]
    return out


def _nodes(federation: Federation, datasets: Mapping[str, tuple[str, ...]]) -> list[dict[str, Any]]:
    nodes = []
    for worker in federation.workers:
        own = [{"name": name} for name, owners in datasets.items() if worker.id in owners]
        if own:
            nodes.append({"name": worker.hostname, "datasets": own})
    return nodes
